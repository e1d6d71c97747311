//! `FlightFeed`: consumes `flight.*` into the local inventory, so that booking needs no other service
//! to sell; and `FlightFollower`, which updates the allocators of this instance.

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

/// The events of flights.
const FLIGHT_EVENTS: [EventType; 3] =
    [EventType::FlightPublished, EventType::FlightChanged, EventType::FlightCancelled];

/// Writes flights into the inventory, a batch at a time.
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

    /// Stores states one by one and gives those that were stored. The others are retried later, and become dead letters
    /// in the end.
    async fn store_each(
        &self,
        batch: &[Delivery],
        dispositions: &mut [Disposition],
        states: Vec<(FlightState, Value)>,
    ) -> (Vec<FlightState>, Vec<SeatsState>) {
        let (mut stored, mut seats) = (Vec::with_capacity(states.len()), Vec::new());
        for one in states {
            let (state, subject) = (one.0.clone(), one.0.id.to_string());
            let error = match commit_flights(&self.pool, vec![one]).await {
                Ok(changed) => {
                    stored.push(state);
                    seats.extend(changed);
                    continue;
                }
                Err(error) => error,
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
        (stored, seats)
    }
}

/// Commits the newest state of each flight. Gives the seats of those whose passengers have moved with it.
///
/// # Errors
/// Those of the database.
pub(crate) async fn commit_flights(
    pool: &Pool,
    newest: Vec<(FlightState, Value)>,
) -> Result<Vec<SeatsState>, DbError> {
    let pool = pool.clone();
    // A task of its own: the transaction ends even if its caller dies.
    let task = tokio::spawn(async move {
        let mut connection = pool.get().await?;
        let connection: &mut AsyncPgConnection = &mut connection;
        let stored = connection
            .transaction(async |connection: &mut AsyncPgConnection| {
                store::flight_updates::store(connection, &newest).await
            })
            .await;
        stored.map_err(DbError::from)
    });
    task.await.unwrap_or_else(|error| Err(DbError::Unavailable(error.to_string().into())))
}

/// Tells this instance's allocators of committed flights and of the seats that have changed with them.
pub(crate) fn announce(directory: &Directory, stored: Vec<FlightState>, seats: Vec<SeatsState>) {
    stored.into_iter().for_each(|state| directory.flight_changed(flight(state)));
    seats.into_iter().for_each(|state| directory.seats_changed(state, None));
    directory.flights_arrived();
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
            let (stored, seats) = match commit_flights(&self.pool, states.clone()).await {
                Ok(seats) => (states.into_iter().map(|(state, _)| state).collect(), seats),
                Err(error) if error.is_outage() => return paused(&error, dispositions),
                // One of them cannot be stored: store each by itself.
                Err(_) => self.store_each(batch, &mut dispositions, states).await,
            };
            // A state that was not stored must not reach the allocators.
            announce(&self.directory, stored, seats);
            self.disruptions.nudge();
            dispositions
        })
    }
}

fn cause(error: &DbError) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}

/// Readable states wait for the database; unreadable ones stay rejected.
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

/// The whole document of a flight, with members that this release does not know.
fn document(delivery: &Delivery) -> Result<Value, String> {
    delivery.event.data().map_err(|error| error.to_string())
}

fn flight(state: FlightState) -> Flight {
    Flight { on_sale: is_sold(&state), state: Arc::new(state) }
}

/// Consumes the events of flights and seats for this instance's allocators.
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
            let is_new =
                event.subject.parse().is_ok_and(|id| self.directory.lacks_version(id, event.version));
            if is_new && let Ok(state) = event.data::<SeatsState>() {
                self.directory.seats_changed(state, None);
            }
        } else if let Ok(state) = read(delivery) {
            self.directory.flight_changed(flight(state));
            self.directory.flights_arrived();
        }
    }
}

impl Handler for FlightFollower {
    /// Unreadable events are skipped: the work queue keeps them.
    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Disposition>> {
        batch.iter().for_each(|delivery| self.follow(delivery));
        Box::pin(std::future::ready(batch.iter().map(|_| Disposition::Ack).collect()))
    }

    /// Events without a listener are lost: every allocator reads its seats.
    fn connected(&self) -> BoxFuture<'_, ()> {
        self.directory.active().into_iter().for_each(|id| self.directory.invalidate(id));
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
#[path = "flight_feed_tests.rs"]
mod tests;
