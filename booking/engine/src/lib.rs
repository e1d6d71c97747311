//! What decides about bookings: rules, the way of a sale, the ledger's batches, the saga of a payment.
//!
//! It knows no actor, no HTTP and no database. The service gives it these through the [`ports`]; the simulation gives it
//! a model of them, and drives the same code through faults in virtual time.
//!
//! | module | what it holds |
//! |---|---|
//! | [`booking`] | a booking, its life, its rules |
//! | [`inventory`] | flights, seats, prices |
//! | [`passengers`] | who travels together, and how to reach them |
//! | [`payment`] | payments, refunds, quotes and their ledger entries |
//! | [`sell`] | the way of a request |
//! | [`ledger`] | batches of commands, and what they decide |
//! | [`saga`] | a payment from its authorisation to its settlement |
//! | [`expire`] | holds whose time is over |
//! | [`follow`] | bookings follow what the airline did to their flights |
//! | [`ports`], [`store_error`] | what the engine needs of the world around it |

#![allow(missing_docs)]

pub mod booking;
pub mod expire;
pub mod follow;
pub mod inventory;
pub mod ledger;
pub mod passengers;
pub mod payment;
pub mod ports;
pub mod saga;
#[cfg(any(test, feature = "samples"))]
pub mod samples;
pub mod sell;
pub mod store_error;
