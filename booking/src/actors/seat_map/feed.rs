//! `SeatMapFeed`: one actor a flight, which sends the changes of its seats to all readers.
//!
//! An event is written once and shared by all readers. Each reader has a bounded queue; a reader whose queue is
//! full is too slow and is dropped, so that no reader waits for another. The first change is sent at once, the
//! changes soon after it together.
//!
//! Invariant: the events in a reader's queue lead it to version `shown`; a reader joins only while that is the
//! present version.

use super::{
    deps::FeedDeps,
    messages::{EndFeed, FlightUpdate, JoinFeed, Joined, NotJoined},
};
use crate::{
    actors::allocator::read_flight,
    domain::{live_seats::LiveSeats, seat_event},
};
use actix::prelude::*;
use booking_engine::inventory::{flight::Flight, seat_inventory::SeatSnapshot};
use bytes::Bytes;
use shared::{
    db::DbError,
    events::{FlightState, SeatsState},
    ids::FlightId,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::{mpsc, oneshot};

/// Events in a reader's queue; a reader with more to read is too slow.
const QUEUE: usize = 64;
/// Requests to join that wait in the mailbox.
const MAILBOX: usize = 1024;
/// How long after a failed read the next one begins.
const READ_RETRY: Duration = Duration::from_millis(500);
/// Heartbeats without readers after which a feed ends: until then a reader that comes back resumes.
const ALONE: u32 = 4;

struct Joining {
    seen: Option<i64>,
    /// The read that has to end first. Later reads, for other readers, do not delay this one.
    needs: u64,
    done: oneshot::Sender<Result<Joined, NotJoined>>,
}

/// See the module.
pub(super) struct SeatMapFeed {
    id: FlightId,
    deps: FeedDeps,
    seats: Option<LiveSeats>,
    /// The newest seats and flight that came before the seats were read.
    early: (Option<Arc<SeatsState>>, Option<Flight>),
    /// The seats may have changed since they were read.
    stale: bool,
    reading: bool,
    /// Reads that have begun, and how many of them are done.
    reads: (u64, u64),
    /// A change came during the read: another read follows.
    reread: bool,
    /// The version that the readers know.
    shown: i64,
    /// The flight changed: the next event is the whole map.
    resend_all: bool,
    /// The event of the whole map of version `shown`.
    snapshot: Option<Bytes>,
    /// An event was sent just now; the next one waits.
    pausing: bool,
    joining: Vec<Joining>,
    readers: Vec<mpsc::Sender<Bytes>>,
    /// Heartbeats in a row without readers.
    alone: u32,
}

impl SeatMapFeed {
    pub(super) fn new(id: FlightId, deps: FeedDeps) -> Self {
        Self {
            id,
            deps,
            seats: None,
            early: (None, None),
            stale: true,
            reading: false,
            reads: (0, 0),
            reread: false,
            shown: 0,
            resend_all: false,
            snapshot: None,
            pausing: false,
            joining: Vec::new(),
            readers: Vec::new(),
            alone: 0,
        }
    }

    /// Reads the seats, once for all who wait.
    fn read(&mut self, ctx: &mut Context<Self>) {
        self.stale = true;
        if self.reading {
            self.reread = true;
            return;
        }
        self.reading = true;
        self.reads.0 += 1;
        let (pool, flights, id) = (self.deps.pool.clone(), self.deps.flights.clone(), self.id);
        // A task of its own: a connection must not be dropped in the middle of a query.
        let task = actix::spawn(async move { read_flight(&pool, &flights, id).await });
        // Interleaves: updates come in meanwhile.
        ctx.spawn(task.into_actor(self).map(|read, feed, ctx| {
            feed.reading = false;
            feed.reads.1 = feed.reads.0;
            match read {
                Ok(Ok(Some((flight, read)))) => feed.apply_snapshot(flight, &read),
                Ok(Ok(None)) => feed.refuse(&NotJoined::Unknown),
                Ok(Err(error)) => feed.fail(error, ctx),
                Err(error) => feed.fail(DbError::Unavailable(error.to_string().into()), ctx),
            }
            if std::mem::take(&mut feed.reread) {
                feed.read(ctx);
            }
            feed.show(ctx);
        }));
    }

    fn apply_snapshot(&mut self, flight: Flight, read: &SeatSnapshot) {
        self.stale = false;
        let taken = read.taken.iter().map(|taken| (taken.seat, taken.sold)).collect();
        if let Some(seats) = &mut self.seats {
            seats.change(read.seats_version, taken);
            self.apply_flight(flight.state);
            return;
        }
        self.seats = Some(LiveSeats::new(flight.state, read.seats_version, taken));
        self.shown = read.seats_version;
        let (seats, flight) = std::mem::take(&mut self.early);
        flight.into_iter().for_each(|flight| self.apply_flight(flight.state));
        seats.into_iter().for_each(|seats| self.apply_seats(&seats));
    }

    fn apply_flight(&mut self, flight: Arc<FlightState>) {
        if let Some(seats) = &mut self.seats
            && seats.change_flight(flight)
        {
            (self.resend_all, self.snapshot) = (true, None);
        }
    }

    fn apply_seats(&mut self, state: &Arc<SeatsState>) {
        match &mut self.seats {
            Some(seats) if state.version > seats.version() => {
                let held = state.held.iter().map(|seat| (*seat, false));
                seats
                    .change(state.version, held.chain(state.sold.iter().map(|seat| (*seat, true))).collect());
            }
            Some(_) => {}
            None if self.early.0.as_ref().is_none_or(|early| early.version < state.version) => {
                self.early.0 = Some(Arc::clone(state));
            }
            None => {}
        }
    }

    fn fail(&mut self, error: DbError, ctx: &mut Context<Self>) {
        tracing::warn!(%error, flight.id = %self.id, "The seats of a live map could not be read");
        self.refuse(&NotJoined::Failed(Arc::new(error)));
        if !self.readers.is_empty() && !self.reread {
            ctx.run_later(READ_RETRY, |feed, ctx| feed.read(ctx));
        }
    }

    fn refuse(&mut self, reason: &NotJoined) {
        // An error means that nobody waits any longer.
        self.joining.drain(..).for_each(|joining| drop(joining.done.send(Err(reason.clone()))));
    }

    /// Sends the readers the changes since `shown`, unless an event was sent just now, and lets others join.
    fn show(&mut self, ctx: &mut Context<Self>) {
        let Some(seats) = &self.seats else { return };
        if self.resend_all || seats.version() != self.shown {
            if self.pausing {
                return;
            }
            if !self.readers.is_empty() {
                let changed = if self.resend_all { None } else { seats.since(self.shown) };
                let event = changed.map_or_else(
                    || seat_event::snapshot(&seats.map()),
                    |changed| seat_event::seats(seats.version(), &changed),
                );
                metrics::counter!("booking_seat_map_events_total").increment(1);
                self.pausing = true;
                ctx.run_later(self.deps.timing.pause, |feed, ctx| {
                    feed.pausing = false;
                    feed.show(ctx);
                });
                self.send(&event);
            }
            (self.resend_all, self.snapshot) = (false, None);
            self.shown = self.seats.as_ref().map_or(self.shown, LiveSeats::version);
        }
        self.admit();
    }

    fn send(&mut self, event: &Bytes) {
        self.readers.retain(|reader| match reader.try_send(event.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                // Its stream ends after the events in its queue; the reader may come back and resume from there.
                metrics::counter!("booking_seat_map_dropped_total").increment(1);
                false
            }
        });
    }

    /// Lets readers join whose read is done, now that all readers know the present version.
    fn admit(&mut self) {
        let (_, finished) = self.reads;
        let ready: Vec<_> = self.joining.extract_if(.., |joining| joining.needs <= finished).collect();
        for Joining { seen, done, .. } in ready {
            let first = self.first(seen);
            let (sender, events) = mpsc::channel(QUEUE);
            // An error means that nobody waits any longer.
            if done.send(Ok(Joined { first, events })).is_ok() {
                self.readers.push(sender);
            }
        }
    }

    /// The event that brings a reader from the version that it has seen to the present one.
    fn first(&mut self, seen: Option<i64>) -> Option<Bytes> {
        let seats = self.seats.as_ref()?;
        if let Some(seen) = seen
            && let Some(changed) = seats.since_seen(seen)
        {
            return (seen != seats.version()).then(|| seat_event::seats(seats.version(), &changed));
        }
        Some(self.snapshot.get_or_insert_with(|| seat_event::snapshot(&seats.map())).clone())
    }

    fn beat(&mut self, ctx: &mut Context<Self>) {
        self.send(&seat_event::HEARTBEAT);
        let here = !self.readers.is_empty() || !self.joining.is_empty();
        self.alone = if here { 0 } else { self.alone + 1 };
        if self.alone >= ALONE {
            // A request in this moment finds the mailbox closed, and starts another feed.
            self.deps.running.remove(self.id);
            ctx.stop();
        }
    }
}

impl Actor for SeatMapFeed {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_interval(self.deps.timing.heartbeat, Self::beat);
    }
}

impl Handler<JoinFeed> for SeatMapFeed {
    type Result = ResponseFuture<Result<Joined, NotJoined>>;

    // Interleaves: only the waiting is in the answer.
    fn handle(&mut self, JoinFeed { seen }: JoinFeed, ctx: &mut Context<Self>) -> Self::Result {
        let (done, joined) = oneshot::channel();
        // A reader may have seen a version that is newer than ours, on an instance ahead of us. A read that begins
        // now reaches that version, or it does not exist.
        let behind = seen > self.seats.as_ref().map(LiveSeats::version);
        if behind || (self.stale && !self.reading) {
            self.read(ctx);
        }
        let needs = self.reads.0 + u64::from(behind && self.reread);
        self.joining.push(Joining { seen, needs, done });
        self.show(ctx);
        Box::pin(async move {
            joined.await.unwrap_or_else(|_| {
                Err(NotJoined::Failed(Arc::new(DbError::Unavailable("the feed was stopped".into()))))
            })
        })
    }
}

impl Handler<FlightUpdate> for SeatMapFeed {
    type Result = ();

    fn handle(&mut self, update: FlightUpdate, ctx: &mut Context<Self>) {
        match update {
            FlightUpdate::Seats(state) => {
                debug_assert_eq!(state.flight_id, self.id, "a feed gets updates of its own flight only");
                self.apply_seats(&state);
            }
            FlightUpdate::Flight(flight) if self.seats.is_some() => self.apply_flight(flight.state),
            FlightUpdate::Flight(flight) => {
                let known = self.early.1.as_ref().map(|early| early.state.version);
                if known.is_none_or(|version| version < flight.state.version) {
                    self.early.1 = Some(flight);
                }
            }
            FlightUpdate::Invalidated => self.read(ctx),
        }
        self.show(ctx);
    }
}

impl Handler<EndFeed> for SeatMapFeed {
    type Result = ();

    // The queues end with their senders, and the streams with them.
    fn handle(&mut self, _: EndFeed, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
