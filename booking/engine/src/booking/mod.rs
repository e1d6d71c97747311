//! A booking: its life and its rules.
//!
//! | file | rule |
//! |---|---|
//! | [`priced_order`] | an order with seats and prices |
//! | [`record`], [`presentation`] | a booking, and how it is shown |
//! | [`lifecycle`] | its state machine |
//! | [`hold`] | how long seats are kept without payment |
//! | [`itinerary`] | which flights may be booked together |
//! | [`seat_change`], [`name_correction`] | changes by travellers |
//! | [`disruption`], [`flight_impact`] | changes by the airline, and what they mean |
//! | [`locator`], [`ticket`] | printed references |
//! | [`idempotency`] | when two requests are the same |
//! | [`refusal`] | expected answers other than a booking |

pub mod disruption;
pub mod flight_impact;
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
