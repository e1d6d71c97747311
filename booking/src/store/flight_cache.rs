//! The cache of the states of flights, so that a booking reads no large JSON. It is never stale: a state is used only
//! if the flight's row, read just before, names no newer version.

use super::flights;
use booking_engine::booking::record::Flights;
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use moka::sync::Cache;
use shared::{events::FlightState, ids::FlightId};
use std::sync::Arc;
use uuid::Uuid;

/// A cloneable handle; clones share the cache.
#[derive(Clone)]
pub struct FlightCache(Cache<FlightId, Arc<FlightState>>);

impl FlightCache {
    /// A cache of `flights` flights at most.
    pub(crate) fn new(flights: u64) -> Self {
        Self(Cache::new(flights))
    }

    /// Shows how many flights are in memory.
    pub(crate) fn measure(&self) {
        self.0.run_pending_tasks();
        #[expect(clippy::cast_precision_loss, reason = "a count of flights")]
        metrics::gauge!("booking_cached_flights").set(self.0.entry_count() as f64);
    }

    /// The states of flights whose versions the caller has just read. Unknown flights are left out.
    pub(crate) async fn at_versions(
        &self,
        connection: &AsyncPgConnection,
        wanted: impl IntoIterator<Item = (FlightId, i64)>,
    ) -> QueryResult<Flights> {
        let mut found = Flights::new();
        let mut missing: Vec<Uuid> = Vec::new();
        for (id, version) in wanted {
            match self.0.get(&id).filter(|state| state.version >= version) {
                Some(state) => {
                    found.insert(id, state);
                }
                None => missing.push(id.0),
            }
        }
        if !missing.is_empty() {
            for state in flights::states(connection, &missing).await? {
                self.0.insert(state.id, state.clone());
                found.insert(state.id, state);
            }
        }
        Ok(found)
    }

    /// The present states of flights.
    pub(crate) async fn current(
        &self,
        connection: &AsyncPgConnection,
        ids: impl IntoIterator<Item = FlightId>,
    ) -> QueryResult<Flights> {
        let mut ids: Vec<Uuid> = ids.into_iter().map(Uuid::from).collect();
        ids.sort_unstable();
        ids.dedup();
        let versions = flights::versions(connection, ids).await?;
        self.at_versions(connection, versions.into_iter().map(|(id, version, _)| (id, version))).await
    }
}
