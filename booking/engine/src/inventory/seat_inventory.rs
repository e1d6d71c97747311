//! An allocator's knowledge of a flight's seats, and its decisions. It has no clock, no database and no mailbox: its
//! owner brings these.
//!
//! The inventory is a cache, and may be stale. It does not refuse from a state older than [`FRESH`], nor because of an
//! uncertain fact. In these cases it is [unsure](ReservationDecision::Unsure), and its owner reads the seats again.
//! A reservation is only a proposal: the unique constraint (flight_id, seat) decides.
//!
//! Reservations only keep requests under way from colliding. A price counts held and sold seats, but no reserved ones:
//! many reservations may come to nothing, and a client could raise the price for others by reserving seats in vain. So
//! several requests under way may get the same booking class, and a class may sell beyond its share by the number of
//! seats under way at once. This is intended: travellers pay the offered price.

use crate::{
    booking::{
        hold,
        refusal::{FlightSeat, InvalidMember, Member, Refusal},
    },
    inventory::{
        assignment::{CabinLayout, NoSeats, Occupancy, SeatFault, Wish},
        flight::Flight,
        price,
        seat_map::SeatMap,
    },
};
use chrono::{DateTime, Utc};
use shared_types::{
    events::{FlightState, SeatsState},
    fare::{Brand, PassengerType, SegmentPrice},
    ids::{FlightId, UserId},
    money::Currency,
    seat::{Cabin, SeatDesignator},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

/// The age of a state from which on the inventory no longer refuses from it.
pub const FRESH: Duration = Duration::from_secs(1);

/// A party's request for seats of a flight.
#[derive(Debug, Clone)]
pub struct SeatRequest {
    /// The account that the seats are for.
    pub owner: UserId,
    /// Whether the limit on reserved seats of an account does not apply.
    pub exempt: bool,
    /// The position of the flight in the order, for refusals.
    pub segment: usize,
    /// The cabin.
    pub cabin: Cabin,
    /// The fare to price; `None`: the booking has its price, and only changes seats.
    pub fare: Option<FareRequest>,
    /// One wish for each traveller with a seat, after the traveller's position in the party.
    pub wishes: Vec<(usize, Wish)>,
}

/// A request for a price.
#[derive(Debug, Clone)]
pub struct FareRequest {
    /// The brand of the fare.
    pub brand: Brand,
    /// The currency of the price.
    pub currency: Currency,
    /// The types of all travellers, with those of infants.
    pub party: Vec<PassengerType>,
}

/// Reserved seats of a party, with their price.
#[derive(Debug, Clone)]
pub struct SeatGrant {
    /// The reservation.
    pub reservation: ReservationId,
    /// The seats in the order of the wishes.
    pub seats: Vec<SeatDesignator>,
    /// The price of the party; zero if the request has no fare.
    pub price: SegmentPrice,
    /// The version of the flight's state that the price was computed from.
    pub flight_version: i64,
}

/// The identifier of a reservation within its inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReservationId(u64);

/// The decision about a request for seats.
#[derive(Debug)]
pub enum ReservationDecision {
    /// The seats are reserved.
    Granted(SeatGrant),
    /// The seats cannot be had, and this is certain.
    Refused(Refusal),
    /// The cached seats do not suffice for a refusal: read them again before the decision.
    Unsure,
}

/// A seat that is held or sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenSeat {
    /// The seat.
    pub seat: SeatDesignator,
    /// Whether it is sold; else it is held.
    pub sold: bool,
    /// Milliseconds until the hold ends, negative if it has ended. `None`: it does not end, because the seat is sold or
    /// a payment is under way.
    pub ends_in: Option<i64>,
}

/// The ends of holds of a flight after a commit of this instance that made or changed them.
#[derive(Debug, Clone)]
pub struct HoldExpiries {
    /// The version of the flight's seats after that commit.
    pub seats_version: i64,
    /// The held seats with the ends of their holds.
    pub holds: Vec<TakenSeat>,
    /// The instant that `ends_in` counts from, not after the reading of the database's clock. A hold that seems to end
    /// too early costs the next claim of its seat one try at the unique constraint. A hold that seems to end too late
    /// would refuse that claim wrongly.
    pub as_of: Instant,
}

/// The seats of a flight as the database has them.
#[derive(Debug, Clone)]
pub struct SeatSnapshot {
    /// The version of the flight's state.
    pub version: i64,
    /// Whether the flight is sold.
    pub on_sale: bool,
    /// Booking's own sequence of seat changes.
    pub seats_version: i64,
    /// The seats that are not free.
    pub taken: Vec<TakenSeat>,
}

/// The instant of a decision, by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct ClockReading {
    /// By the machine's monotonic clock.
    pub now: Instant,
    /// By the machine's wall clock.
    pub utc: DateTime<Utc>,
}

/// The state of a seat that is not free.
#[derive(Debug, Clone, Copy)]
enum SeatHolder {
    Sold,
    Held(HoldEnd),
}

/// When a hold ends.
#[derive(Debug, Clone, Copy)]
enum HoldEnd {
    /// At this instant. It ends earlier only if the airline has moved a flight of the booking forward; the allocators
    /// of other instances learn that when the hold is expired.
    At(Instant),
    /// It does not end: a payment was under way at this instant. This is believed for [`FRESH`]: another instance may
    /// decline the payment, and informs only its own allocators.
    Open(Instant),
    /// Unknown, because events do not carry it. The hold may have ended: the inventory refuses nothing for it before
    /// the seats are read.
    Unknown,
}

/// The end of a hold that was read at `now`.
fn end_of(hold: &TakenSeat, now: Instant) -> HoldEnd {
    let at = |left: i64| HoldEnd::At(now + Duration::from_millis(u64::try_from(left).unwrap_or(0)));
    hold.ends_in.map_or(HoldEnd::Open(now), at)
}

/// The reservation of a seat for a claim on its way.
#[derive(Debug, Clone, Copy)]
struct Reserved {
    reservation: ReservationId,
    owner: UserId,
    until: Instant,
}

/// The seats of one flight in memory, with the reservations of requests under way.
#[derive(Debug)]
pub struct SeatInventory {
    id: FlightId,
    version: i64,
    taken: BTreeMap<SeatDesignator, SeatHolder>,
    reserved: HashMap<SeatDesignator, Reserved>,
    /// When the seats were known to be up to date; `None`: read them again.
    known_at: Option<Instant>,
    /// When the state of the flight was known to be up to date.
    flight_known_at: Instant,
    /// The last identifier in use.
    last_reservation: ReservationId,
    /// The layouts of the cabins, of this version of the flight's state.
    layouts: (i64, HashMap<Cabin, Arc<CabinLayout>>),
    /// Chooses among equally good seats; differs between instances.
    tie_break: usize,
}

impl SeatInventory {
    /// The inventory of a flight that was read at `now`. `tie_break`: chooses among equally good seats, and should
    /// differ between instances.
    pub fn new(id: FlightId, read: &SeatSnapshot, now: Instant, tie_break: usize) -> Self {
        let mut book = Self {
            id,
            version: 0,
            taken: BTreeMap::new(),
            reserved: HashMap::new(),
            known_at: None,
            flight_known_at: now,
            last_reservation: ReservationId(0),
            layouts: (0, HashMap::new()),
            tie_break,
        };
        book.apply_snapshot(read, now);
        book
    }

    /// Applies a snapshot that was read at `now` or later. If the inventory has a newer version already, from an event
    /// without the ends of holds, it takes only the ends of holds that it lacks.
    pub fn apply_snapshot(&mut self, read: &SeatSnapshot, now: Instant) {
        if read.seats_version < self.version {
            for hold in read.taken.iter().filter(|seat| !seat.sold) {
                if let Some(SeatHolder::Held(end @ (HoldEnd::Unknown | HoldEnd::Open(_)))) =
                    self.taken.get_mut(&hold.seat)
                {
                    *end = end_of(hold, now);
                }
            }
            return;
        }
        let taken = |seat: &TakenSeat| match seat.sold {
            true => (seat.seat, SeatHolder::Sold),
            false => (seat.seat, SeatHolder::Held(end_of(seat, now))),
        };
        self.taken = read.taken.iter().map(taken).collect();
        self.version = read.seats_version;
        self.known_at = Some(now);
    }

    /// Applies the seats after a commit of this instance or another one. Ignores an older version.
    pub fn apply_seats(&mut self, state: &SeatsState, now: Instant) {
        assert_eq!(state.flight_id, self.id, "the seats are of this flight");
        if state.version <= self.version {
            return;
        }
        // Known ends of holds stay known. For the others the next refusal has the seats read.
        let held = |seat: &SeatDesignator| match self.taken.get(seat) {
            Some(SeatHolder::Held(end)) => (*seat, SeatHolder::Held(*end)),
            _ => (*seat, SeatHolder::Held(HoldEnd::Unknown)),
        };
        let held: Vec<_> = state.held.iter().map(held).collect();
        self.taken =
            held.into_iter().chain(state.sold.iter().map(|seat| (*seat, SeatHolder::Sold))).collect();
        self.version = state.version;
        self.known_at = Some(now);
    }

    /// Applies the ends of holds, unless the inventory has a newer version of the seats.
    pub fn apply_hold_expiries(&mut self, left: &HoldExpiries) {
        if left.seats_version < self.version {
            return;
        }
        for hold in &left.holds {
            // A seat that was sold or came free meanwhile has no hold any more.
            if let Some(SeatHolder::Held(end)) = self.taken.get_mut(&hold.seat) {
                *end = end_of(hold, left.as_of);
            }
        }
    }

    /// Marks the cached seats as stale: they have to be read before the next decision.
    pub fn invalidate(&mut self) {
        self.known_at = None;
    }

    /// Records that the state of the flight is up to date at `now`.
    pub fn flight_known(&mut self, now: Instant) {
        self.flight_known_at = now;
    }

    /// Whether the seats are recent enough to refuse from them, and to show them.
    pub fn is_fresh(&self, now: Instant) -> bool {
        self.known_at.is_some_and(|at| now.saturating_duration_since(at) < FRESH)
    }

    /// Whether a refusal is certain: it rests neither on a hold that may have ended nor on a flight that may have
    /// changed.
    fn is_sure(&self, refusal: &Refusal, now: Instant) -> bool {
        let unknown = |taken: &SeatHolder| match taken {
            SeatHolder::Held(HoldEnd::Unknown) => true,
            SeatHolder::Held(HoldEnd::Open(at)) => now.saturating_duration_since(*at) >= FRESH,
            SeatHolder::Sold | SeatHolder::Held(HoldEnd::At(_)) => false,
        };
        match refusal {
            Refusal::SeatTaken(seats) => {
                !seats.iter().any(|seat| self.taken.get(&seat.designator).is_some_and(unknown))
            }
            Refusal::FlightFull => !self.taken.values().any(unknown),
            _ => now.saturating_duration_since(self.flight_known_at) < FRESH,
        }
    }

    /// The held and sold seats. A hold that has ended does not count: the ledger expires it before the next claim.
    fn taken(&self, now: Instant) -> impl Iterator<Item = SeatDesignator> + '_ {
        let taken = self.taken.iter().filter(move |(_, taken)| match taken {
            SeatHolder::Held(HoldEnd::At(end)) => *end > now,
            SeatHolder::Sold | SeatHolder::Held(HoldEnd::Open(_) | HoldEnd::Unknown) => true,
        });
        taken.map(|(seat, _)| *seat)
    }

    /// The seats that are reserved for requests under way, with their accounts.
    fn reserved_seats(&self, now: Instant) -> impl Iterator<Item = (SeatDesignator, UserId)> + '_ {
        let reserved_seats = self.reserved.iter().filter(move |(_, reserved)| reserved.until > now);
        reserved_seats.map(|(seat, reserved)| (*seat, reserved.owner))
    }

    /// The number of seats that are reserved for an account.
    pub fn reserved_for(&self, owner: UserId, now: Instant) -> usize {
        self.reserved_seats(now).filter(|(_, of)| *of == owner).count()
    }

    /// Whether a request would exceed the seats that an account may have reserved. The limit keeps a client from making
    /// a flight look full with reservations that come to nothing.
    fn exceeds_limit(&self, wanted: &SeatRequest, now: Instant) -> bool {
        let reserved = self.reserved_for(wanted.owner, now);
        let seats = i64::try_from(reserved + wanted.wishes.len()).unwrap_or(i64::MAX);
        !wanted.exempt && seats > hold::SEATS_PER_ACCOUNT_AND_FLIGHT
    }

    /// Reserves seats for a party until the deadline, or refuses. It is unsure if a refusal needs the seats to be read.
    pub fn decide(
        &mut self,
        flight: &Flight,
        wanted: &SeatRequest,
        deadline: Instant,
        at: ClockReading,
    ) -> ReservationDecision {
        if self.known_at.is_none() {
            return ReservationDecision::Unsure;
        }
        match self.reserve(flight, wanted, deadline, at) {
            Ok(reservation) => ReservationDecision::Granted(reservation),
            // Only the inventory knows reservations: nothing that is read could change this.
            Err(Refusal::HoldLimit) => ReservationDecision::Refused(Refusal::HoldLimit),
            Err(refusal) if self.is_fresh(at.now) && self.is_sure(&refusal, at.now) => {
                ReservationDecision::Refused(refusal)
            }
            Err(_) => ReservationDecision::Unsure,
        }
    }

    /// Reserves seats for a party until the deadline, by seats that were just read.
    ///
    /// # Errors
    /// The refusal of the request.
    pub fn reserve(
        &mut self,
        flight: &Flight,
        wanted: &SeatRequest,
        deadline: Instant,
        at: ClockReading,
    ) -> Result<SeatGrant, Refusal> {
        if !flight.is_bookable(at.utc) {
            return Err(Refusal::FlightNotBookable);
        }
        if self.exceeds_limit(wanted, at.now) {
            return Err(Refusal::HoldLimit);
        }
        let wishes: Vec<Wish> = wanted.wishes.iter().map(|(_, wish)| *wish).collect();
        let layout = self.layout(&flight.state, wanted.cabin);
        let mut free = Occupancy::all_free(&layout);
        let all = free.count();
        self.taken(at.now).for_each(|seat| free.set(&layout, seat, false));
        let taken = all - free.count();
        self.reserved_seats(at.now).for_each(|(seat, _)| free.set(&layout, seat, false));
        let seats =
            layout.assign(&free, &wishes, self.tie_break).map_err(|none| self.refusal(wanted, none))?;
        let price = match &wanted.fare {
            Some(fare) => price(wanted, fare, (&flight.state, taken), at)?,
            None => SegmentPrice { fare: 0, taxes: 0 },
        };
        self.last_reservation.0 += 1;
        let reservation = self.last_reservation;
        let reserved = Reserved { reservation, owner: wanted.owner, until: deadline };
        self.reserved.extend(seats.iter().map(|seat| (*seat, reserved)));
        Ok(SeatGrant { reservation, seats, price, flight_version: flight.state.version })
    }

    /// The layout of a cabin, by the present version of the flight's state.
    fn layout(&mut self, flight: &FlightState, cabin: Cabin) -> Arc<CabinLayout> {
        if self.layouts.0 != flight.version {
            self.layouts = (flight.version, HashMap::new());
        }
        let new = || Arc::new(CabinLayout::new(&flight.seat_plan, cabin));
        self.layouts.1.entry(cabin).or_insert_with(new).clone()
    }

    /// The refusal for seats that could not be assigned.
    fn refusal(&self, wanted: &SeatRequest, none: NoSeats) -> Refusal {
        let seat = |designator| FlightSeat { flight_id: self.id, designator };
        match none {
            NoSeats::Full => Refusal::FlightFull,
            NoSeats::Taken(seats) => Refusal::SeatTaken(seats.into_iter().map(seat).collect()),
            NoSeats::Faults(faults) => {
                let error = |(index, fault): &(usize, SeatFault)| {
                    let passenger = wanted.wishes[*index].0;
                    InvalidMember::new(Member::Seat { passenger, segment: wanted.segment }, fault)
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

    /// Releases a reservation, and all whose deadline has passed.
    pub fn release(&mut self, reservation: ReservationId, now: Instant) {
        self.reserved.retain(|_, reserved| reserved.reservation != reservation && reserved.until > now);
    }

    /// The seat map without reservations: they are no holds yet.
    pub fn map(&self, flight: &FlightState) -> SeatMap {
        let sold = |taken: &SeatHolder| matches!(taken, SeatHolder::Sold);
        let taken = self.taken.iter().map(|(seat, taken)| (*seat, sold(taken))).collect();
        SeatMap::new(flight, self.version, &taken)
    }
}

/// The price of a party. `taken`: the seats of the cabin that are taken before it.
fn price(
    wanted: &SeatRequest,
    fare: &FareRequest,
    (flight, taken): (&FlightState, u32),
    at: ClockReading,
) -> Result<SegmentPrice, Refusal> {
    price::of_party(flight, (wanted.cabin, fare.brand), fare.currency, &fare.party, taken, at.utc)
        .map_err(|error| Refusal::Invalid(vec![no_price(wanted.segment, error)]))
}

/// The invalid member of a request that has no price.
pub(crate) fn no_price(segment: usize, error: price::NoPrice) -> InvalidMember {
    let member = match error {
        price::NoPrice::Cabin => Member::Cabin(segment),
        price::NoPrice::Brand | price::NoPrice::Overflow => Member::Brand(segment),
    };
    InvalidMember::new(member, error)
}

#[cfg(test)]
#[path = "seat_inventory_tests.rs"]
mod tests;
