//! The rules that only the service needs: the reports for staff, and the live seat maps. The rules of booking are in
//! the crate `booking-engine`.
//!
//! | module | rule |
//! |---|---|
//! | [`live_seats`], [`seat_event`] | the state and the events of a live seat map |
//! | [`manifest`], [`stats`] | the reports for staff |

pub(crate) mod live_seats;
pub(crate) mod manifest;
pub(crate) mod seat_event;
pub(crate) mod stats;
