//! A booking: its life and its rules.
//!
//! | file | rule |
//! |---|---|
//! | [`priced_order`] | an order with seats and prices |
//! | [`record`], [`presentation`] | a booking, and how it is shown |
//! | [`lifecycle`] | its state machine |
//! | [`hold`] | how long seats are kept without payment |
//! | [`itinerary`] | which flights may be booked together |
//! | [`seat_change`], [`name_correction`] | what travellers may change |
//! | [`disruption`] | what changes by the airline mean for bookings |
//! | [`locator`], [`ticket`] | references that are printed |
//! | [`idempotency`] | what makes two requests the same |
//! | [`refusal`] | the expected answers that are no booking |

pub mod disruption;
pub mod hold;
pub mod idempotency;
pub mod itinerary;
pub mod lifecycle;
pub mod locator;
pub mod name_correction;
pub mod presentation;
pub mod priced_order;
pub mod record;
pub mod refusal;
pub mod seat_change;
pub mod ticket;
