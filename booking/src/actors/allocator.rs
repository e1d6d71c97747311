//! `SeatAllocator`: one actor a flight that owns the flight's seats in memory.
//!
//! It serialises claims: who asks for a taken seat is refused at once, without the database; who gets
//! seats has them marked until the ledger has decided. Its memory is a cache: it may be killed at any
//! moment, live in several instances at once, and be behind. So it never refuses out of a state that
//! is older than [`FRESH`]: it reads the seats again first, once for all who wait. And what it grants
//! is only a proposal: the fence in the database decides.

use crate::{
    domain::{
        assignment::{CabinLayout, NoSeats, Occupancy, SeatFault, Wish},
        flight::Flight,
        price,
        refusal::{FlightSeat, Refusal},
        seat_map::SeatMap,
    },
    store::{self, flight_cache::FlightCache, flights::SeatsRead},
};
use actix::prelude::*;
use chrono::Utc;
use shared::{
    db::{DbError, Pool},
    events::{FlightState, SeatsState},
    fare::{Brand, PassengerType, SegmentPrice},
    http::FieldError,
    ids::FlightId,
    money::Currency,
    seat::{Cabin, SeatDesignator},
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

/// A state that is older is not refused from.
const FRESH: Duration = Duration::from_secs(1);
/// Requests that wait for an allocator; more are refused.
pub(super) const MAILBOX: usize = 1024;

/// What a party wants of a flight.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) segment: usize,
    pub(crate) cabin: Cabin,
    pub(crate) brand: Brand,
    pub(crate) currency: Currency,
    /// All travellers, those without seats too: for the price.
    pub(crate) party: Vec<PassengerType>,
    /// One for each traveller with a seat, with its place in the party.
    pub(crate) wishes: Vec<(usize, Wish)>,
}

/// Seats that are marked for a party, with their price.
#[derive(Debug, Clone)]
pub(crate) struct Reservation {
    /// Names the marks.
    pub(crate) ticket: u64,
    /// In the order of the wishes.
    pub(crate) seats: Vec<SeatDesignator>,
    pub(crate) price: SegmentPrice,
    /// The version of the flight that the price is of.
    pub(crate) flight_version: i64,
}

/// Why there is no reservation.
#[derive(Debug)]
pub(crate) enum NotReserved {
    Refused(Refusal),
    Failed(DbError),
    Overloaded,
}

/// Asks for seats; marks them until the deadline.
#[derive(Message)]
#[rtype(result = "Result<Reservation, NotReserved>")]
pub(super) struct Reserve {
    pub(super) wanted: Wanted,
    pub(super) deadline: Instant,
}

/// Takes marks away: the ledger has decided.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Release(pub(super) u64);

/// The seats as they are after a commit, of this instance or another.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct SeatsAre(pub(super) Arc<SeatsState>);

/// The seats may have changed: read them again before the next answer.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct SeatsUnknown;

/// The flight changed.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct FlightIs(pub(super) Flight);

/// The flight may have changed: read it again.
#[derive(Message)]
#[rtype(result = "Result<(), DbError>")]
pub(super) struct ReadAgain;

/// Asks for the seat map.
#[derive(Message)]
#[rtype(result = "Result<SeatMap, DbError>")]
pub(super) struct ShowMap;

/// Whose a seat is.
#[derive(Debug, Clone, Copy)]
enum Taken {
    Sold,
    Held(End),
}

/// When a hold ends.
#[derive(Debug, Clone, Copy)]
enum End {
    At(Instant),
    /// Not by itself: a payment is under way.
    Open,
    /// Events do not tell it. It may have ended: nothing is refused for it before it was read.
    Unknown,
}

/// A seat that is promised to a claim on its way.
#[derive(Debug, Clone, Copy)]
struct Pending {
    ticket: u64,
    until: Instant,
}

/// See the module.
pub(super) struct SeatAllocator {
    id: FlightId,
    flight: watch::Sender<Flight>,
    pool: Pool,
    flights: FlightCache,
    version: i64,
    taken: HashMap<SeatDesignator, Taken>,
    pending: HashMap<SeatDesignator, Pending>,
    /// When the state was known to be true; `None`: to be read again.
    known_at: Option<Instant>,
    /// When the flight was known to be as it is here.
    flight_known_at: Instant,
    /// Those who wait for the seats to be read; being read where there are any.
    waiting: Vec<oneshot::Sender<Result<(), Unread>>>,
    tickets: u64,
    /// Chooses between places that are equally good; differs between instances.
    spread: usize,
}

/// The seats could not be read.
#[derive(Debug, Clone)]
struct Unread(Arc<DbError>);

impl SeatAllocator {
    /// An allocator for a flight that was just read.
    pub(super) fn new(
        flight: watch::Sender<Flight>,
        read: &SeatsRead,
        (pool, flights): (Pool, FlightCache),
        spread: usize,
    ) -> Self {
        let id = flight.borrow().state.id;
        let mut allocator = Self {
            id,
            flight,
            pool,
            flights,
            version: 0,
            taken: HashMap::new(),
            pending: HashMap::new(),
            known_at: None,
            flight_known_at: Instant::now(),
            waiting: Vec::new(),
            tickets: 0,
            spread,
        };
        allocator.learn(read);
        allocator
    }

    fn is_fresh(&self) -> bool {
        self.known_at.is_some_and(|at| at.elapsed() < FRESH)
    }

    /// Whether neither a hold that may have ended nor a flight that may have changed is behind a refusal.
    fn is_sure(&self, refusal: &Refusal) -> bool {
        let unknown = |taken: &Taken| matches!(taken, Taken::Held(End::Unknown));
        match refusal {
            Refusal::SeatTaken(seats) => {
                !seats.iter().any(|seat| self.taken.get(&seat.designator).is_some_and(unknown))
            }
            Refusal::FlightFull => !self.taken.values().any(unknown),
            _ => self.flight_known_at.elapsed() < FRESH,
        }
    }

    /// Takes over what was read, unless something newer came meanwhile.
    fn learn(&mut self, read: &SeatsRead) {
        if read.seats_version < self.version {
            return;
        }
        let now = Instant::now();
        let end = |left: i64| now + Duration::from_millis(u64::try_from(left).unwrap_or(0));
        let taken = |seat: &store::flights::TakenSeat| match seat.sold {
            true => (seat.seat, Taken::Sold),
            false => (seat.seat, Taken::Held(seat.ends_in.map_or(End::Open, |left| End::At(end(left))))),
        };
        self.taken = read.taken.iter().map(taken).collect();
        self.version = read.seats_version;
        self.known_at = Some(now);
    }

    /// Whether nobody has a seat, or only a hold that has ended: the ledger ends it for good.
    fn is_free(&self, seat: SeatDesignator, now: Instant) -> bool {
        let promised = self.pending.get(&seat).is_some_and(|pending| pending.until > now);
        let taken = match self.taken.get(&seat) {
            None => false,
            Some(Taken::Held(End::At(end))) => *end > now,
            Some(Taken::Sold | Taken::Held(End::Open | End::Unknown)) => true,
        };
        !promised && !taken
    }

    /// Marks seats for a party, or refuses.
    fn reserve(&mut self, message: &Reserve) -> Result<Reservation, Refusal> {
        let now = Instant::now();
        let wanted = &message.wanted;
        let flight = self.flight.borrow().clone();
        if !flight.is_bookable(Utc::now()) {
            return Err(Refusal::FlightNotBookable);
        }
        let wishes: Vec<Wish> = wanted.wishes.iter().map(|(_, wish)| *wish).collect();
        let layout = CabinLayout::new(&flight.state.seat_plan, wanted.cabin);
        let mut free = Occupancy::all_free(&layout);
        let known = self.taken.keys().chain(self.pending.keys());
        known.filter(|seat| !self.is_free(**seat, now)).for_each(|seat| free.set(&layout, *seat, false));
        let seats = layout.assign(&free, &wishes, self.spread).map_err(|none| self.refusal(wanted, none))?;
        let price = self.price(wanted, &flight.state, now)?;
        self.tickets += 1;
        let ticket = self.tickets;
        let mark = Pending { ticket, until: message.deadline };
        self.pending.extend(seats.iter().map(|seat| (*seat, mark)));
        Ok(Reservation { ticket, seats, price, flight_version: flight.state.version })
    }

    fn price(&self, wanted: &Wanted, flight: &FlightState, now: Instant) -> Result<SegmentPrice, Refusal> {
        let taken = flight
            .seat_plan
            .seats()
            .filter(|(seat, cabin)| *cabin == wanted.cabin && !self.is_free(*seat, now));
        let taken = u32::try_from(taken.count()).unwrap_or(u32::MAX);
        let fare = (wanted.cabin, wanted.brand);
        price::of_party(flight, fare, wanted.currency, &wanted.party, taken, Utc::now())
            .map_err(|error| Refusal::Invalid(vec![no_price(wanted.segment, error)]))
    }

    fn refusal(&self, wanted: &Wanted, none: NoSeats) -> Refusal {
        let seat = |designator| FlightSeat { flight_id: self.id, designator };
        match none {
            NoSeats::Full => Refusal::FlightFull,
            NoSeats::Taken(seats) => Refusal::SeatTaken(seats.into_iter().map(seat).collect()),
            NoSeats::Faults(faults) => {
                let error = |(index, fault): &(usize, SeatFault)| {
                    let passenger = wanted.wishes[*index].0;
                    FieldError::at(format!("/passengers/{passenger}/seats/{}", wanted.segment), fault)
                };
                let unknown: Vec<_> =
                    faults.iter().filter(|(_, fault)| *fault == SeatFault::Unknown).map(error).collect();
                if unknown.is_empty() {
                    Refusal::SeatNotAllowed(faults.iter().map(error).collect())
                } else {
                    Refusal::Invalid(unknown)
                }
            }
        }
    }

    /// Reads the seats again, once for all who wait at the same time.
    fn refresh(&mut self, ctx: &mut Context<Self>) -> impl Future<Output = Result<(), DbError>> + 'static {
        let (done, read) = oneshot::channel();
        self.waiting.push(done);
        if self.waiting.len() == 1 {
            let (pool, flights, id) = (self.pool.clone(), self.flights.clone(), self.id);
            // A task of its own: a connection must not be dropped in the middle of a query.
            let task = actix::spawn(async move { read_flight(&pool, &flights, id).await });
            ctx.spawn(task.into_actor(self).map(|read, allocator, ctx| match read {
                Ok(Ok(Some((flight, read)))) => {
                    allocator.learn(&read);
                    // Not what an event has overtaken meanwhile; sales may be closed without a version.
                    if flight.state.version >= allocator.flight.borrow().state.version {
                        allocator.flight.send_replace(flight);
                        allocator.flight_known_at = Instant::now();
                    }
                    allocator.wake(&Ok(()));
                }
                // The flight is gone, or reading panicked: the directory starts again from the database.
                Ok(Ok(None)) | Err(_) => ctx.stop(),
                Ok(Err(error)) => allocator.wake(&Err(Unread(Arc::new(error)))),
            }));
        }
        async move {
            match read.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(Unread(error))) => Err(DbError::Unavailable(error.to_string().into())),
                Err(_) => Err(DbError::Unavailable("the allocator was stopped".into())),
            }
        }
    }

    fn wake(&mut self, result: &Result<(), Unread>) {
        // An error means that nobody waits any longer.
        self.waiting.drain(..).for_each(|waiter| drop(waiter.send(result.clone())));
    }

    fn map(&self) -> SeatMap {
        let sold = |taken: &Taken| matches!(taken, Taken::Sold);
        let taken = self.taken.iter().map(|(seat, taken)| (*seat, sold(taken))).collect();
        SeatMap::new(&self.flight.borrow().state, self.version, &taken)
    }
}

/// A flight and its seats as the database has them.
pub(super) async fn read_flight(
    pool: &Pool,
    flights: &FlightCache,
    id: FlightId,
) -> Result<Option<(Flight, SeatsRead)>, DbError> {
    let mut connection = pool.get().await?;
    let Some(read) = store::flights::read_seats(&mut connection, id).await? else { return Ok(None) };
    let states = flights.at_versions(&mut connection, [(id, read.version)]).await?;
    Ok(states.get(&id).map(|state| (Flight { on_sale: read.on_sale, state: state.clone() }, read)))
}

/// Where a request is wrong that has no price.
pub(super) fn no_price(segment: usize, error: price::NoPrice) -> FieldError {
    let field = match error {
        price::NoPrice::Cabin => "cabin",
        price::NoPrice::Brand | price::NoPrice::Overflow => "brand",
    };
    FieldError::at(format!("/segments/{segment}/{field}"), error)
}

impl Actor for SeatAllocator {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<Reserve> for SeatAllocator {
    type Result = ResponseActFuture<Self, Result<Reservation, NotReserved>>;

    // Interleaves: while the seats are read again, others are served.
    fn handle(&mut self, message: Reserve, ctx: &mut Context<Self>) -> Self::Result {
        if message.deadline <= Instant::now() {
            return Box::pin(fut::ready(Err(NotReserved::Overloaded)));
        }
        let known = self.known_at.is_some();
        match self.reserve(&message) {
            Ok(reservation) if known => Box::pin(fut::ready(Ok(reservation))),
            Err(refusal) if self.is_fresh() && self.is_sure(&refusal) => {
                Box::pin(fut::ready(Err(NotReserved::Refused(refusal))))
            }
            unsure => {
                if let Ok(reservation) = unsure {
                    self.pending.retain(|_, pending| pending.ticket != reservation.ticket);
                }
                let refreshed = self.refresh(ctx).into_actor(self);
                Box::pin(refreshed.map(move |refreshed, allocator, _| {
                    refreshed.map_err(NotReserved::Failed)?;
                    allocator.reserve(&message).map_err(NotReserved::Refused)
                }))
            }
        }
    }
}

impl Handler<Release> for SeatAllocator {
    type Result = ();

    fn handle(&mut self, Release(ticket): Release, _: &mut Context<Self>) {
        let now = Instant::now();
        self.pending.retain(|_, pending| pending.ticket != ticket && pending.until > now);
    }
}

impl Handler<SeatsAre> for SeatAllocator {
    type Result = ();

    fn handle(&mut self, SeatsAre(state): SeatsAre, _: &mut Context<Self>) {
        debug_assert_eq!(state.flight_id, self.id, "the directory knows whose seats they are");
        if state.version <= self.version {
            return;
        }
        // Ends of holds that are known stay known; of the others the next refusal finds out.
        let held = |seat: &SeatDesignator| match self.taken.get(seat) {
            Some(Taken::Held(end)) => (*seat, Taken::Held(*end)),
            _ => (*seat, Taken::Held(End::Unknown)),
        };
        let held: Vec<_> = state.held.iter().map(held).collect();
        self.taken = held.into_iter().chain(state.sold.iter().map(|seat| (*seat, Taken::Sold))).collect();
        self.version = state.version;
        self.known_at = Some(Instant::now());
    }
}

impl Handler<SeatsUnknown> for SeatAllocator {
    type Result = ();

    fn handle(&mut self, _: SeatsUnknown, _: &mut Context<Self>) {
        self.known_at = None;
    }
}

impl Handler<FlightIs> for SeatAllocator {
    type Result = ();

    fn handle(&mut self, FlightIs(flight): FlightIs, _: &mut Context<Self>) {
        if flight.state.version > self.flight.borrow().state.version {
            self.flight.send_replace(flight);
            self.flight_known_at = Instant::now();
        }
    }
}

impl Handler<ReadAgain> for SeatAllocator {
    type Result = ResponseFuture<Result<(), DbError>>;

    // Interleaves: while the flight is read again, others are served.
    fn handle(&mut self, _: ReadAgain, ctx: &mut Context<Self>) -> Self::Result {
        Box::pin(self.refresh(ctx))
    }
}

impl Handler<ShowMap> for SeatAllocator {
    type Result = ResponseActFuture<Self, Result<SeatMap, DbError>>;

    // Interleaves: while the seats are read again, others are served.
    fn handle(&mut self, _: ShowMap, ctx: &mut Context<Self>) -> Self::Result {
        if self.is_fresh() {
            return Box::pin(fut::ready(Ok(self.map())));
        }
        let refreshed = self.refresh(ctx).into_actor(self);
        Box::pin(refreshed.map(|refreshed, allocator, _| refreshed.map(|()| allocator.map())))
    }
}
