//! The ledgers of an instance. What they decide, and how batches are processed, is in the crate `booking-engine`.
//!
//! Flights are spread over shards; each shard has a [`Ledger`](actor) on an arbiter of its own, with a connection of its
//! own. Commands that arrive while its transaction runs form the next one, across the flights of the shard: one durable
//! commit for many bookings. Answers are given after the commit.
//!
//! | file | what |
//! |---|---|
//! | [`handle`] | what others ask of the ledgers |
//! | [`actor`] | hands batches of its queue to the processor |

mod actor;
mod handle;
#[cfg(test)]
mod tests;

pub(crate) use actor::LedgerDeps;
pub(crate) use handle::Ledgers;
