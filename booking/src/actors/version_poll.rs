//! `VersionPoll`: while the bus is away, follows other instances by the versions of active flights.

use super::directory::Directory;
use crate::store;
use actix::prelude::*;
use shared::{bus::Bus, db::Pool, ids::FlightId};
use std::{collections::HashMap, time::Duration};
use uuid::Uuid;

/// How often versions are looked at.
const POLL: Duration = Duration::from_millis(250);

/// See the module.
pub(crate) struct VersionPoll {
    pub(crate) bus: Bus,
    pub(crate) pool: Pool,
    pub(crate) directory: Directory,
    /// The versions seen last; empty while the bus is there.
    seen: HashMap<FlightId, (i64, i64)>,
    polling: bool,
}

impl VersionPoll {
    pub(crate) fn new(bus: Bus, pool: Pool, directory: Directory) -> Self {
        Self { bus, pool, directory, seen: HashMap::new(), polling: false }
    }

    fn poll(&mut self, ctx: &mut Context<Self>) {
        if self.pool.is_closed() {
            ctx.stop();
            return;
        }
        if self.bus.is_connected() {
            self.seen.clear();
            return;
        }
        if self.polling {
            return;
        }
        self.polling = true;
        let pool = self.pool.clone();
        let active: Vec<Uuid> = self.directory.active().into_iter().map(Uuid::from).collect();
        let task = actix::spawn(async move {
            let connection = pool.get().await?;
            store::flights::versions(&connection, active).await.map_err(shared::db::DbError::from)
        });
        // Interleaves: a slow database only puts off the next poll.
        ctx.spawn(task.into_actor(self).map(|read, poll, _| {
            poll.polling = false;
            let Ok(Ok(versions)) = read else { return };
            // Those that are no longer active are forgotten with their versions.
            let before = std::mem::take(&mut poll.seen);
            for (id, version, seats) in versions {
                if before.get(&id) != Some(&(version, seats)) {
                    poll.directory.seats_unknown(id);
                }
                poll.seen.insert(id, (version, seats));
            }
        }));
    }
}

impl Actor for VersionPoll {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(POLL, Self::poll);
    }
}
