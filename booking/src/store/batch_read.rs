//! The read of a batch, under the locks of its flights. One round trip reads everything that the batch needs: on a busy
//! machine a further statement costs more than its rows.

use super::{
    bookings::damaged,
    seats::{self, TakenRow},
};
use booking_engine::{
    booking::locator::{InvalidLocator, Locator},
    ledger::rows::PassengerFlightKey,
};
use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Bool, SmallInt, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    events::SeatsState,
    ids::{BookingId, FlightId, UserId},
    statement,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use uuid::Uuid;

/// The columns of three answers: held seats, taken passenger keys, locators in use. The arrays of an answer have equal
/// lengths.
type ClaimColumns = ((Vec<Uuid>, Vec<Uuid>, Vec<i64>), (Vec<Uuid>, Vec<Uuid>, Vec<i64>), Vec<String>);

/// Flights whose version of the seats differs from the caller's, with that version; the taken seats of these flights.
type SeatColumns = ((Vec<Uuid>, Vec<i64>), (Vec<Uuid>, Vec<i16>, Vec<bool>));

/// Bookings with their versions.
type VersionColumns = (Vec<Uuid>, Vec<i64>);

/// The parts of the statements that read for a batch. There is a statement for each usual kind of batch, with only the
/// parts that it needs: the server prepares every part of a statement, even one that finds no rows. Each statement
/// reads the clock last.
macro_rules! read_parts {
    (claims) => {
        "held AS (
            SELECT t.flight_id, t.owner_id, count(*) AS number FROM unnest($) WITH ORDINALITY AS asked (f, i)
            JOIN travellers t ON t.flight_id = f AND t.owner_id = $[i]
            JOIN bookings b ON b.id = t.booking_id
            WHERE t.seated AND b.status = 0 AND (b.payment_status = 1 OR b.hold_expires_at > clock_timestamp())
            GROUP BY t.flight_id, t.owner_id
        ), places AS (
            SELECT flight_id AS f, owner_id AS o, fingerprint AS p FROM unnest($) WITH ORDINALITY AS asked (f, i)
            JOIN travellers ON flight_id = f AND owner_id = $[i] AND fingerprint = $[i]
        ), used AS (
            SELECT locator FROM bookings WHERE locator = ANY($)
        ) "
    };
    (claims_out) => {
        "(SELECT coalesce(array_agg(flight_id), '{}'), coalesce(array_agg(owner_id), '{}'), coalesce(array_agg(number), '{}') FROM held) AS h,
        (SELECT coalesce(array_agg(f), '{}'), coalesce(array_agg(o), '{}'), coalesce(array_agg(p), '{}') FROM places) AS p,
        (SELECT coalesce(array_agg(locator), '{}') FROM used) AS u"
    };
    (versions_out) => {
        "(SELECT coalesce(array_agg(id), '{}'), coalesce(array_agg(version), '{}') FROM bookings WHERE id = ANY($)) AS v"
    };
}

statement! {
    /// For new bookings on flights whose seats are known: the number of seats that accounts hold unpaid on flights; the
    /// passenger keys that are taken; the locators in use; and the clock.
    ReadForClaims {
        held_flights: Array<SqlUuid> = Vec<Uuid>,
        held_owners: Array<SqlUuid> = Vec<Uuid>,
        place_flights: Array<SqlUuid> = Vec<Uuid>,
        place_owners: Array<SqlUuid> = Vec<Uuid>,
        fingerprints: Array<BigInt> = Vec<i64>,
        locators: Array<Text> = Vec<String>,
    } -> (
        (Array<SqlUuid>, Array<SqlUuid>, Array<BigInt>),
        (Array<SqlUuid>, Array<SqlUuid>, Array<BigInt>),
        Array<Text>,
        Timestamptz,
    ),
    concat!("WITH ", read_parts!(claims), "SELECT h.*, p.*, u.*, clock_timestamp() FROM ", read_parts!(claims_out))
}

statement! {
    /// For changes of bookings on flights whose seats are known: the versions of the bookings, and the clock.
    ReadVersions { bookings: Array<SqlUuid> = Vec<Uuid> } -> ((Array<SqlUuid>, Array<BigInt>), Timestamptz),
    concat!("SELECT v.*, clock_timestamp() FROM ", read_parts!(versions_out))
}

statement! {
    /// For all other batches: what the two above read, and the taken seats of flights whose versions the caller does
    /// not know.
    ReadAll {
        held_flights: Array<SqlUuid> = Vec<Uuid>,
        held_owners: Array<SqlUuid> = Vec<Uuid>,
        place_flights: Array<SqlUuid> = Vec<Uuid>,
        place_owners: Array<SqlUuid> = Vec<Uuid>,
        fingerprints: Array<BigInt> = Vec<i64>,
        locators: Array<Text> = Vec<String>,
        flights: Array<SqlUuid> = Vec<Uuid>,
        versions: Array<BigInt> = Vec<i64>,
        bookings: Array<SqlUuid> = Vec<Uuid>,
    } -> (
        (Array<SqlUuid>, Array<SqlUuid>, Array<BigInt>),
        (Array<SqlUuid>, Array<SqlUuid>, Array<BigInt>),
        Array<Text>,
        (Array<SqlUuid>, Array<BigInt>),
        (Array<SqlUuid>, Array<SmallInt>, Array<Bool>),
        (Array<SqlUuid>, Array<BigInt>),
        Timestamptz,
    ),
    concat!(
        "WITH ", read_parts!(claims), ", changed AS MATERIALIZED (
            SELECT f.id, f.seats_version FROM unnest($) WITH ORDINALITY AS known (id, i)
            JOIN flights f ON f.id = known.id AND f.seats_version <> $[i]
        ), taken AS (
            SELECT s.flight_id, s.seat, s.sold FROM changed JOIN seats s ON s.flight_id = changed.id
        )
        SELECT h.*, p.*, u.*, c.*, t.*, v.*, clock_timestamp() FROM ", read_parts!(claims_out), ",
        (SELECT coalesce(array_agg(id), '{}'), coalesce(array_agg(seats_version), '{}') FROM changed) AS c,
        (SELECT coalesce(array_agg(flight_id), '{}'), coalesce(array_agg(seat), '{}'), coalesce(array_agg(sold), '{}') FROM taken) AS t,
        ", read_parts!(versions_out)
    )
}

/// The questions of a batch.
#[derive(Debug)]
pub(crate) struct BatchReadRequest<'a> {
    /// Bookings whose versions are read.
    pub(crate) bookings: &'a [BookingId],
    /// Flights and accounts. The read counts the seats that the account holds on the flight. Each pair comes once.
    pub(crate) limits: &'a [(FlightId, UserId)],
    /// Flights, with the version of the seats that the caller knows. The read gives the seats of a flight only if its
    /// version differs. Empty if the caller already knows the seats of all flights.
    pub(crate) seats: Vec<(FlightId, i64)>,
    pub(crate) passengers: &'a [PassengerFlightKey],
    pub(crate) locators: &'a [Locator],
}

/// The answers.
#[derive(Debug)]
pub(crate) struct BatchRead {
    /// The versions of the bookings.
    pub(crate) versions: HashMap<BookingId, i64>,
    pub(crate) held: HashMap<(FlightId, UserId), i64>,
    /// The seats of the flights whose versions differ from the caller's.
    pub(crate) seats: BTreeMap<FlightId, SeatsState>,
    /// The passenger keys that are taken.
    pub(crate) passengers: HashSet<PassengerFlightKey>,
    /// The locators that bookings have.
    pub(crate) used: HashSet<Locator>,
    /// The database's clock after the locks.
    pub(crate) now: DateTime<Utc>,
}

/// Reads the answers, when the flights are locked.
pub(crate) async fn read(
    connection: &AsyncPgConnection,
    asked: BatchReadRequest<'_>,
) -> QueryResult<BatchRead> {
    let BatchReadRequest { bookings, limits, seats, passengers, locators } = asked;
    let bookings: Vec<Uuid> = bookings.iter().map(|id| id.0).collect();
    let claims = ReadForClaims {
        held_flights: limits.iter().map(|(flight, _)| flight.0).collect(),
        held_owners: limits.iter().map(|(_, owner)| owner.0).collect(),
        place_flights: passengers.iter().map(|(flight, _, _)| flight.0).collect(),
        place_owners: passengers.iter().map(|(_, owner, _)| owner.0).collect(),
        fingerprints: passengers.iter().map(|(_, _, fingerprint)| *fingerprint).collect(),
        locators: locators.iter().map(|one| one.as_str().to_owned()).collect(),
    };
    let has_claims = !(limits.is_empty() && passengers.is_empty() && locators.is_empty());
    if seats.is_empty() && bookings.is_empty() {
        let (held, places, used, now) = claims.get_result(&mut &*connection).await?;
        return answer((held, places, used), SeatColumns::default(), VersionColumns::default(), now);
    }
    if seats.is_empty() && !has_claims {
        let (versions, now) = ReadVersions { bookings }.get_result(&mut &*connection).await?;
        return answer(ClaimColumns::default(), SeatColumns::default(), versions, now);
    }
    let ReadForClaims { held_flights, held_owners, place_flights, place_owners, fingerprints, locators } =
        claims;
    let query = ReadAll {
        held_flights,
        held_owners,
        place_flights,
        place_owners,
        fingerprints,
        locators,
        flights: seats.iter().map(|(flight, _)| flight.0).collect(),
        versions: seats.iter().map(|(_, version)| *version).collect(),
        bookings,
    };
    let (held, places, used, changed, taken, versions, now) = query.get_result(&mut &*connection).await?;
    answer((held, places, used), (changed, taken), versions, now)
}

fn answer(
    (held, places, used): ClaimColumns,
    (changed, taken): SeatColumns,
    versions: VersionColumns,
    now: DateTime<Utc>,
) -> QueryResult<BatchRead> {
    let used = used.into_iter().map(|text| text.parse()).collect::<Result<_, InvalidLocator>>();
    let changed = changed.0.into_iter().map(FlightId).zip(changed.1);
    Ok(BatchRead {
        versions: versions.0.into_iter().map(BookingId).zip(versions.1).collect(),
        held: triples(held)
            .map(|(flight, owner, number)| ((FlightId(flight), UserId(owner)), number))
            .collect(),
        seats: seats::states(changed, triples(taken).collect::<Vec<TakenRow>>()),
        passengers: triples(places)
            .map(|(flight, owner, one)| (FlightId(flight), UserId(owner), one))
            .collect(),
        used: used.map_err(|error| damaged(error.into()))?,
        now,
    })
}

/// Rows out of columns.
fn triples<A, B, C>((a, b, c): (Vec<A>, Vec<B>, Vec<C>)) -> impl Iterator<Item = (A, B, C)> {
    a.into_iter().zip(b).zip(c).map(|((a, b), c)| (a, b, c))
}
