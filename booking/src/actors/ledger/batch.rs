//! One transaction for many commands.
//!
//! Every writer of booking locks in one order: flights by id, then unverified accounts, then keys. All decisions are taken by the domain
//! on what was read under these locks, by the database's clock read after them; then everything is written at
//! once. Who has not locked a flight changes nothing of its seats and of its bookings (who has not locked all
//! flights of a booking, nothing of that), so what was read of them still holds; the keys of the tables are the
//! fence behind it.

use super::{
    amendments,
    changes::Changes,
    claims,
    command::{Command, Outcome},
    keys,
    occupancy::Occupancy,
    tables::{Opened, Opening, Tables, Writes},
    transitions,
};
use crate::store::{flights::LockedFlight, seats::SeatRow, travellers::TravellerRow};
use booking_engine::{
    booking::{
        locator::Locator,
        record::{Booking, Flights},
        refusal::{FlightSeat, Refusal},
    },
    inventory::seat_inventory::HoldsLeft,
    passengers::passenger::Passenger,
};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryResult;
use shared::{
    events::{Event, SeatsState},
    ids::{BookingId, FlightId, UserId},
    trace::TraceContext,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Instant,
};

/// What a command came to within the transaction.
#[derive(Debug)]
pub(crate) enum Verdict {
    Answer(Outcome),
    /// To be tried in the next batch. What was in its way are these bookings, holds that have ended: the next
    /// batch ends them for good first.
    Again(Vec<BookingId>),
}

/// What a batch needs to know beside the database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// How long a payment prolongs its hold.
    pub(crate) settle: TimeDelta,
    /// When the transaction begins, by this machine's monotonic clock.
    pub(crate) begins: Instant,
}

/// What was decided: to be written, and when that is committed, to be told.
pub(crate) struct Decision {
    /// One a command, in their order.
    pub(crate) verdicts: Vec<Verdict>,
    occupancy: Occupancy,
    /// The seats of the flights whose seats change.
    seats: Vec<SeatsState>,
    bookings: HashMap<BookingId, Booking>,
    changes: Changes,
    /// The holds that are made or changed.
    holds: HashMap<FlightId, HoldsLeft>,
}

impl Decision {
    /// What is to be written, but the events.
    pub(crate) fn writes(&self) -> Writes<'_> {
        self.changes.writes(&self.occupancy, &self.seats, &self.bookings)
    }

    /// What is to be published: written last in the transaction.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.changes.events(&self.seats)
    }

    /// It is committed.
    pub(crate) fn written(self) -> Written {
        Written {
            verdicts: self.verdicts,
            tells: self.changes.tells() || !self.seats.is_empty(),
            seats: self.seats,
            holds: self.holds,
            purchases: self.changes.into_purchases().collect(),
        }
    }
}

/// What is to be told after the commit.
pub(crate) struct Written {
    /// One a command, in their order.
    pub(crate) verdicts: Vec<Verdict>,
    /// The seats of the flights whose seats changed.
    pub(crate) seats: Vec<SeatsState>,
    /// The holds that were made or changed.
    pub(crate) holds: HashMap<FlightId, HoldsLeft>,
    /// Whether there is something to be published.
    pub(crate) tells: bool,
    /// Bookings that were made with their payments.
    pub(crate) purchases: Vec<Booking>,
}

/// A command of the batch with its trace.
pub(crate) type Item<'a> = (&'a Command, Option<TraceContext>);

/// What the transaction has read, and what it will write.
pub(super) struct Work<'a> {
    pub(super) items: &'a [Item<'a>],
    pub(super) settle: TimeDelta,
    /// The database's clock after the locks.
    pub(super) now: DateTime<Utc>,
    pub(super) locked: BTreeMap<FlightId, LockedFlight>,
    pub(super) flights: Flights,
    /// Seats that accounts hold, unpaid, with those of the claims that were let through.
    pub(super) held: HashMap<(FlightId, UserId), i64>,
    /// The same of unverified accounts on all flights.
    pub(super) held_unverified: HashMap<UserId, i64>,
    /// The bookings that commands are about, whose flights are locked, as the commands before have left them.
    pub(super) bookings: HashMap<BookingId, Booking>,
    pub(super) verdicts: Vec<Option<Verdict>>,
    pub(super) occupancy: Occupancy,
    /// Those of the locators of claims that bookings have.
    pub(super) used: HashSet<Locator>,
    pub(super) changes: Changes,
}

impl Work<'_> {
    pub(super) fn refuse(&mut self, index: usize, refusal: Refusal) {
        self.verdicts[index] = Some(Verdict::Answer(Outcome::Refused(refusal)));
    }
}

/// Decides commands within the transaction that the caller has begun, in which it will write what was decided,
/// then the events, and which it will commit.
pub(crate) async fn decide(
    tables: &mut impl Tables,
    items: &[Item<'_>],
    setting: Setting,
) -> QueryResult<Decision> {
    let mut work = read(tables, items, setting).await?;
    keys::bind(tables, &mut work).await?;
    transitions::run(tables, &mut work).await?;
    transitions::correct_names(tables, &mut work).await?;
    claims::run(tables, &mut work).await?;
    amendments::change_seats(&mut work)?;
    keys::release(tables, &work).await?;
    let seats = work.occupancy.states(&work.locked);
    let holds = work.changes.holds(&work.bookings, work.now).into_iter().filter_map(|(flight, holds)| {
        let changed = seats.iter().find(|state| state.flight_id == flight).map(|state| state.version);
        let seats_version = changed.or_else(|| Some(work.locked.get(&flight)?.seats_version))?;
        Some((flight, HoldsLeft { seats_version, holds, as_of: setting.begins }))
    });
    let holds = holds.collect();
    let verdicts = std::mem::take(&mut work.verdicts).into_iter().map(|verdict| {
        debug_assert!(verdict.is_some(), "every command has a verdict");
        verdict.unwrap_or_else(|| Verdict::Again(Vec::new()))
    });
    let verdicts = verdicts.collect();
    let Work { occupancy, bookings, changes, .. } = work;
    Ok(Decision { verdicts, occupancy, seats, bookings, changes, holds })
}

/// Decides commands and writes all of it, within the transaction that the caller has begun and will commit.
#[cfg(any(test, feature = "simulation"))]
pub(crate) async fn carry_out(
    tables: &mut impl Tables,
    items: &[Item<'_>],
    setting: Setting,
) -> QueryResult<Written> {
    let decision = decide(tables, items, setting).await?;
    tables.store(&decision.writes()).await?;
    tables.append(&decision.events()).await?;
    Ok(decision.written())
}

/// Finds what the commands are about, locks its flights, and reads it.
async fn read<'a>(
    tables: &mut impl Tables,
    items: &'a [Item<'a>],
    setting: Setting,
) -> QueryResult<Work<'a>> {
    let stale = stale_holders(tables, items).await?;
    let mut ids = stale.clone();
    let others = items.iter().filter(|(command, _)| command.claim().is_none());
    ids.extend(others.map(|(command, _)| command.booking()));
    let ids: Vec<BookingId> = ids.into_iter().collect();
    let claims = items.iter().filter_map(|(command, _)| command.claim());
    let flights =
        claims.flat_map(|claim| claim.booking.segments.iter().map(|segment| segment.flight_id)).collect();
    let (limits, unverified) = (claims::limits(items), claims::unverified(items));
    let (places, locators) = (claims::places(items), claims::locators(items));
    let opening = Opening {
        flights,
        bookings: &ids,
        limits: &limits,
        unverified: &unverified,
        places: &places,
        locators: &locators,
    };
    let Opened { locked, seats, bookings, held, held_unverified, places, used, now } =
        tables.open(opening).await?;
    let versions: Vec<_> = locked.iter().map(|(id, flight)| (*id, flight.version)).collect();
    let flights = tables.flight_states(&versions).await?;
    let mut work = Work {
        items,
        settle: setting.settle,
        now,
        locked,
        flights,
        held,
        held_unverified,
        bookings: bookings.into_iter().map(|booking| (booking.id, booking)).collect(),
        verdicts: items.iter().map(|_| None).collect(),
        occupancy: Occupancy::new(seats, places),
        used,
        changes: Changes::default(),
    };
    for id in stale {
        transitions::expire(&mut work, id, None)?;
    }
    Ok(work)
}

/// The bookings whose holds have ended but stand in the way: of changes of seats, of corrected names, and of
/// claims that were tried before. A claim that is new is not looked at: its seats are free, but where a hold
/// has ended that the reaper has not reached yet. Such a claim loses once, and comes again.
async fn stale_holders(tables: &mut impl Tables, items: &[Item<'_>]) -> QueryResult<BTreeSet<BookingId>> {
    let claims = items.iter().filter_map(|(command, _)| command.claim());
    let mut stale: BTreeSet<BookingId> = claims.flat_map(|claim| claim.stale.iter().copied()).collect();
    let moves = items.iter().flat_map(|(command, _)| {
        command.seat_changes().iter().map(|change| SeatRow {
            seat: FlightSeat { flight_id: change.flight, designator: change.seat },
            booking: command.booking(),
            sold: false,
        })
    });
    let seats: Vec<_> = moves.collect();
    let travellers: Vec<_> = items.iter().flat_map(|(command, _)| command.places().iter().copied()).collect();
    if !(seats.is_empty() && travellers.is_empty()) {
        let in_the_way = tables.stale_holders(&seats, &travellers).await?;
        stale.extend(in_the_way.iter().map(|hold| hold.booking));
    }
    Ok(stale)
}

/// The rows of all seats of a booking.
pub(super) fn seat_rows(booking: &Booking, sold: bool) -> impl Iterator<Item = SeatRow> + '_ {
    booking.seats().map(move |(flight_id, designator)| SeatRow {
        seat: FlightSeat { flight_id, designator },
        booking: booking.id,
        sold,
    })
}

/// The rows of all travellers of a booking, on each of its flights.
pub(super) fn traveller_rows(booking: &Booking) -> impl Iterator<Item = TravellerRow> + '_ {
    booking.passengers.iter().flat_map(move |one| rows_of(booking, one, one.fingerprint()))
}

/// The rows of all travellers of a booking as earlier releases may have written them; where they are the same they
/// are not repeated.
pub(super) fn former_traveller_rows(booking: &Booking) -> impl Iterator<Item = TravellerRow> + '_ {
    let former = |one: &Passenger| one.former_fingerprints().into_iter();
    booking
        .passengers
        .iter()
        .flat_map(move |one| former(one).flat_map(move |fingerprint| rows_of(booking, one, fingerprint)))
}

fn rows_of<'a>(
    booking: &'a Booking,
    passenger: &Passenger,
    fingerprint: i64,
) -> impl Iterator<Item = TravellerRow> + use<'a> {
    let (owner, seated) = (booking.owner_id, passenger.kind.has_seat());
    let flights = booking.segments.iter().map(|segment| segment.flight_id);
    flights.map(move |flight| TravellerRow { flight, owner, fingerprint, booking: booking.id, seated })
}
