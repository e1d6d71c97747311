//! The way of a request: flights, reservations, the ledger, the payment.
//!
//! | file | content |
//! |---|---|
//! | [`sales`] | the type whose methods are the requests, and its dependencies |
//! | [`order`], [`outcome`] | an order, and the outcome of a request |
//! | [`idempotent`] | runs a request once for its idempotency key |
//! | [`running_keys`] | the keys whose requests run |
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
pub mod running_keys;
pub mod sales;
