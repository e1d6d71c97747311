//! Payments: the desk that has their sagas carried out, and the two adapters of providers. What a saga does next, and how
//! its steps are carried out, is in the crate `booking-engine`.
//!
//! | file | what |
//! |---|---|
//! | [`handle`] | what others ask of the desk |
//! | [`desk`] | the actor: takes payments on |
//! | [`deps`] | what the sagas of this instance are given |
//! | [`watched_provider`] | the provider as sagas ask it |
//! | [`circuit`] | refuses payments while the provider is silent |
//! | [`settlement_writer`] | writes down which payments are settled, many at a time |
//! | [`batch_linger`] | lets a batch grow for a while |
//! | [`unsettled_gauges`] | tells how much is unsettled |
//! | [`sandbox`], [`stripe`] | providers |

mod batch_linger;
mod circuit;
mod deps;
mod desk;
mod handle;
mod sandbox;
mod settlement_writer;
mod stripe;
#[cfg(test)]
mod tests;
mod unsettled_gauges;
mod watched_provider;

pub(crate) use handle::{PaymentDesk, PaymentTimes};
pub(crate) use sandbox::Sandbox;
pub(crate) use stripe::{Stripe, StripeSettings};
pub(crate) use watched_provider::SharedProvider;
