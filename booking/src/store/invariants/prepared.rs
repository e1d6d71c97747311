//! What many of the statements look at, made once at the beginning of a check: temporary tables, seen by
//! this check alone and gone with it.

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

/// A temporary table, of what a query gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    name: &'static str,
    query: &'static str,
}

/// What statements about seats and bookings look at, in the order in which they are made.
pub(super) const OF_BOOKINGS: &[Table] = &[
    Table { name: "seat_plans", query: SEAT_PLANS },
    Table { name: "seat_places", query: SEAT_PLACES },
    Table { name: "live_seats", query: LIVE_SEATS },
    Table { name: "booking_prices", query: BOOKING_PRICES },
];

/// What statements about money and events look at.
pub(super) const OF_MONEY_AND_EVENTS: &[Table] = &[
    Table { name: "booking_prices", query: BOOKING_PRICES },
    Table { name: "told_events", query: TOLD_EVENTS },
];

/// The seat plans of the flights on which somebody has a seat. Many flights have the same `layout`.
const SEAT_PLANS: &str = "
    SELECT flight_id, state->'seat_plan' AS plan, dense_rank() OVER (ORDER BY state->'seat_plan') AS layout
    FROM flight_states WHERE flight_id IN (SELECT flight_id FROM seats)";

/// The places of each layout, with the numbers of seats and cabins that our tables have.
const SEAT_PLACES: &str = "
    SELECT y.layout, (row * 32 + ascii(letter) - 65)::smallint AS seat,
        (array_position('{economy,premium_economy,business,first}'::text[], c->>'cabin') - 1)::smallint AS cabin,
        y.plan->'exit_rows' @> to_jsonb(row) AS exit, y.plan->'blocked_seats' ? (row || letter) AS blocked
    FROM (SELECT DISTINCT ON (layout) layout, plan FROM seat_plans ORDER BY layout) y
    CROSS JOIN jsonb_array_elements(y.plan->'cabins') AS c
    CROSS JOIN generate_series((c->'rows'->>0)::int, (c->'rows'->>1)::int) AS row
    CROSS JOIN string_to_table(replace(c->>'columns', '|', ''), NULL) AS letter";

/// The places for seats in live bookings, one for each passenger and segment; with the layout of the
/// flight, what the seat is in it, and, as long as the flight has not left, the passenger's fingerprint
/// (of names in plain ASCII: how others are folded to small letters the database cannot repeat).
const LIVE_SEATS: &str = r#"
    SELECT b.id AS booking_id, b.owner_id, b.status, s.flight_id, s.cabin, p.id AS passenger_id, p.position, p.kind,
        p.seats[s.position + 1] AS seat, f.layout, at.cabin AS seat_cabin, at.exit, at.blocked,
        CASE WHEN t.departure_at > now() AND octet_length(p.given_name) = char_length(p.given_name)
            AND octet_length(p.family_name) = char_length(p.family_name) THEN
            ('x' || encode(substring(sha256(
                convert_to(lower(p.given_name COLLATE "C"), 'UTF8') || '\x00'::bytea
                || convert_to(lower(p.family_name COLLATE "C"), 'UTF8') || '\x00'::bytea
                || convert_to(to_char(p.born_on, 'YYYY-MM-DD'), 'UTF8') || '\x00'::bytea
            ) FROM 1 FOR 8), 'hex'))::bit(64)::bigint END AS fingerprint
    FROM bookings b
    JOIN segments s ON s.booking_id = b.id
    LEFT JOIN flights t ON t.id = s.flight_id
    JOIN passengers p ON p.booking_id = b.id
    LEFT JOIN seat_plans f ON f.flight_id = s.flight_id
    LEFT JOIN seat_places at ON at.layout = f.layout AND at.seat = p.seats[s.position + 1]
    WHERE b.status IN (0, 1)"#;

/// What bookings cost, all segments together, and how many these are.
const BOOKING_PRICES: &str = "
    SELECT booking_id, count(*) AS segments, max(position) AS last, sum(fare)::bigint AS fare, sum(taxes)::bigint AS taxes, sum(fare + taxes)::bigint AS total
    FROM segments GROUP BY booking_id";

/// The events without what they tell, so that they are read once. Subjects are ids; what is too short or
/// too long for one is null.
const TOLD_EVENTS: &str = "
    SELECT id, kind, version,
        CASE WHEN octet_length(subject) = 36 THEN subject::uuid END AS subject
    FROM events";

/// Makes tables in the present transaction.
pub(super) async fn make(connection: &mut AsyncPgConnection, tables: &[Table]) -> QueryResult<()> {
    for Table { name, query } in tables {
        let make = format!("CREATE TEMPORARY TABLE {name} ON COMMIT DROP AS {query}");
        for statement in [make, format!("ANALYZE {name}")] {
            diesel::sql_query(statement).execute(connection).await?;
        }
    }
    Ok(())
}

/// Removes them, so that the transaction may check again.
pub(super) async fn remove(connection: &mut AsyncPgConnection, tables: &[Table]) -> QueryResult<()> {
    for Table { name, .. } in tables {
        diesel::sql_query(format!("DROP TABLE pg_temp.{name}")).execute(connection).await?;
    }
    Ok(())
}
