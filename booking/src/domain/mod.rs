//! The rules of booking: pure, without I/O, actors or SQL.
//!
//! | module | rule |
//! |---|---|
//! | [`booking`] | a booking and its state machine |
//! | [`hold`] | how long seats are kept |
//! | [`payment`], [`refund`] | what is charged and given back, and how it is booked |
//! | [`price`] | what a party pays on a flight |
//! | [`passenger`], [`contact`] | who travels and how to reach them |
//! | [`party`] | which passengers may travel together, and what they want of seats |
//! | [`assignment`] | which seats a party gets |
//! | [`seat_map`] | the cabin as travellers see it |
//! | [`flight`] | whether a flight can be booked |
//! | [`locator`], [`ticket`] | references that are printed |
//! | [`idempotency`] | what makes two requests the same |
//! | [`manifest`], [`stats`] | what staff see |
//! | [`refusal`] | the expected answers that are no booking |

pub(crate) mod assignment;
pub(crate) mod booking;
pub(crate) mod contact;
pub(crate) mod flight;
pub(crate) mod hold;
pub(crate) mod idempotency;
pub(crate) mod locator;
pub(crate) mod manifest;
pub(crate) mod party;
pub(crate) mod passenger;
pub(crate) mod payment;
pub(crate) mod price;
pub(crate) mod refund;
pub(crate) mod refusal;
#[cfg(test)]
pub(crate) mod samples;
pub(crate) mod seat_map;
pub(crate) mod stats;
pub(crate) mod ticket;
