//! The decisions about bookings: rules, the way of a sale, the ledger's batches, the saga of a payment.
//!
//! The crate knows no actor, no HTTP and no database. The service provides these through the [`ports`]. The simulation
//! provides models of them, and drives the same code through faults in virtual time.
//!
//! | module | content |
//! |---|---|
//! | [`booking`] | a booking, its life, its rules |
//! | [`inventory`] | flights, seats, prices |
//! | [`passengers`] | passengers, parties and contacts |
//! | [`payment`] | payments, refunds, quotes and their ledger entries |
//! | [`sell`] | the way of a request |
//! | [`ledger`] | batches of commands, and the decisions about them |
//! | [`saga`] | a payment from its authorisation to its settlement |
//! | [`expire`] | the sweep of holds that have ended |
//! | [`follow`] | bookings follow the airline's changes of their flights |
//! | [`ports`], [`store_error`] | the traits that service and simulation implement, and the errors of a store |

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
