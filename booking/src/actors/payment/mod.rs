//! Payments: the desk that carries their sagas out, the port to providers, and its two adapters.
//!
//! | file | what |
//! |---|---|
//! | [`handle`] | what others ask of the desk |
//! | [`desk`] | the actor: takes payments on, and looks for those that were left |
//! | [`steps`] | carries out what `domain/saga.rs` decides |
//! | [`sweep`] | takes up what was left; tells how much is unsettled |
//! | [`circuit`] | refuses payments while the provider is silent |
//! | [`gathering`] | gathers what comes at nearly the same time |
//! | [`notes`] | writes down what the provider has done, many payments at a time |
//! | [`keeper`] | starts again what has died |
//! | [`provider`] | the port |
//! | [`sandbox`], [`stripe`] | its adapters |

mod circuit;
mod desk;
mod gathering;
mod handle;
mod keeper;
mod notes;
mod provider;
mod sandbox;
mod steps;
mod stripe;
mod sweep;
#[cfg(test)]
mod tests;

pub(crate) use handle::{Admission, Charge, Charged, NotAdmitted, PaymentDesk, Times};
pub(crate) use provider::PaymentProvider;
pub(crate) use sandbox::Sandbox;
pub(crate) use stripe::{Stripe, StripeSettings};
