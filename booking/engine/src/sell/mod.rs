//! The way of a request: flights, reservations, the ledger, the payment.
//!
//! | file | what |
//! |---|---|
//! | [`sales`] | the type whose methods are the requests, and what it needs |
//! | [`order`], [`outcome`] | what is ordered, and what comes of it |
//! | [`idempotent`] | once for each idempotency key |
//! | [`check`] | an order against its flights |
//! | [`reserve`] | offers of all flights, and seats on all of them or on none |
//! | [`purchase`] | a new booking, held or paid |
//! | [`amend`] | changes of one that exists: payment, cancellation, seats, names, contact |

pub mod amend;
pub mod check;
pub mod idempotent;
pub mod order;
pub mod outcome;
pub mod purchase;
pub mod reserve;
pub mod sales;
