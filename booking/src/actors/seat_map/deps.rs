//! What a feed is given.

use super::running_feeds::RunningFeeds;
use crate::store::flight_cache::FlightCache;
use shared::db::Pool;
use std::time::Duration;

/// When events are sent to readers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FeedTiming {
    /// Between two events of a flight at least.
    pub(crate) pause: Duration,
    /// Between two signs of life.
    pub(crate) heartbeat: Duration,
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub(super) struct FeedDeps {
    pub(super) pool: Pool,
    pub(super) flights: FlightCache,
    pub(super) timing: FeedTiming,
    pub(super) running: RunningFeeds,
}
