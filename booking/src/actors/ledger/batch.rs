//! One transaction for many commands.
//!
//! Every writer of booking locks in one order: flights by id, bookings by id, keys, seats. All
//! decisions are taken by the domain on what was read under these locks, by the database's clock read
//! after them; then everything is written with one statement a table.

use super::{
    changes::Changes,
    claims,
    command::{Command, Outcome},
    keys, transitions,
};
use crate::{
    domain::booking::{Booking, Flights},
    store::{
        self, flight_cache::FlightCache, flights::LockedFlight, seats::SeatColumns,
        travellers::TravellerColumns,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use shared::{
    events::SeatsState,
    ids::{BookingId, FlightId},
    telemetry::trace::TraceContext,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// What a command came to within the transaction.
#[derive(Debug)]
pub(super) enum Verdict {
    Answer(Outcome),
    /// To be tried in the next batch: another claim of this one was in its way and then lost.
    Again,
}

/// What a batch needs to know beside the database.
pub(super) struct Setting<'a> {
    pub(super) flights: &'a FlightCache,
    /// How long a payment prolongs its hold.
    pub(super) settle: TimeDelta,
}

/// What is to be told after the commit.
pub(super) struct Written {
    /// One a command, in their order.
    pub(super) verdicts: Vec<Verdict>,
    /// The seats of the flights whose seats changed.
    pub(super) seats: Vec<SeatsState>,
    /// Whether events were written.
    pub(super) events: bool,
}

/// A command of the batch with its trace.
pub(super) type Item<'a> = (&'a Command, Option<TraceContext>);

/// What the transaction has read, and what it will write.
pub(super) struct Work<'a> {
    pub(super) items: &'a [Item<'a>],
    pub(super) settle: TimeDelta,
    /// The database's clock after the locks.
    pub(super) now: DateTime<Utc>,
    pub(super) locked: BTreeMap<FlightId, LockedFlight>,
    pub(super) flights: Flights,
    /// The bookings that commands are about, locked, as the commands before have left them.
    pub(super) bookings: HashMap<BookingId, Booking>,
    pub(super) verdicts: Vec<Option<Verdict>>,
    pub(super) changes: Changes,
}

impl Work<'_> {
    pub(super) fn refuse(&mut self, index: usize, refusal: crate::domain::refusal::Refusal) {
        self.verdicts[index] = Some(Verdict::Answer(Outcome::Refused(refusal)));
    }
}

/// Runs commands within the transaction that the caller has begun and will commit.
pub(super) async fn run(
    connection: &mut AsyncPgConnection,
    items: &[Item<'_>],
    setting: &Setting<'_>,
) -> QueryResult<Written> {
    let mut work = read(connection, items, setting).await?;
    keys::bind(connection, &mut work).await?;
    transitions::run(connection, &mut work).await?;
    work.changes.give_back(connection).await?;
    claims::run(connection, &mut work).await?;
    keys::release(connection, &work).await?;
    work.changes.write(connection, &work.bookings).await?;
    let seats = work.changes.tell(connection).await?;
    let verdicts = work.verdicts.into_iter().map(|verdict| {
        debug_assert!(verdict.is_some(), "every command has a verdict");
        verdict.unwrap_or(Verdict::Again)
    });
    Ok(Written { verdicts: verdicts.collect(), seats, events: work.changes.has_told() })
}

/// Finds what the commands are about, locks it, and reads it.
async fn read<'a>(
    connection: &mut AsyncPgConnection,
    items: &'a [Item<'a>],
    setting: &Setting<'_>,
) -> QueryResult<Work<'a>> {
    let stale = stale_holders(connection, items).await?;
    let mut ids: BTreeSet<Uuid> = stale.iter().map(|id| id.0).collect();
    ids.extend(
        items.iter().filter(|(command, _)| command.claim().is_none()).map(|(command, _)| command.booking().0),
    );
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let mut flights: Vec<FlightId> = match ids.is_empty() {
        true => Vec::new(),
        false => store::bookings::flights_of(connection, &ids).await?,
    };
    let claims = items.iter().filter_map(|(command, _)| command.claim());
    flights.extend(claims.flat_map(|claim| claim.booking.segments.iter().map(|segment| segment.flight_id)));
    let locked = store::flights::lock(connection, flights).await?;
    let mut bookings = HashMap::new();
    if !ids.is_empty() {
        store::bookings::lock(connection, &ids).await?;
        bookings.extend(
            store::bookings::load(connection, &ids).await?.into_iter().map(|booking| (booking.id, booking)),
        );
    }
    let versions = locked.iter().map(|(id, flight)| (*id, flight.version));
    let flights = setting.flights.at_versions(connection, versions).await?;
    // A statement of its own: the clock must be read after the locks were granted.
    let now = store::presented::now(connection).await?;
    let mut work = Work {
        items,
        settle: setting.settle,
        now,
        locked,
        flights,
        bookings,
        verdicts: items.iter().map(|_| None).collect(),
        changes: Changes::default(),
    };
    for id in stale {
        transitions::expire(&mut work, id, None)?;
    }
    Ok(work)
}

/// The bookings whose holds have ended but stand in the way of the claims.
async fn stale_holders(
    connection: &mut AsyncPgConnection,
    items: &[Item<'_>],
) -> QueryResult<Vec<BookingId>> {
    let mut seats = SeatColumns::default();
    let mut travellers = TravellerColumns::default();
    for claim in items.iter().filter_map(|(command, _)| command.claim()) {
        add_seats(&claim.booking, &mut seats);
        add_travellers(&claim.booking, &mut travellers);
    }
    if seats.is_empty() {
        return Ok(Vec::new());
    }
    store::seats::stale_holders(connection, &seats, &travellers).await
}

/// Adds all seats of a booking.
pub(super) fn add_seats(booking: &Booking, columns: &mut SeatColumns) {
    for (flight, seat) in booking.seats() {
        columns.push(flight, seat, booking.id);
    }
}

/// Adds all travellers of a booking, on each of its flights.
pub(super) fn add_travellers(booking: &Booking, columns: &mut TravellerColumns) {
    for segment in &booking.segments {
        for passenger in &booking.passengers {
            let seated = passenger.kind.has_seat();
            columns.push(segment.flight_id, booking.owner_id, passenger.fingerprint(), booking.id, seated);
        }
    }
}
