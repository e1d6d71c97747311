//! `VersionPoll`: while the bus is away, follows other instances by the versions of active flights.

use super::directory::Directory;
use crate::store;
use booking_engine::ports::FlightInventory;
use shared::{
    bus::Bus,
    db::{DbError, Pool},
    ids::FlightId,
    ticker::Ticker,
};
use std::{collections::HashMap, time::Duration};
use tokio::time::sleep;
use uuid::Uuid;

/// How often it is looked whether the bus is away.
const LOOK: Duration = Duration::from_secs(1);
/// Between two reads of the versions while it is.
const POLL: Duration = Duration::from_millis(250);

/// See the module.
struct VersionPoll {
    bus: Bus,
    pool: Pool,
    directory: Directory,
    /// The versions seen last; empty while the bus is there.
    seen: HashMap<FlightId, (i64, i64)>,
}

/// Starts it on the present arbiter; it ends when the pool is closed.
pub(crate) fn start(bus: Bus, pool: Pool, directory: Directory) {
    let of_end = pool.clone();
    let mut poll = VersionPoll { bus, pool, directory, seen: HashMap::new() };
    Ticker::start("version poll", LOOK, move || of_end.is_closed(), async move || poll.follow().await);
}

impl VersionPoll {
    /// Reads the versions again and again until the bus is back, or the service stops.
    async fn follow(&mut self) {
        while !self.bus.is_connected() && !self.pool.is_closed() {
            self.look().await;
            sleep(POLL).await;
        }
        self.seen.clear();
    }

    async fn look(&mut self) {
        // A database that does not answer only delays the next read.
        let Ok(versions) = self.versions().await else { return };
        // The versions of flights that are no longer active are forgotten.
        let before = std::mem::take(&mut self.seen);
        for (id, version, seats) in versions {
            if before.get(&id) != Some(&(version, seats)) {
                self.directory.invalidate(id);
            }
            self.seen.insert(id, (version, seats));
        }
    }

    async fn versions(&self) -> Result<Vec<(FlightId, i64, i64)>, DbError> {
        let active: Vec<Uuid> = self.directory.active().into_iter().map(Uuid::from).collect();
        let connection = self.pool.get().await?;
        Ok(store::flights::versions(&connection, active).await?)
    }
}
