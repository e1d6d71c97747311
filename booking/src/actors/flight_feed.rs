//! `FlightFeed`: consumes `flight.*` into the local inventory, so that booking needs no other service
//! to sell; and `FlightFollower`, which tells the allocators of this instance.

use super::{directory::Directory, disruption_desk::DisruptionDesk};
use crate::store;
use booking_engine::{
    inventory::flight::{Flight, is_sold},
    ports::FlightInventory,
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use futures_util::future::BoxFuture;
use serde_json::Value;
use shared::{
    bus::{Delivery, Disposition, Handler, Subscription, queues},
    db::{DbError, Pool},
    events::{EventType, FlightState, SeatsState},
    ids::FlightId,
};
use std::{collections::HashMap, sync::Arc};

/// What is told of flights.
const FLIGHT_EVENTS: [EventType; 3] =
    [EventType::FlightPublished, EventType::FlightChanged, EventType::FlightCancelled];

/// Works flights into the inventory, a batch at a time.
pub(crate) struct FlightFeed {
    pool: Pool,
    directory: Directory,
    disruptions: DisruptionDesk,
}

impl FlightFeed {
    pub(crate) fn new(pool: Pool, directory: Directory, disruptions: DisruptionDesk) -> Self {
        Self { pool, directory, disruptions }
    }

    /// The work queue that all instances share.
    pub(crate) fn subscription() -> Subscription {
        Subscription::of(&queues::BOOKING_FLIGHTS).batch(256)
    }

    /// Stores states one by one; those that cannot be stored are tried again later, and in the end
    /// kept as dead letters. Gives those that were stored.
    async fn store_each(
        &self,
        batch: &[Delivery],
        dispositions: &mut [Disposition],
        states: Vec<(FlightState, Value)>,
    ) -> Vec<FlightState> {
        let mut stored = Vec::with_capacity(states.len());
        for one in states {
            let (state, subject) = (one.0.clone(), one.0.id.to_string());
            let Err(error) = self.store(vec![one]).await else {
                stored.push(state);
                continue;
            };
            let reason = format!("cannot be stored: {error}: {}", cause(&error));
            let of_flight = batch
                .iter()
                .zip(dispositions.iter_mut())
                .filter(|(delivery, _)| delivery.event.subject == subject);
            for (_, disposition) in of_flight.filter(|(_, disposition)| **disposition == Disposition::Ack) {
                *disposition = match error.is_outage() {
                    true => Disposition::Pause(reason.clone()),
                    false => Disposition::Retry(reason.clone()),
                };
            }
        }
        stored
    }

    /// Commits the newest state of each flight.
    async fn store(&self, newest: Vec<(FlightState, Value)>) -> Result<(), DbError> {
        let pool = self.pool.clone();
        // A task of its own: whatever becomes of the consumer, the transaction comes to its end.
        let task = tokio::spawn(async move {
            let mut connection = pool.get().await?;
            let connection: &mut AsyncPgConnection = &mut connection;
            let stored = connection
                .transaction(async |connection: &mut AsyncPgConnection| {
                    store::flights::upsert(connection, &newest).await
                })
                .await;
            stored.map_err(DbError::from)
        });
        task.await.unwrap_or_else(|error| Err(DbError::Unavailable(error.to_string().into())))
    }
}

impl Handler for FlightFeed {
    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Disposition>> {
        Box::pin(async move {
            let mut newest: HashMap<FlightId, (FlightState, Value)> = HashMap::new();
            let mut dispositions = Vec::with_capacity(batch.len());
            for delivery in batch {
                match read(delivery).and_then(|state| Ok((state, document(delivery)?))) {
                    Ok((state, document)) => {
                        let known = newest.get(&state.id).map(|(known, _)| known.version);
                        if known.is_none_or(|version| version < state.version) {
                            newest.insert(state.id, (state, document));
                        }
                        dispositions.push(Disposition::Ack);
                    }
                    Err(reason) => dispositions.push(Disposition::DeadLetter(reason)),
                }
            }
            if newest.is_empty() {
                return dispositions;
            }
            let states: Vec<_> = newest.into_values().collect();
            let stored = match self.store(states.clone()).await {
                Ok(()) => states.into_iter().map(|(state, _)| state).collect(),
                Err(error) if error.is_outage() => return paused(&error, dispositions),
                // One of them is poison: each by itself.
                Err(_) => self.store_each(batch, &mut dispositions, states).await,
            };
            // What could not be stored is not sold by, either.
            stored.into_iter().for_each(|state| self.directory.flight_changed(flight(state)));
            self.directory.flights_arrived();
            self.disruptions.nudge();
            dispositions
        })
    }
}

fn cause(error: &DbError) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}

/// What could have been stored waits for the database; what cannot be read stays refused.
fn paused(error: &DbError, dispositions: Vec<Disposition>) -> Vec<Disposition> {
    let instead = |disposition| match disposition {
        Disposition::Ack => Disposition::Pause(error.to_string()),
        other => other,
    };
    dispositions.into_iter().map(instead).collect()
}

/// The state of a flight, or why it cannot be one.
fn read(delivery: &Delivery) -> Result<FlightState, String> {
    let state: FlightState = delivery.event.data().map_err(|error| error.to_string())?;
    if delivery.event.subject != state.id.to_string() {
        return Err("the subject is not the flight's id".to_owned());
    }
    if state.version < 1 {
        return Err("the version is not positive".to_owned());
    }
    Ok(state)
}

/// All that was told of a flight, also what this release does not know.
fn document(delivery: &Delivery) -> Result<Value, String> {
    delivery.event.data().map_err(|error| error.to_string())
}

fn flight(state: FlightState) -> Flight {
    Flight { on_sale: is_sold(&state), state: Arc::new(state) }
}

/// Hears of flights and seats on behalf of this instance's allocators.
pub(crate) struct FlightFollower {
    directory: Directory,
}

impl FlightFollower {
    pub(crate) fn new(directory: Directory) -> Self {
        Self { directory }
    }

    /// A queue of this instance alone.
    pub(crate) fn subscription() -> Subscription {
        let types = [&FLIGHT_EVENTS[..], &[EventType::SeatsChanged]].concat();
        Subscription::instance("booking.allocators", &types).batch(256)
    }

    fn follow(&self, delivery: &Delivery) {
        if delivery.event.kind == EventType::SeatsChanged {
            let event = &delivery.event;
            let is_news = event.subject.parse().is_ok_and(|id| self.directory.is_news(id, event.version));
            if is_news && let Ok(state) = event.data::<SeatsState>() {
                self.directory.seats_changed(state, None);
            }
        } else if let Ok(state) = read(delivery) {
            self.directory.flight_changed(flight(state));
            self.directory.flights_arrived();
        }
    }
}

impl Handler for FlightFollower {
    /// What cannot be read is passed over: the work queue keeps it.
    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Disposition>> {
        batch.iter().for_each(|delivery| self.follow(delivery));
        Box::pin(std::future::ready(batch.iter().map(|_| Disposition::Ack).collect()))
    }

    /// What was told while nobody listened is lost: every allocator reads its seats again.
    fn connected(&self) -> BoxFuture<'_, ()> {
        self.directory.active().into_iter().for_each(|id| self.directory.invalidate(id));
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
#[path = "flight_feed_tests.rs"]
mod tests;
