//! Live seat maps: who follows a flight's seats is told of each change.
//!
//! ```text
//!  HTTP workers ── SeatMapFeeds (handle) ── joins ──> SeatMapFeed, one a flight ──> a queue a reader
//!                        │ starts, forgets                 ^ tells
//!                        └────> RunningFeeds <── Directory (commits, bus, poll)
//! ```
//! A feed starts with the first reader of its flight and ends some heartbeats after the last one. Its
//! memory is a cache, read from the database when it starts; it follows the commits of all instances.

mod feed;
mod feeds;
#[cfg(test)]
mod tests;

pub(crate) use feeds::{Bounds, FeedTiming, News, RunningFeeds, SeatMapFeeds};
