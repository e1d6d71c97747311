//! One transaction for many commands.
//!
//! Every writer of booking locks in one order: flights by id, bookings by id, keys, seats. All
//! decisions are taken by the domain on what was read under these locks, by the database's clock read
//! after them; then everything is written with one statement a table.

use super::{
    amendments,
    changes::Changes,
    claims,
    command::{Command, Outcome},
    keys,
    tables::{Opened, Opening, Tables},
    transitions,
};
use crate::{
    domain::{
        booking::{Booking, Flights},
        refusal::{FlightSeat, Refusal},
        seat_book::HoldsLeft,
    },
    store::{flights::LockedFlight, seats::SeatRow, travellers::TravellerRow},
};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryResult;
use shared::{
    events::{Event, SeatsState},
    ids::{BookingId, FlightId, UserId},
    telemetry::trace::TraceContext,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Instant,
};

/// What a command came to within the transaction.
#[derive(Debug)]
pub(crate) enum Verdict {
    Answer(Outcome),
    /// To be tried in the next batch. What was in its way was another claim of this one that then lost, or
    /// these bookings, holds that have ended: the next batch ends them for good first.
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

/// What is to be told after the commit.
pub(crate) struct Written {
    /// One a command, in their order.
    pub(crate) verdicts: Vec<Verdict>,
    /// The seats of the flights whose seats changed.
    pub(crate) seats: Vec<SeatsState>,
    /// The holds that were made or changed.
    pub(crate) holds: HashMap<FlightId, HoldsLeft>,
    /// What is to be published: written by the caller, last in the transaction.
    pub(crate) events: Vec<Event>,
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
    /// The bookings that commands are about, locked, as the commands before have left them.
    pub(super) bookings: HashMap<BookingId, Booking>,
    pub(super) verdicts: Vec<Option<Verdict>>,
    pub(super) changes: Changes,
}

impl Work<'_> {
    pub(super) fn refuse(&mut self, index: usize, refusal: Refusal) {
        self.verdicts[index] = Some(Verdict::Answer(Outcome::Refused(refusal)));
    }
}

/// Runs commands within the transaction that the caller has begun, in which it will write the events, and
/// which it will commit.
pub(crate) async fn run(
    tables: &mut impl Tables,
    items: &[Item<'_>],
    setting: Setting,
) -> QueryResult<Written> {
    let mut work = read(tables, items, setting).await?;
    keys::bind(tables, &mut work).await?;
    transitions::run(tables, &mut work).await?;
    work.changes.give_back(tables).await?;
    transitions::correct_names(tables, &mut work).await?;
    claims::run(tables, &mut work).await?;
    amendments::change_seats(tables, &mut work).await?;
    keys::release(tables, &work).await?;
    let seats = work.changes.write(tables, &work.bookings).await?;
    let verdicts = work.verdicts.into_iter().map(|verdict| {
        debug_assert!(verdict.is_some(), "every command has a verdict");
        verdict.unwrap_or_else(|| Verdict::Again(Vec::new()))
    });
    let verdicts = verdicts.collect();
    let holds = work.changes.holds(&work.bookings, work.now).into_iter().filter_map(|(flight, holds)| {
        let changed = seats.iter().find(|state| state.flight_id == flight).map(|state| state.version);
        let seats_version = changed.or_else(|| Some(work.locked.get(&flight)?.seats_version))?;
        Some((flight, HoldsLeft { seats_version, holds, as_of: setting.begins }))
    });
    let holds = holds.collect();
    let (events, purchases) = work.changes.told_and_purchased();
    Ok(Written { verdicts, seats, holds, events, purchases })
}

/// Finds what the commands are about, locks it, and reads it.
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
    let limits = claims::limits(items);
    let opened = tables.open(Opening { flights, bookings: &ids, limits: &limits }).await?;
    let Opened { locked, bookings, held, now } = opened;
    let versions: Vec<_> = locked.iter().map(|(id, flight)| (*id, flight.version)).collect();
    let flights = tables.flight_states(&versions).await?;
    let mut work = Work {
        items,
        settle: setting.settle,
        now,
        locked,
        flights,
        held,
        bookings: bookings.into_iter().map(|booking| (booking.id, booking)).collect(),
        verdicts: items.iter().map(|_| None).collect(),
        changes: Changes::default(),
    };
    for id in stale {
        transitions::expire(&mut work, id, None)?;
    }
    Ok(work)
}

/// The bookings whose holds have ended but stand in the way: of changes of seats, of corrected names, and of
/// claims that were tried before. A claim that is new is not looked at: its seats are free, but where a hold
/// has ended that the reaper has not reached yet. Such a claim loses at the fence once, and comes again.
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
    booking.segments.iter().flat_map(move |segment| {
        booking.passengers.iter().map(move |passenger| TravellerRow {
            flight: segment.flight_id,
            owner: booking.owner_id,
            fingerprint: passenger.fingerprint(),
            booking: booking.id,
            seated: passenger.kind.has_seat(),
        })
    })
}
