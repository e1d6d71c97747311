//! The rules of booking: pure, without I/O, actors or SQL.
//!
//! | module | rule |
//! |---|---|
//! | [`booking`], [`presentation`] | a booking, and how it is shown |
//! | [`lifecycle`] | its state machine |
//! | [`hold`] | how long seats are kept |
//! | [`payment`], [`refund`] | what is charged and given back, and how it is booked |
//! | [`quote`] | what a cancellation would give back |
//! | [`seat_change`], [`name_correction`] | what travellers may change |
//! | [`disruption`] | what the airline's changes mean for bookings |
//! | [`saga`] | what is to be done next for a payment |
//! | [`price`] | what a party pays on a flight |
//! | [`itinerary`] | which flights may be booked together |
//! | [`passenger`], [`former_names`], [`contact`] | who travels and how to reach them |
//! | [`party`] | which passengers may travel together, and what they want of seats |
//! | [`assignment`] | which seats a party gets |
//! | [`seat_book`] | what an allocator remembers, and decides from it |
//! | [`seat_map`] | the cabin as travellers see it |
//! | [`live_seats`], [`seat_event`] | what those are told who follow it |
//! | [`flight`] | whether a flight can be booked |
//! | [`locator`], [`ticket`] | references that are printed |
//! | [`idempotency`] | what makes two requests the same |
//! | [`manifest`], [`stats`] | what staff see |
//! | [`refusal`] | the expected answers that are no booking |

pub(crate) mod assignment;
pub(crate) mod booking;
pub(crate) mod contact;
pub(crate) mod disruption;
pub(crate) mod flight;
mod former_names;
pub(crate) mod hold;
pub(crate) mod idempotency;
pub(crate) mod itinerary;
pub(crate) mod lifecycle;
pub(crate) mod live_seats;
pub(crate) mod locator;
pub(crate) mod manifest;
pub(crate) mod name_correction;
pub(crate) mod party;
pub(crate) mod passenger;
pub(crate) mod payment;
pub(crate) mod presentation;
pub(crate) mod price;
pub(crate) mod quote;
pub(crate) mod refund;
pub(crate) mod refusal;
pub(crate) mod saga;
#[cfg(test)]
pub(crate) mod samples;
pub(crate) mod seat_book;
pub(crate) mod seat_change;
pub(crate) mod seat_event;
pub(crate) mod seat_map;
pub(crate) mod stats;
pub(crate) mod ticket;
