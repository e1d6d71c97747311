//! The saga of a payment.

pub mod step;
