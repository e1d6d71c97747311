//! Live seat maps: the readers of a flight's seats get each change as an event.
//!
//! ```text
//!  HTTP workers ── SeatMapFeeds (handle) ── joins ──> SeatMapFeed, one a flight ──> a queue for each SeatMapReader
//!                        │ starts, forgets                 ^ updates
//!                        └────> RunningFeeds <── Directory (commits, bus, poll)
//! ```
//! A feed starts with the first reader of its flight and ends some heartbeats after the last one. Its
//! memory is a cache, read from the database when it starts; it follows the commits of all instances.

mod deps;
mod feed;
mod feeds;
mod messages;
mod reader;
mod running_feeds;
#[cfg(test)]
mod tests;

pub(crate) use deps::FeedTiming;
pub(crate) use feeds::SeatMapFeeds;
pub(crate) use messages::FlightUpdate;
pub(crate) use running_feeds::{ReaderLimits, RunningFeeds};
