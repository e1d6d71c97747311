//! Fills a database with bookings as if they had been made: what the cost of a booking may not depend
//! on, and what the check of the invariants is measured on.

use crate::booking::workload::{self, Layout};
use anyhow::Context;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};

/// Bookings in a transaction: whole flights.
const AT_ONCE: i64 = 90_000;

/// The airplane of all flights; each is sold out.
const LAYOUT: Layout = Layout { rows: 30, wide: false };

/// The bookings of a transaction, one a row, with all that several tables say of them. Flights have
/// departed within the last day, and were sold within the six days before that: their events are still
/// kept. Prices are those of a booking made less than a week ahead at a base price of 106.00.
const MAKE: &str = "
CREATE TEMPORARY TABLE filling ON COMMIT DROP AS
WITH numbered AS (
    SELECT n, n / 180 AS flight, n % 180 AS place,
           date_trunc('minute', now()) - interval '1 hour' - (n / 180 % 1380) * interval '1 minute' AS departs,
           (n * 641235413) & 1073741823 AS mixed, md5(n::text) AS hash
    FROM generate_series($1, $2 - 1) AS n
), timed AS (
    SELECT *, departs - interval '1 hour' - (180 - place) * interval '45 minutes' + mixed % 1000000 * interval '1 microsecond' AS made
    FROM numbered
), priced AS (
    SELECT *, CASE WHEN place < 90 THEN 10600 WHEN place < 115 THEN 12720 WHEN place < 140 THEN 15370
                   WHEN place < 162 THEN 19080 ELSE 23320 END::bigint AS fare, 2400::bigint AS taxes,
           (ARRAY['Ada', 'Anton', 'Beatriz', 'Chiara', 'Daniel', 'Elif', 'Gabriel', 'Hannah', 'Ingrid', 'Jakub', 'Lars', 'Margarethe'])[1 + mixed % 12] AS given,
           (ARRAY['Almeida', 'Bernard', 'Costa', 'Dubois', 'Eriksen', 'Haddad', 'Jensen', 'Kaya', 'Lindqvist', 'Moreau', 'Rossi', 'Schmidt', 'Tanaka'])[1 + mixed % 13] AS family,
           date '1945-01-01' + (place * 120 + flight % 120)::integer AS born
    FROM timed
)
SELECT *, (place / 6 + 1) * 32 + place % 6 AS seat,
       (place / 6 + 1) || substr('ABCDEF', (place % 6 + 1)::integer, 1) AS designator,
       pg_temp.uuid7(made, '1', hash) AS id,
       pg_temp.uuid7(made, '2', hash) AS passenger_id,
       pg_temp.uuid7(made, '3', hash) AS payment_id,
       pg_temp.uuid7(made, '4', hash) AS event_id,
       pg_temp.uuid7(timestamptz '2026-01-01Z', '5', md5((n % 100000)::text)) AS owner_id,
       pg_temp.uuid7(departs - interval '60 days', '6', md5(flight::text)) AS flight_id,
       pg_temp.letter(mixed >> 25) || pg_temp.letter(mixed >> 20) || pg_temp.letter(mixed >> 15)
           || pg_temp.letter(mixed >> 10) || pg_temp.letter(mixed >> 5) || pg_temp.letter(mixed) AS locator,
       9970000000000 + nextval('ticket_documents') AS ticket
FROM priced";

/// Ids that grow with time, as those of the services do; the kind keeps those of a row apart.
const UUID7: &str = "
CREATE FUNCTION pg_temp.uuid7(made timestamptz, kind text, hash text) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM made) * 1000)::bigint), 12, '0') || '7' || substr(hash, 1, 3) || '8' || kind || substr(hash, 4, 14))::uuid
$$";

/// A letter of a locator.
const LETTER: &str = "
CREATE FUNCTION pg_temp.letter(bits bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT substr('23456789ABCDEFGHJKLMNPQRSTUVWXYZ', 1 + (bits & 31)::integer, 1)
$$";

/// The time of a flight as it stands in JSON.
const TIME: &str = "
CREATE FUNCTION pg_temp.flight_time(at timestamptz, zone text) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'at', at,
        'local', to_char(at AT TIME ZONE zone, 'YYYY-MM-DD\"T\"HH24:MI'),
        'time_zone', zone)
$$";

/// Money as it stands in JSON; all of it is whole euros.
const MONEY: &str = "
CREATE FUNCTION pg_temp.money_of(minor bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('amount', minor / 100 || '.00', 'currency', 'EUR')
$$";

/// The flights; `$1` is the state of any flight, whose id and times are replaced.
const FLIGHTS: &str = "
WITH chosen AS (SELECT DISTINCT flight_id, departs FROM filling), stored AS (
    INSERT INTO flights (id, version, departure_at, on_sale, seats_version)
    SELECT flight_id, 1, departs, true, 360 FROM chosen
)
INSERT INTO flight_states (flight_id, version, state)
SELECT flight_id, 1, $1::jsonb || jsonb_build_object(
    'id', flight_id, 'departure', pg_temp.flight_time(departs, 'Europe/London'),
    'arrival', pg_temp.flight_time(departs + interval '7 hours', 'America/New_York'))
FROM chosen";

/// The rows of paid bookings, table by table.
const ROWS: [&str; 9] = [
    "INSERT INTO bookings (id, locator, owner_id, status, payment_status, hold_expires_at, currency, contact_email, contact_phone, version, created_at, updated_at, confirmed_at)
     SELECT id, locator, owner_id, 1, 2, made + interval '1 hour', 'EUR', 'traveller' || n || '@example.org', '+33123456789', 2, made, made + interval '20 milliseconds', made + interval '20 milliseconds' FROM filling ORDER BY id",
    "INSERT INTO segments (booking_id, position, flight_id, cabin, brand, fare, taxes)
     SELECT id, 0, flight_id, 0, 1, fare, taxes FROM filling ORDER BY id",
    "INSERT INTO passengers (booking_id, position, id, kind, given_name, family_name, born_on, ticket_number, seats)
     SELECT id, 0, passenger_id, 0, given, family, born, ticket, ARRAY[seat]::smallint[] FROM filling ORDER BY id",
    "INSERT INTO seats (flight_id, seat, booking_id, sold) SELECT flight_id, seat, id, true FROM filling ORDER BY flight_id, seat",
    // The fingerprint is the service's: the first eight bytes of a hash of names without capitals and the date of birth.
    "INSERT INTO travellers (flight_id, owner_id, fingerprint, booking_id, seated)
     SELECT flight_id, owner_id,
            ('x' || encode(substr(sha256(convert_to(lower(given), 'UTF8') || '\\x00' || convert_to(lower(family), 'UTF8') || '\\x00' || convert_to(to_char(born, 'YYYY-MM-DD'), 'UTF8') || '\\x00'), 1, 8), 'hex'))::bit(64)::bigint,
            id, true FROM filling ORDER BY flight_id, owner_id",
    // Captured: in no queue.
    "INSERT INTO payments (id, booking_id, method, token, amount, state, held_until, answer, created_at)
     SELECT payment_id, id, 'card', NULL, fare + taxes, 1, made + interval '15 minutes', 201, made FROM filling ORDER BY payment_id",
    "INSERT INTO ledger_entries (cause, account, booking_id, amount, created_at)
     SELECT payment_id, account, id, CASE account WHEN 0 THEN fare + taxes WHEN 1 THEN -fare ELSE -taxes END, made + interval '20 milliseconds'
     FROM filling, generate_series(0, 2) AS account ORDER BY payment_id, account",
    "INSERT INTO sandbox_operations (payment_id, operation, subject, amount, accepted, created_at)
     SELECT payment_id, operation, payment_id, fare + taxes, true, made + operation * interval '10 milliseconds'
     FROM filling, generate_series(0, 1) AS operation ORDER BY payment_id, operation",
    // The last event of each flight's seats: what came before it was overtaken.
    "INSERT INTO events (id, kind, subject, version, time, data)
     SELECT pg_temp.uuid7(max(made), '7', md5(flight::text)), 'seats.changed', flight_id, 360, max(made),
            jsonb_build_object('flight_id', flight_id, 'version', 360, 'held', '[]'::jsonb, 'sold', jsonb_agg(designator ORDER BY seat))
     FROM filling GROUP BY flight, flight_id",
];

/// The events that told of the bookings; `$1` is the state of any flight.
const EVENTS: &str = "
WITH flight AS MATERIALIZED (
    SELECT flight_id AS flown, jsonb_build_array(jsonb_build_object(
        'flight_id', flight_id, 'flight_number', state->'flight_number', 'airline', state->'airline'->'name', 'origin', state->'origin',
        'destination', state->'destination', 'departure', pg_temp.flight_time(departs, 'Europe/London'),
        'arrival', pg_temp.flight_time(departs + interval '7 hours', 'America/New_York'),
        'cabin', 'economy', 'brand', 'standard', 'status', 'confirmed')) AS segments
    FROM (SELECT DISTINCT flight_id, departs FROM filling) AS chosen, (SELECT $1::jsonb AS state) AS any_flight
)
INSERT INTO events (id, kind, subject, version, time, data)
SELECT event_id, 'booking.confirmed', id, 2, made + interval '20 milliseconds', jsonb_build_object(
    'id', id, 'locator', locator, 'owner_id', owner_id, 'status', 'confirmed', 'payment_status', 'paid',
    'hold_expires_at', NULL,
    'segments', segments,
    'passengers', jsonb_build_array(jsonb_build_object(
        'id', passenger_id, 'type', 'ADT', 'given_name', given, 'family_name', family, 'born_on', born,
        'ticket_number', ticket::text,
        'seats', jsonb_build_array(jsonb_build_object('flight_id', flight_id, 'designator', designator)))),
    'contact', jsonb_build_object('email', 'traveller' || n || '@example.org', 'phone', '+33123456789'),
    'price', jsonb_build_object('fare', pg_temp.money_of(fare), 'taxes', pg_temp.money_of(taxes), 'total', pg_temp.money_of(fare + taxes)),
    'payments', jsonb_build_array(jsonb_build_object(
        'id', payment_id, 'method', 'card', 'amount', pg_temp.money_of(fare + taxes), 'status', 'captured',
        'created_at', made)),
    'refunds', '[]'::jsonb, 'available_actions', '[\"cancel\"]'::jsonb, 'version', 2,
    'created_at', made, 'updated_at', made + interval '20 milliseconds')
FROM filling JOIN flight ON flown = flight_id ORDER BY event_id";

/// Stores so many paid bookings on sold flights that have departed, with all rows that real ones have,
/// and lets the planner look at the tables. The connection is one of booking's role.
///
/// Once a database: a second time the ids would be the same.
///
/// # Errors
/// Those of the database.
pub async fn fill(connection: &mut AsyncPgConnection, bookings: i64) -> anyhow::Result<()> {
    // What is generated again just as well need not be waited for.
    for setting in ["SET statement_timeout = 0", "SET synchronous_commit = off", "SET work_mem = '64MB'"] {
        diesel::sql_query(setting).execute(connection).await?;
    }
    for function in [UUID7, LETTER, TIME, MONEY] {
        diesel::sql_query(function).execute(connection).await?;
    }
    let state = serde_json::to_string(&workload::flight(LAYOUT)?)?;
    let mut first = 0;
    while first < bookings {
        let last = bookings.min(first + AT_ONCE);
        let filled = connection.transaction(async |connection: &mut AsyncPgConnection| {
            let make = diesel::sql_query(MAKE).bind::<BigInt, _>(first).bind::<BigInt, _>(last);
            make.execute(connection).await?;
            diesel::sql_query(FLIGHTS).bind::<Text, _>(&state).execute(connection).await?;
            for rows in ROWS {
                diesel::sql_query(rows).execute(connection).await?;
            }
            diesel::sql_query(EVENTS).bind::<Text, _>(&state).execute(connection).await
        });
        filled.await.with_context(|| format!("bookings {first} to {last} could not be stored"))?;
        first = last;
    }
    diesel::sql_query("VACUUM ANALYZE").execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_are_of_whole_flights() {
        // As they are numbered in the statements.
        assert_eq!(LAYOUT.capacity(), 180);
        assert_eq!(AT_ONCE % 180, 0);
    }
}
