//! What an allocator knows of a flight's seats, and what it decides from it. No clock, no database, no mailbox: its
//! owner brings these.
//!
//! It is a cache, and may be behind. So it refuses nothing from a state that is older than [`FRESH`], nor because of
//! something that it is not sure of: then it is [unsure](ReservationDecision::Unsure), and its seats are to be read
//! again. A reservation is only a proposal: the unique constraint (flight_id, seat) decides.
//!
//! Reservations keep requests under way out of each other's way, and do no more than that. A price counts the seats
//! that are held and sold, not the reserved ones: most reservations may come to nothing, and reserving seats for nothing
//! would make them dearer for everybody else. So several requests under way may get the same class, and a class may sell
//! beyond its share by as many seats as were under way at once. That is right: what was offered is charged, and nobody
//! prices it again.

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

/// A state that is older is not refused from.
pub const FRESH: Duration = Duration::from_secs(1);

/// What a party wants of a flight.
#[derive(Debug, Clone)]
pub struct SeatRequest {
    /// The account that the seats are for.
    pub owner: UserId,
    /// Free of the limit of seats that an account may have reserved at once.
    pub exempt: bool,
    pub segment: usize,
    pub cabin: Cabin,
    /// `None`: it has been paid for, seats are only changed.
    pub fare: Option<FareRequest>,
    /// One for each traveller with a seat, with its place in the party.
    pub wishes: Vec<(usize, Wish)>,
}

/// What a price is asked for.
#[derive(Debug, Clone)]
pub struct FareRequest {
    pub brand: Brand,
    pub currency: Currency,
    /// All travellers, those without seats too.
    pub party: Vec<PassengerType>,
}

/// Seats that are reserved for a party, with their price.
#[derive(Debug, Clone)]
pub struct SeatGrant {
    /// Names the reservation.
    pub reservation: ReservationId,
    /// In the order of the wishes.
    pub seats: Vec<SeatDesignator>,
    /// Nothing where no fare was asked for.
    pub price: SegmentPrice,
    /// The version of the flight that the price is of.
    pub flight_version: i64,
}

/// Names a reservation within its inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReservationId(u64);

/// What comes of a request for seats.
#[derive(Debug)]
pub enum ReservationDecision {
    /// The seats are reserved.
    Granted(SeatGrant),
    /// It cannot be had, for certain.
    Refused(Refusal),
    /// Not to be decided from memory: the seats are to be read again.
    Unsure,
}

/// A seat that is not free, as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenSeat {
    pub seat: SeatDesignator,
    pub sold: bool,
    /// Milliseconds until the hold ends, negative where it has ended; `None` where it does not end by
    /// itself.
    pub ends_in: Option<i64>,
}

/// Holds of a flight that a commit of this instance has made or changed.
#[derive(Debug, Clone)]
pub struct HoldExpiries {
    /// The version of the flight's seats after that commit.
    pub seats_version: i64,
    pub holds: Vec<TakenSeat>,
    /// What `ends_in` counts from: not after the database's clock was read. A hold that seems to end too early
    /// costs the next claim of its seat a try at the fence; too late, it would be refused wrongly.
    pub as_of: Instant,
}

/// A flight's seats as they were read.
#[derive(Debug, Clone)]
pub struct SeatSnapshot {
    /// The version of the flight's state.
    pub version: i64,
    pub on_sale: bool,
    /// Booking's own sequence of seat changes.
    pub seats_version: i64,
    /// The seats that are not free.
    pub taken: Vec<TakenSeat>,
}

/// Instants that a decision is taken at.
#[derive(Debug, Clone, Copy)]
pub struct ClockReading {
    /// By this machine's monotonic clock.
    pub now: Instant,
    /// By its wall clock.
    pub utc: DateTime<Utc>,
}

/// Whose a seat is.
#[derive(Debug, Clone, Copy)]
enum SeatHolder {
    Sold,
    Held(HoldEnd),
}

/// When a hold ends.
#[derive(Debug, Clone, Copy)]
enum HoldEnd {
    /// Earlier only where the airline has moved a flight of the booking forward, of which the allocators of other
    /// instances hear when the hold was taken back.
    At(Instant),
    /// Not by itself: a payment was under way at this instant. Believed for a second, for another instance may
    /// note that it was declined, and nobody hears of that but its own allocators.
    Open(Instant),
    /// Events do not tell it. It may have ended: nothing is refused for it before it was read.
    Unknown,
}

/// The end of a hold that was read now.
fn end_of(hold: &TakenSeat, now: Instant) -> HoldEnd {
    let at = |left: i64| HoldEnd::At(now + Duration::from_millis(u64::try_from(left).unwrap_or(0)));
    hold.ends_in.map_or(HoldEnd::Open(now), at)
}

/// A seat that is reserved_seats to a claim on its way.
#[derive(Debug, Clone, Copy)]
struct Reserved {
    reservation: ReservationId,
    owner: UserId,
    until: Instant,
}

/// See the module.
#[derive(Debug)]
pub struct SeatInventory {
    id: FlightId,
    version: i64,
    taken: BTreeMap<SeatDesignator, SeatHolder>,
    reserved: HashMap<SeatDesignator, Reserved>,
    /// When the state was known to be true; `None`: to be read again.
    known_at: Option<Instant>,
    /// When the flight was known to be as it is.
    flight_known_at: Instant,
    /// The last one that was given.
    last_reservation: ReservationId,
    /// Of the flight in this version.
    layouts: (i64, HashMap<Cabin, Arc<CabinLayout>>),
    /// Chooses between places that are equally good; differs between instances.
    tie_break: usize,
}

impl SeatInventory {
    /// The book of a flight that was just read.
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

    /// Takes over what was read; `now` is not after that. Where something newer came meanwhile, which does not
    /// tell when holds end, only that is taken over of what is held in both.
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

    /// The seats are so after a commit, of this instance or another.
    pub fn apply_seats(&mut self, state: &SeatsState, now: Instant) {
        debug_assert_eq!(state.flight_id, self.id, "who tells knows whose seats they are");
        if state.version <= self.version {
            return;
        }
        // Ends of holds that are known stay known; of the others the next refusal finds out.
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

    /// These holds end so, unless something newer is known of the seats.
    pub fn apply_hold_expiries(&mut self, left: &HoldExpiries) {
        if left.seats_version < self.version {
            return;
        }
        for hold in &left.holds {
            // What was sold or came free meanwhile is no hold any more.
            if let Some(SeatHolder::Held(end)) = self.taken.get_mut(&hold.seat) {
                *end = end_of(hold, left.as_of);
            }
        }
    }

    /// The seats may have changed.
    pub fn invalidate(&mut self) {
        self.known_at = None;
    }

    /// The flight is known to be as it is now.
    pub fn flight_known(&mut self, now: Instant) {
        self.flight_known_at = now;
    }

    /// Whether the state may be refused from, and shown.
    pub fn is_fresh(&self, now: Instant) -> bool {
        self.known_at.is_some_and(|at| now.saturating_duration_since(at) < FRESH)
    }

    /// Whether neither a hold that may have ended nor a flight that may have changed is behind a refusal.
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

    /// The seats that are held or sold. A hold that has ended is none: the ledger ends it for good.
    fn taken(&self, now: Instant) -> impl Iterator<Item = SeatDesignator> + '_ {
        let taken = self.taken.iter().filter(move |(_, taken)| match taken {
            SeatHolder::Held(HoldEnd::At(end)) => *end > now,
            SeatHolder::Sold | SeatHolder::Held(HoldEnd::Open(_) | HoldEnd::Unknown) => true,
        });
        taken.map(|(seat, _)| *seat)
    }

    /// The seats that are reserved_seats to requests under way.
    fn reserved_seats(&self, now: Instant) -> impl Iterator<Item = (SeatDesignator, UserId)> + '_ {
        let reserved_seats = self.reserved.iter().filter(move |(_, reserved)| reserved.until > now);
        reserved_seats.map(|(seat, reserved)| (*seat, reserved.owner))
    }

    /// How many seats are reserved for an account.
    pub fn reserved_for(&self, owner: UserId, now: Instant) -> usize {
        self.reserved_seats(now).filter(|(_, of)| *of == owner).count()
    }

    /// Whether a party would have more seats reserved than its account may hold. So nobody makes a flight look full by
    /// reserving seats for nothing.
    fn exceeds_limit(&self, wanted: &SeatRequest, now: Instant) -> bool {
        let reserved = self.reserved_for(wanted.owner, now);
        let seats = i64::try_from(reserved + wanted.wishes.len()).unwrap_or(i64::MAX);
        !wanted.exempt && seats > hold::SEATS_PER_ACCOUNT_AND_FLIGHT
    }

    /// Marks seats for a party until the deadline, or refuses, if that can be decided from memory.
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
            // Marks are nowhere but here.
            Err(Refusal::HoldLimit) => ReservationDecision::Refused(Refusal::HoldLimit),
            Err(refusal) if self.is_fresh(at.now) && self.is_sure(&refusal, at.now) => {
                ReservationDecision::Refused(refusal)
            }
            Err(_) => ReservationDecision::Unsure,
        }
    }

    /// Marks seats for a party until the deadline, or refuses. For a state that was just read.
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

    /// The geometry of a cabin, as of the present version of the flight.
    fn layout(&mut self, flight: &FlightState, cabin: Cabin) -> Arc<CabinLayout> {
        if self.layouts.0 != flight.version {
            self.layouts = (flight.version, HashMap::new());
        }
        let new = || Arc::new(CabinLayout::new(&flight.seat_plan, cabin));
        self.layouts.1.entry(cabin).or_insert_with(new).clone()
    }

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

    /// Releases a reservation: the ledger has decided.
    pub fn release(&mut self, reservation: ReservationId, now: Instant) {
        self.reserved.retain(|_, reserved| reserved.reservation != reservation && reserved.until > now);
    }

    /// The seat map, reservations left out: they are no holds yet.
    pub fn map(&self, flight: &FlightState) -> SeatMap {
        let sold = |taken: &SeatHolder| matches!(taken, SeatHolder::Sold);
        let taken = self.taken.iter().map(|(seat, taken)| (*seat, sold(taken))).collect();
        SeatMap::new(flight, self.version, &taken)
    }
}

/// What the party pays when so many seats of the cabin are taken before it.
fn price(
    wanted: &SeatRequest,
    fare: &FareRequest,
    (flight, taken): (&FlightState, u32),
    at: ClockReading,
) -> Result<SegmentPrice, Refusal> {
    price::of_party(flight, (wanted.cabin, fare.brand), fare.currency, &fare.party, taken, at.utc)
        .map_err(|error| Refusal::Invalid(vec![no_price(wanted.segment, error)]))
}

/// Where a request is wrong that has no price.
pub fn no_price(segment: usize, error: price::NoPrice) -> InvalidMember {
    let member = match error {
        price::NoPrice::Cabin => Member::Cabin(segment),
        price::NoPrice::Brand | price::NoPrice::Overflow => Member::Brand(segment),
    };
    InvalidMember::new(member, error)
}

#[cfg(test)]
#[path = "seat_inventory_tests.rs"]
mod tests;
