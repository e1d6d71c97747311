//! The way of the rows: read, published, confirmed, deleted.

use super::{actor::Relay, progress::WINDOW};
use crate::{
    bus::BusError,
    events::EventType,
    outbox::pending::{self, OutboxRow, TurnRequest},
};
use actix::prelude::*;
use diesel_async::AsyncPgConnection;
use futures_util::{StreamExt, stream::FuturesUnordered};
use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between two turns at least: many commits are published with one read, and what was published is taken out with the
/// next read. Nobody who waits for an event notices so little.
const GATHER: Duration = Duration::from_millis(20);

impl Relay {
    /// Deletes what is confirmed and reads what is next.
    pub(super) fn turn(&mut self, request: TurnRequest, ctx: &mut Context<Self>) {
        self.lingers_until = Instant::now() + GATHER;
        let limits = request.lanes.each_ref().map(|lane| lane.limit);
        let (source, deleted) = (self.source, request.deleting.len() as u64);
        let query =
            async move |connection: &mut AsyncPgConnection| pending::turn(connection, source, request).await;
        self.query(ctx, query, move |relay, rows, ctx| {
            if deleted > 0 {
                metrics::counter!("outbox_published_total", "source" => relay.source).increment(deleted);
            }
            if relay.progress.end_turn(rows.iter().map(|row| row.seq), limits) {
                relay.see_backlog(pending::Backlog { pending: 0, lag: 0.0 });
            }
            relay.publish(rows, ctx);
        });
    }

    /// Publishes rows in their order, which is taken here, synchronously.
    fn publish(&mut self, rows: Vec<OutboxRow>, ctx: &mut Context<Self>) {
        let (mut places, mut events) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        let outdated = outdated(&rows);
        for OutboxRow { seq, event } in rows {
            match event {
                Ok(_) if outdated.contains(&seq) => self.progress.skip(seq),
                Ok(event) => {
                    self.progress.publish(seq);
                    places.push(seq);
                    events.push(Arc::new(event));
                }
                Err(error) => {
                    tracing::error!(outbox.seq = seq, %error, "An event cannot be published by this release");
                    self.progress.stick(seq);
                }
            }
        }
        if events.is_empty() {
            return;
        }
        let published = places.into_iter().zip(self.bus.publish_all(events));
        let flights: FuturesUnordered<_> =
            published.map(|(seq, published)| async move { (seq, published.await) }).collect();
        // One stream a read, and whatever has landed of it at once: a future per row would have the
        // actor poll every one of them for each confirm.
        let landings = flights.ready_chunks(WINDOW);
        let flight = self.flight.clone();
        let landings =
            landings.take_until(flight.clone().cancelled_owned()).map(move |landed| (flight.clone(), landed));
        ctx.add_stream(landings);
    }

    /// A publish failed: gives back all that is in flight, and begins again after a while.
    fn give_back(&mut self, error: &BusError, ctx: &mut Context<Self>) {
        self.flight.cancel();
        self.flight = CancellationToken::new();
        let (count, delay) = (self.progress.give_back(), self.publish_backoff.delay());
        tracing::warn!(
            outbox.source = self.source, outbox.unconfirmed = count, %error, delay_ms = delay.as_millis(),
            "Events are published again"
        );
        self.held = true;
        ctx.run_later(delay, |relay, ctx| {
            relay.held = false;
            relay.progress.look(true);
            relay.go_on(ctx);
        });
    }
}

/// The places of events about seats that a newer event of the same read outdates. Consumers need the newest seats of a
/// flight only, and each event tells all of them.
fn outdated(rows: &[OutboxRow]) -> HashSet<i64> {
    let mut newest: HashMap<&str, (i64, i64)> = HashMap::new();
    let mut outdated = HashSet::new();
    for OutboxRow { seq, event } in rows {
        let Ok(event) = event else { continue };
        if event.kind != EventType::SeatsChanged {
            continue;
        }
        let older = match newest.entry(event.subject.as_str()) {
            Entry::Vacant(entry) => {
                entry.insert((event.version, *seq));
                continue;
            }
            Entry::Occupied(entry) if entry.get().0 > event.version => *seq,
            Entry::Occupied(mut entry) => entry.insert((event.version, *seq)).1,
        };
        outdated.insert(older);
    }
    outdated
}

/// What has landed of a read, with the token of its flight.
type Landed = (CancellationToken, Vec<(i64, Result<(), BusError>)>);

impl StreamHandler<Landed> for Relay {
    fn handle(&mut self, (flight, landed): Landed, ctx: &mut Self::Context) {
        let mut failed = None;
        for (seq, published) in landed {
            match published {
                Ok(()) => self.progress.confirm(seq),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match failed {
            // A flight that was given back before has nothing to add.
            Some(error) if !flight.is_cancelled() => self.give_back(&error, ctx),
            Some(_) => {}
            None => self.publish_backoff.reset(),
        }
        self.go_on(ctx);
    }

    fn finished(&mut self, _: &mut Self::Context) {
        // One stream of many; the default would stop the actor.
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Event, EventType};

    #[test]
    fn of_the_seats_of_a_flight_only_the_newest_are_published() {
        let row = |(seq, kind, subject, version)| {
            let event = Event::new("booking", kind, subject, version, &serde_json::Value::Null);
            OutboxRow { seq, event: Ok(event) }
        };
        let rows = [
            (1, EventType::SeatsChanged, "a", 4),
            (2, EventType::BookingHeld, "a", 1),
            (3, EventType::SeatsChanged, "b", 1),
            (4, EventType::SeatsChanged, "a", 6),
            (5, EventType::SeatsChanged, "a", 5),
            (6, EventType::BookingHeld, "a", 2),
        ];
        assert_eq!(outdated(&rows.map(row)), HashSet::from([1, 5]));
    }
}
