//! `SeatMapFeed`: one actor a flight that tells all who follow its seats what changes.
//!
//! An event is written once and shared by all readers. Each reader has a bounded queue: one that is
//! full belongs to a reader that is too slow, and is taken away, so that nobody waits for anybody. The
//! first change is told at once, those that come soon after it together.
//!
//! Invariant: what is in the readers' queues leads each of them to version `shown`; a reader joins only
//! while that is the present version.

use super::feeds::{Means, News};
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

/// Events that wait for a reader; one that has more to read is too slow.
const QUEUE: usize = 64;
/// Those who want to join at the same time and wait for their turn in the mailbox.
const MAILBOX: usize = 1024;
/// After how long seats that could not be read are tried again.
const AGAIN: Duration = Duration::from_millis(500);
/// Heartbeats without readers after which a feed ends: until then, who comes back can go on.
const ALONE: u32 = 4;

/// Asks for a place among the readers.
#[derive(Message)]
#[rtype(result = "Result<Joined, NotJoined>")]
pub(super) struct Join {
    /// The version that the reader has seen last.
    pub(super) seen: Option<i64>,
}

/// A place among the readers.
#[derive(Debug)]
pub(super) struct Joined {
    /// What the reader needs to be told first.
    pub(super) first: Option<Bytes>,
    /// What comes then.
    pub(super) events: mpsc::Receiver<Bytes>,
}

/// Why there is no place.
#[derive(Debug, Clone)]
pub(super) enum NotJoined {
    Unknown,
    Failed(Arc<DbError>),
}

/// Ends the feed and all of its streams.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct End;

struct Joining {
    seen: Option<i64>,
    /// The read that has to be done first. Later ones, that others ask for, are not waited for.
    needs: u64,
    done: oneshot::Sender<Result<Joined, NotJoined>>,
}

/// See the module.
pub(super) struct SeatMapFeed {
    id: FlightId,
    means: Means,
    seats: Option<LiveSeats>,
    /// The newest that was heard of before the seats were read.
    heard: (Option<Arc<SeatsState>>, Option<Flight>),
    /// The seats may have changed since they were read.
    stale: bool,
    reading: bool,
    /// Reads that have begun, and how many of them are done.
    reads: (u64, u64),
    /// What is being read may be old by now.
    again: bool,
    /// The version that the readers know.
    shown: i64,
    /// The flight is not as it was: the next event is the whole map.
    anew: bool,
    /// The event of the whole map of version `shown`.
    snapshot: Option<Bytes>,
    /// An event was sent just now; the next one waits.
    pausing: bool,
    joining: Vec<Joining>,
    readers: Vec<mpsc::Sender<Bytes>>,
    /// Heartbeats that nobody was there for.
    alone: u32,
}

impl SeatMapFeed {
    pub(super) fn new(id: FlightId, means: Means) -> Self {
        Self {
            id,
            means,
            seats: None,
            heard: (None, None),
            stale: true,
            reading: false,
            reads: (0, 0),
            again: false,
            shown: 0,
            anew: false,
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
            self.again = true;
            return;
        }
        self.reading = true;
        self.reads.0 += 1;
        let (pool, flights, id) = (self.means.pool.clone(), self.means.flights.clone(), self.id);
        // A task of its own: a connection must not be dropped in the middle of a query.
        let task = actix::spawn(async move { read_flight(&pool, &flights, id).await });
        // Interleaves: news come in meanwhile.
        ctx.spawn(task.into_actor(self).map(|read, feed, ctx| {
            feed.reading = false;
            feed.reads.1 = feed.reads.0;
            match read {
                Ok(Ok(Some((flight, read)))) => feed.learn(flight, &read),
                Ok(Ok(None)) => feed.refuse(&NotJoined::Unknown),
                Ok(Err(error)) => feed.fail(error, ctx),
                Err(error) => feed.fail(DbError::Unavailable(error.to_string().into()), ctx),
            }
            if std::mem::take(&mut feed.again) {
                feed.read(ctx);
            }
            feed.show(ctx);
        }));
    }

    fn learn(&mut self, flight: Flight, read: &SeatSnapshot) {
        self.stale = false;
        let taken = read.taken.iter().map(|taken| (taken.seat, taken.sold)).collect();
        if let Some(seats) = &mut self.seats {
            seats.change(read.seats_version, taken);
            self.learn_flight(flight.state);
            return;
        }
        self.seats = Some(LiveSeats::new(flight.state, read.seats_version, taken));
        self.shown = read.seats_version;
        let (seats, flight) = std::mem::take(&mut self.heard);
        flight.into_iter().for_each(|flight| self.learn_flight(flight.state));
        seats.into_iter().for_each(|seats| self.learn_seats(&seats));
    }

    fn learn_flight(&mut self, flight: Arc<FlightState>) {
        if let Some(seats) = &mut self.seats
            && seats.change_flight(flight)
        {
            (self.anew, self.snapshot) = (true, None);
        }
    }

    fn learn_seats(&mut self, state: &Arc<SeatsState>) {
        match &mut self.seats {
            Some(seats) if state.version > seats.version() => {
                let held = state.held.iter().map(|seat| (*seat, false));
                seats
                    .change(state.version, held.chain(state.sold.iter().map(|seat| (*seat, true))).collect());
            }
            Some(_) => {}
            None if self.heard.0.as_ref().is_none_or(|heard| heard.version < state.version) => {
                self.heard.0 = Some(Arc::clone(state));
            }
            None => {}
        }
    }

    fn fail(&mut self, error: DbError, ctx: &mut Context<Self>) {
        tracing::warn!(%error, flight.id = %self.id, "The seats of a live map could not be read");
        self.refuse(&NotJoined::Failed(Arc::new(error)));
        if !self.readers.is_empty() && !self.again {
            ctx.run_later(AGAIN, |feed, ctx| feed.read(ctx));
        }
    }

    fn refuse(&mut self, reason: &NotJoined) {
        // An error means that nobody waits any longer.
        self.joining.drain(..).for_each(|joining| drop(joining.done.send(Err(reason.clone()))));
    }

    /// Tells the readers what they do not know, unless they were told just now, and lets others join.
    fn show(&mut self, ctx: &mut Context<Self>) {
        let Some(seats) = &self.seats else { return };
        if self.anew || seats.version() != self.shown {
            if self.pausing {
                return;
            }
            if !self.readers.is_empty() {
                let changed = if self.anew { None } else { seats.since(self.shown) };
                let event = changed.map_or_else(
                    || seat_event::snapshot(&seats.map()),
                    |changed| seat_event::seats(seats.version(), &changed),
                );
                metrics::counter!("booking_seat_map_events_total").increment(1);
                self.pausing = true;
                ctx.run_later(self.means.timing.pause, |feed, ctx| {
                    feed.pausing = false;
                    feed.show(ctx);
                });
                self.send(&event);
            }
            (self.anew, self.snapshot) = (false, None);
            self.shown = self.seats.as_ref().map_or(self.shown, LiveSeats::version);
        }
        self.admit();
    }

    fn send(&mut self, event: &Bytes) {
        self.readers.retain(|reader| match reader.try_send(event.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                // Its stream ends with what it has in its queue; it may come back and go on from there.
                metrics::counter!("booking_seat_map_dropped_total").increment(1);
                false
            }
        });
    }

    /// Lets those join whose read is done, now that the readers know the present version.
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

    /// What somebody who has seen a version needs to be told.
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
            // Who asks in this moment finds the mailbox closed, and starts a feed anew.
            self.means.running.remove(self.id);
            ctx.stop();
        }
    }
}

impl Actor for SeatMapFeed {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_interval(self.means.timing.heartbeat, Self::beat);
    }
}

impl Handler<Join> for SeatMapFeed {
    type Result = ResponseFuture<Result<Joined, NotJoined>>;

    // Interleaves: only the waiting is in the answer.
    fn handle(&mut self, Join { seen }: Join, ctx: &mut Context<Self>) -> Self::Result {
        let (done, joined) = oneshot::channel();
        // Who has seen a version that we have not heard of comes from an instance that is ahead of us: a read
        // that begins now will reach it, or the version is none.
        let behind = seen > self.seats.as_ref().map(LiveSeats::version);
        if behind || (self.stale && !self.reading) {
            self.read(ctx);
        }
        let needs = self.reads.0 + u64::from(behind && self.again);
        self.joining.push(Joining { seen, needs, done });
        self.show(ctx);
        Box::pin(async move {
            joined.await.unwrap_or_else(|_| {
                Err(NotJoined::Failed(Arc::new(DbError::Unavailable("the feed was stopped".into()))))
            })
        })
    }
}

impl Handler<News> for SeatMapFeed {
    type Result = ();

    fn handle(&mut self, news: News, ctx: &mut Context<Self>) {
        match news {
            News::Seats(state) => {
                debug_assert_eq!(state.flight_id, self.id, "feeds are told of their own flights only");
                self.learn_seats(&state);
            }
            News::Flight(flight) if self.seats.is_some() => self.learn_flight(flight.state),
            News::Flight(flight) => {
                let known = self.heard.1.as_ref().map(|heard| heard.state.version);
                if known.is_none_or(|version| version < flight.state.version) {
                    self.heard.1 = Some(flight);
                }
            }
            News::Unknown => self.read(ctx),
        }
        self.show(ctx);
    }
}

impl Handler<End> for SeatMapFeed {
    type Result = ();

    // The queues end with their senders, and the streams with them.
    fn handle(&mut self, _: End, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
