//! What decides about bookings: rules, the way of a sale, the ledger's batches, the saga of a payment.
//!
//! It knows no actor, no HTTP and no database. The service gives it these through the ports; the simulation gives it
//! a model of them, and drives the same code through faults in virtual time.
//!
//! | module | what it holds |
//! |---|---|
//! | [`booking`] | a booking, its life, its rules |
//! | [`inventory`] | flights, seats, prices |
//! | [`passengers`] | who travels together, and how to reach them |
//! | [`payment`] | payments, refunds, quotes and their ledger entries |
//! | [`saga`] | a payment from its authorisation to its settlement |

#![allow(missing_docs)]

pub mod booking;
pub mod inventory;
pub mod passengers;
pub mod payment;
pub mod saga;
#[cfg(any(test, feature = "samples"))]
pub mod samples;
