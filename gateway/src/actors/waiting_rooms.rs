//! `WaitingRooms`: the waiting rooms of overloaded flights, shared by all instances through the database.
//!
//! The actor repeats one run: it opens rooms for reported overloads, issues tickets to those who have arrived since,
//! moves the marks, and publishes what it has read. Requests read the published rooms without asking it. So any number
//! of arrivals costs one statement a run.
//!
//! A holder gets one ticket of a room at a gateway, however often it asks: otherwise few could hold all places.
//!
//! Invariants: tickets of a room are numbered in the order in which its runs issued them, on all instances. A mark is
//! moved by one instance at a time, by the time since it was moved. A database that does not answer opens the rooms:
//! booking's own admission control then decides, as without a waiting room.

use crate::{
    domain::{
        queue_ticket::{QueueTicket, TicketHolder, TicketSigner},
        waiting_room::{AdmissionPolicy, TicketStanding, WaitingRoom},
    },
    store::waiting_rooms::{self, RoomAt},
};
use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::AsyncPgConnection;
use moka::sync::Cache;
use shared::{
    db::{
        DatabaseConfig, DbError, Pool,
        notifications::{self, Listener, ListenerEvent},
    },
    ids::{FlightId, UserId},
    ticker::Ticker,
};
use std::{
    collections::{BTreeMap, HashMap},
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

/// Between two runs while a room is open.
const PACE: Duration = Duration::from_millis(200);
/// While none is: other instances notify of rooms that they open. Without notifications it looks more often.
const IDLE: Duration = Duration::from_secs(10);
const IDLE_AND_DEAF: Duration = Duration::from_secs(1);
/// Between two moves of a mark at least. Runs in between only read it.
const BETWEEN_MOVES: TimeDelta = TimeDelta::milliseconds(100);
/// How long a request waits for a run.
const PATIENCE: Duration = Duration::from_secs(2);
/// How old the published rooms may be; with older ones nobody is held.
const STALE: Duration = Duration::from_secs(3);
/// Requests that may wait for one run; more are refused.
const MOST_ARRIVALS: usize = 8192;
/// Tickets that are remembered, and for how long after their last use.
const REMEMBERED: u64 = 200_000;
const REMEMBERED_FOR: Duration = Duration::from_secs(3600);
/// Rooms at most, the closed ones included. Flights beyond them get none.
const MOST_ROOMS: usize = 1000;

/// The time of a run, made from the database's clock. Tests hold it still.
type Clock = Arc<dyn Fn(DateTime<Utc>) -> DateTime<Utc> + Send + Sync>;

/// A cloneable handle.
#[derive(Clone)]
pub(crate) struct WaitingRooms {
    desk: Arc<Desk>,
    ticker: Option<Ticker>,
    _listener: Option<Arc<Listener>>,
}

/// What a request may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RoomEntry {
    /// The flight has no open waiting room.
    Free,
    /// The request has an admitted ticket.
    Admitted,
    /// The request has to wait.
    Queued(QueuePlace),
    /// Too many arrive at the same time.
    Full,
}

/// A place in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueuePlace {
    /// 1 is the next one to be admitted.
    pub(crate) position: i64,
    /// When to ask again.
    pub(crate) wait: Duration,
    pub(crate) ticket: String,
}

/// An overload that booking has reported for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OverloadReport {
    /// Whether the request had an admitted ticket: then admission slows down.
    pub(crate) admitted: bool,
    /// Whether the request takes a place in the room.
    pub(crate) queues: bool,
}

/// What the requests and the runs share.
struct Desk {
    pool: Pool,
    channel: String,
    policy: AdmissionPolicy,
    signer: TicketSigner,
    clock: Clock,
    rooms: watch::Sender<PublishedRooms>,
    /// The newest ticket of each holder that this instance has issued.
    issued: Cache<TicketHolder, QueueTicket>,
    arrivals: Mutex<Vec<Arrival>>,
    listening: AtomicBool,
    failing: AtomicBool,
}

/// The rooms as a run has read them.
#[derive(Debug)]
struct PublishedRooms {
    /// Before they were read.
    at: Instant,
    open: HashMap<FlightId, WaitingRoom>,
    /// The closed ones included.
    total: usize,
}

/// A request that waits for a run.
struct Arrival {
    holder: TicketHolder,
    report: Option<OverloadReport>,
    /// Gets its place; dropped where there is none.
    place: oneshot::Sender<QueuePlace>,
}

/// A place that was issued, and the request that waits for it.
type IssuedPlace = (oneshot::Sender<QueuePlace>, QueuePlace);

impl Arrival {
    fn queues(&self) -> bool {
        self.report.is_none_or(|report| report.queues)
    }
}

impl WaitingRooms {
    /// Starts them on the present arbiter. A policy whose rate is 0 has no rooms.
    pub(crate) fn start(
        pool: Pool,
        database: &DatabaseConfig,
        signer: TicketSigner,
        policy: AdmissionPolicy,
    ) -> Self {
        Self::with_clock(pool, database, (signer, policy), Arc::new(|database| database))
    }

    fn with_clock(
        pool: Pool,
        database: &DatabaseConfig,
        (signer, policy): (TicketSigner, AdmissionPolicy),
        clock: Clock,
    ) -> Self {
        let none = PublishedRooms { at: Instant::now(), open: HashMap::new(), total: 0 };
        let desk = Arc::new(Desk {
            pool,
            channel: format!("{}.waiting_rooms", database.schema),
            policy,
            signer,
            clock,
            rooms: watch::Sender::new(none),
            issued: Cache::builder().max_capacity(REMEMBERED).time_to_idle(REMEMBERED_FOR).build(),
            arrivals: Mutex::default(),
            listening: AtomicBool::new(false),
            failing: AtomicBool::new(false),
        });
        if policy.rate == 0 {
            return Self { desk, ticker: None, _listener: None };
        }
        let (paced, run) = (Arc::clone(&desk), Arc::clone(&desk));
        let ticker =
            Ticker::paced("waiting rooms", move || paced.pace(), || false, async move || run.run().await);
        let (told, nudged) = (Arc::clone(&desk), ticker.clone());
        let listener = Listener::start(database, desk.channel.clone(), move |event| {
            told.listening.store(event != ListenerEvent::Deaf, Ordering::Release);
            nudged.nudge();
        });
        Self { desk, ticker: Some(ticker), _listener: Some(Arc::new(listener)) }
    }

    /// Which queue a booking of these flights belongs to: that of its ticket, else the first that is open.
    pub(crate) fn queue_of(
        &self,
        flights: &[FlightId],
        user: UserId,
        shown: Option<&str>,
    ) -> Option<TicketHolder> {
        let holders = flights.iter().map(|flight| TicketHolder { flight: *flight, user });
        let mut open = holders.filter(|holder| self.desk.room_of(holder.flight).is_some());
        let first = open.next()?;
        let has_ticket =
            |holder: &TicketHolder| shown.is_some_and(|text| self.desk.signer.read(text, *holder).is_some());
        if has_ticket(&first) { Some(first) } else { open.find(has_ticket).or(Some(first)) }
    }

    /// What a request may do that arrives at a flight, with the ticket that it shows.
    ///
    /// A ticket that is not valid for the holder in this room counts as none: the request gets the place that the holder
    /// has already, or one at the end.
    pub(crate) async fn enter(&self, holder: TicketHolder, shown: Option<&str>) -> RoomEntry {
        let arrived = Instant::now();
        let Some(room) = self.desk.room_of(holder.flight) else { return RoomEntry::Free };
        let is_valid = |ticket: &QueueTicket| room.standing(ticket) != TicketStanding::Void;
        let shown = shown.and_then(|text| self.desk.signer.read(text, holder)).filter(is_valid);
        let ticket = shown.or_else(|| self.desk.issued.get(&holder).filter(is_valid));
        let Some(ticket) = ticket else { return self.arrive(holder, None).await };
        if room.standing(&ticket) == TicketStanding::Admitted {
            return RoomEntry::Admitted;
        }
        // Another instance may have moved the mark. Only a mark that is read now lets nobody overtake.
        self.refreshed(arrived).await;
        match self.desk.room_of(holder.flight).map(|room| room.standing(&ticket)) {
            None => RoomEntry::Free,
            Some(TicketStanding::Admitted) => RoomEntry::Admitted,
            Some(TicketStanding::Waiting { position, wait }) => {
                let ticket = self.desk.signer.sign(&ticket, holder);
                RoomEntry::Queued(QueuePlace { position, wait, ticket })
            }
            Some(TicketStanding::Void) => self.arrive(holder, None).await,
        }
    }

    /// Takes a report of overload, which opens the flight's room or keeps it open. Returns the place of a request that
    /// queues; `None` where there is no room to be had.
    pub(crate) async fn overloaded(
        &self,
        holder: TicketHolder,
        report: OverloadReport,
    ) -> Option<QueuePlace> {
        match self.arrive(holder, Some(report)).await {
            RoomEntry::Queued(place) => Some(place),
            _ => None,
        }
    }

    /// Waits for the run that serves an arrival.
    async fn arrive(&self, holder: TicketHolder, report: Option<OverloadReport>) -> RoomEntry {
        let Some(ticker) = &self.ticker else { return RoomEntry::Free };
        let (place, placed) = oneshot::channel();
        {
            let mut arrivals = self.desk.arrivals();
            if arrivals.len() >= MOST_ARRIVALS {
                return RoomEntry::Full;
            }
            arrivals.push(Arrival { holder, report, place });
        }
        ticker.nudge();
        match timeout(PATIENCE, placed).await {
            Ok(Ok(place)) => RoomEntry::Queued(place),
            _ => RoomEntry::Free,
        }
    }

    /// Waits for rooms that were read after this time. It gives up when the database does not answer.
    async fn refreshed(&self, since: Instant) {
        let Some(ticker) = &self.ticker else { return };
        let mut rooms = self.desk.rooms.subscribe();
        ticker.nudge();
        let _late = timeout(PATIENCE, rooms.wait_for(|rooms| rooms.at >= since)).await;
    }

    /// Stops after the present run.
    pub(crate) async fn stop(&self) {
        if let Some(ticker) = &self.ticker {
            ticker.stop().await;
        }
    }
}

impl Desk {
    fn arrivals(&self) -> MutexGuard<'_, Vec<Arrival>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open room of a flight, unless what is known of it is stale.
    fn room_of(&self, flight: FlightId) -> Option<WaitingRoom> {
        let rooms = self.rooms.borrow();
        rooms.open.get(&flight).copied().filter(|_| rooms.at.elapsed() <= STALE)
    }

    fn pace(&self) -> Duration {
        match (self.rooms.borrow().open.is_empty(), self.listening.load(Ordering::Acquire)) {
            (false, _) => PACE,
            (true, true) => IDLE,
            (true, false) => IDLE_AND_DEAF,
        }
    }

    /// One run. Arrivals whose run fails are not held.
    async fn run(&self) {
        let arrivals = mem::take(&mut *self.arrivals());
        let ran = self.try_run(arrivals).await;
        let failed_before = self.failing.swap(ran.is_err(), Ordering::Relaxed);
        match ran {
            Err(error) if !failed_before => {
                tracing::warn!(%error, "Waiting rooms are open to everybody until the database answers");
            }
            Ok(()) if failed_before => tracing::info!("Waiting rooms are kept again"),
            _ => {}
        }
    }

    async fn try_run(&self, arrivals: Vec<Arrival>) -> Result<(), DbError> {
        let mut connection = self.pool.get().await?;
        self.open(&mut connection, &arrivals).await?;
        let issued = self.issue(&mut connection, arrivals).await?;
        let at = Instant::now();
        let rooms = waiting_rooms::all(&mut connection).await?;
        let rooms = self.advance(&mut connection, rooms).await?;
        let total = rooms.len();
        let open: HashMap<_, _> = rooms
            .into_iter()
            .filter(|at| at.room.closed_at.is_none())
            .map(|at| (at.flight, at.room))
            .collect();
        measure(&open);
        self.rooms.send_replace(PublishedRooms { at, open, total });
        // Only now: otherwise requests that follow an answered one would still find the room closed, and overtake.
        for (place, queued) in issued {
            // A client that has gone leaves its place; the mark passes over it.
            let _gone = place.send(queued);
        }
        Ok(())
    }

    /// Opens the rooms of flights for which overload was reported, and tells the other instances of new ones.
    async fn open(&self, connection: &mut AsyncPgConnection, arrivals: &[Arrival]) -> Result<(), DbError> {
        let mut overloads: BTreeMap<FlightId, bool> = BTreeMap::new();
        for (flight, report) in
            arrivals.iter().filter_map(|arrival| Some((arrival.holder.flight, arrival.report?)))
        {
            *overloads.entry(flight).or_default() |= report.admitted;
        }
        let opens = {
            let rooms = self.rooms.borrow();
            let mut left = MOST_ROOMS.saturating_sub(rooms.total);
            let mut opens = false;
            overloads.retain(|flight, _| {
                let is_new = !rooms.open.contains_key(flight);
                let fits = !is_new || left > 0;
                left -= usize::from(is_new && fits);
                opens |= is_new && fits;
                fits
            });
            opens
        };
        if overloads.is_empty() {
            return Ok(());
        }
        waiting_rooms::open(connection, overloads, self.policy.full_rate()).await?;
        if opens {
            tracing::info!("A waiting room was opened for a flight that is overloaded");
            if let Err(error) = notifications::notify(connection, self.channel.clone()).await {
                tracing::warn!(%error, "Other instances find a new waiting room by polling");
            }
        }
        Ok(())
    }

    /// Issues tickets to the holders that have arrived, in their order.
    async fn issue(
        &self,
        connection: &mut AsyncPgConnection,
        arrivals: Vec<Arrival>,
    ) -> Result<Vec<IssuedPlace>, DbError> {
        // A holder who has arrived more than once gets one ticket.
        let mut waiting: HashMap<TicketHolder, Vec<oneshot::Sender<QueuePlace>>> = HashMap::new();
        let mut queues: BTreeMap<FlightId, Vec<TicketHolder>> = BTreeMap::new();
        for Arrival { holder, place, .. } in arrivals.into_iter().filter(Arrival::queues) {
            let places = waiting.entry(holder).or_default();
            if places.is_empty() {
                queues.entry(holder.flight).or_default().push(holder);
            }
            places.push(place);
        }
        let mut issued = Vec::new();
        if queues.is_empty() {
            return Ok(issued);
        }
        let counts =
            queues.iter().map(|(flight, queue)| (*flight, i64::try_from(queue.len()).unwrap_or(i64::MAX)));
        for RoomAt { flight, room, clock } in waiting_rooms::issue(connection, counts).await? {
            let queue = queues.remove(&flight).unwrap_or_default();
            for (number, holder) in (1..=room.issued).rev().zip(queue.into_iter().rev()) {
                let ticket = QueueTicket::new(room.created_at, number, clock);
                if let TicketStanding::Waiting { position, wait } = room.standing(&ticket) {
                    self.issued.insert(holder, ticket);
                    let place = QueuePlace { position, wait, ticket: self.signer.sign(&ticket, holder) };
                    let places = waiting.remove(&holder).unwrap_or_default();
                    issued.extend(places.into_iter().map(|waits| (waits, place.clone())));
                }
            }
        }
        Ok(issued)
    }

    /// Moves the marks that were not moved just now, closes and deletes rooms; returns the rooms as they are then.
    async fn advance(
        &self,
        connection: &mut AsyncPgConnection,
        mut rooms: Vec<RoomAt>,
    ) -> Result<Vec<RoomAt>, DbError> {
        let Some(now) = rooms.first().map(|first| (self.clock)(first.clock)) else { return Ok(rooms) };
        let moves: Vec<_> = rooms
            .iter()
            .filter(|at| (now - at.room.moved_at).abs() >= BETWEEN_MOVES)
            .map(|at| (at.flight, at.room, at.room.advanced(now, &self.policy)))
            .filter(|(_, before, after)| before != after)
            .collect();
        if !moves.is_empty() {
            let moved = waiting_rooms::advance(connection, &moves).await?;
            // What another instance has moved meanwhile is known from the next read.
            for (flight, _, after) in moves.iter().filter(|(flight, ..)| moved.contains(flight)) {
                rooms.iter_mut().filter(|at| at.flight == *flight).for_each(|at| at.room = *after);
            }
        }
        let age = self.policy.stay * 2;
        if rooms.iter().any(|at| at.room.closed_at.is_some_and(|closed| now - closed > age)) {
            waiting_rooms::delete_closed(connection, now, age).await?;
        }
        Ok(rooms)
    }
}

fn measure(open: &HashMap<FlightId, WaitingRoom>) {
    let waiting: i64 = open.values().map(WaitingRoom::waiting).sum();
    metrics::gauge!("aerobus_waiting_rooms_open").set(u32::try_from(open.len()).unwrap_or(u32::MAX));
    metrics::gauge!("aerobus_waiting_rooms_tickets").set(u32::try_from(waiting).unwrap_or(u32::MAX));
}

#[cfg(test)]
#[path = "waiting_rooms_tests.rs"]
mod tests;
