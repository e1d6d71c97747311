//! What only the service needs of the rules: what staff see, and what those see who follow a seat map. The rules of
//! booking themselves are in the crate `booking-engine`.
//!
//! | module | rule |
//! |---|---|
//! | [`live_seats`], [`seat_event`] | what those are told who follow a seat map |
//! | [`manifest`], [`stats`] | what staff see |

pub(crate) mod live_seats;
pub(crate) mod manifest;
pub(crate) mod seat_event;
pub(crate) mod stats;
