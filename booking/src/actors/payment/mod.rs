//! Payments: the desk that has their sagas carried out, and the two adapters of providers. What a saga does next, and
//! how its steps are carried out, is in the crate `booking-engine`.
//!
//! | file | what |
//! |---|---|
//! | [`handle`] | what others ask of the desk |
//! | [`messages`] | the desk's message, and the admission that goes with it |
//! | [`desk`] | the actor: carries payments out |
//! | [`deps`] | what the sagas of this instance are given |
//! | [`shared_provider`] | the type of a provider that threads share |
//! | [`watched_provider`] | limits and measures the time of a provider's answers |
//! | [`circuit`] | refuses payments while the provider is silent |
//! | [`settlement_writer`] | stores which payments are settled, many in one commit |
//! | [`batch_linger`] | lets a batch grow for a while |
//! | [`unsettled_gauges`] | counts the unsettled payments and refunds |
//! | [`sandbox`], [`stripe`] | providers |

mod batch_linger;
mod circuit;
mod deps;
mod desk;
mod handle;
mod messages;
mod sandbox;
mod settlement_writer;
mod shared_provider;
mod stripe;
#[cfg(test)]
mod tests;
mod unsettled_gauges;
mod watched_provider;

pub(crate) use handle::{PaymentDesk, PaymentTimes};
pub(crate) use sandbox::Sandbox;
pub(crate) use shared_provider::SharedProvider;
pub(crate) use stripe::{Stripe, StripeSettings};
