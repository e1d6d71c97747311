//! Stripe: payment intents over its HTTP API, with manual capture.
//!
//! | port | calls |
//! |---|---|
//! | authorise | create an intent; store its id with our payment; confirm it |
//! | find | read the intent whose id is stored; without one nothing was ever asked |
//! | capture, void | capture, cancel |
//! | refund | look for ours among the intent's refunds; else create it |
//!
//! An intent can be charged once. It is confirmed only after its id was stored. The first stored id counts, and no id
//! is stored for a payment that is decided. So a payment has one intent that can ever be charged, however often and by
//! however many instances it is asked for. A voided payment has no intent, or a known one that is cancelled. None of
//! this depends on Stripe's memory of idempotency keys, which it keeps for a day at least. Each request that changes
//! something still sends a key, derived from our ids. An intent that was created and never confirmed (the process died
//! before its id was stored) never moves money.
//!
//! A bank that asks for the cardholder (3-D Secure) counts as a refusal: there is no page for that step. The intent is
//! cancelled.

mod adapter;
mod client;
mod intent;
mod settings;
#[cfg(test)]
mod tests;

pub(crate) use adapter::Stripe;
pub(crate) use settings::StripeSettings;
