//! What many of the statements look at, made once at the beginning of a check: temporary tables, seen by
//! this check alone and gone with it.

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

/// A temporary table, of what a query gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct PreparedTable {
    name: &'static str,
    query: &'static str,
}

/// What statements about seats, bookings and the provider look at, in the order in which they are made.
pub(super) const OF_SEATS_AND_BOOKINGS: &[PreparedTable] = &[
    PreparedTable { name: "seat_plans", query: SEAT_PLANS },
    PreparedTable { name: "seat_places", query: SEAT_PLACES },
    PreparedTable { name: "live_seats", query: LIVE_SEATS },
    PreparedTable { name: "seat_row_faults", query: SEAT_ROW_FAULTS },
    PreparedTable { name: "doubtful_bookings", query: DOUBTFUL_BOOKINGS },
    PreparedTable { name: "unusual_payments", query: UNUSUAL_PAYMENTS },
];

/// What statements about money and events look at.
pub(super) const OF_MONEY_AND_EVENTS: &[PreparedTable] = &[
    PreparedTable { name: "booking_sums", query: BOOKING_SUMS },
    PreparedTable { name: "told_events", query: TOLD_EVENTS },
];

/// The seat plans of the flights with taken seats. Many flights have the same `layout`.
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

/// Where the rows of `seats` and the passengers of live bookings do not agree: a seat that only one of them has for a
/// booking, or that is held in the one and sold in the other.
const SEAT_ROW_FAULTS: &str = "
    SELECT coalesce(t.flight_id, l.flight_id) AS flight_id, coalesce(t.seat, l.seat) AS seat,
        t.booking_id AS reserved_for, t.sold, l.booking_id AS given_to
    FROM seats t
    FULL JOIN (SELECT flight_id, seat, booking_id, status FROM live_seats WHERE seat IS NOT NULL) l
        ON l.flight_id = t.flight_id AND l.seat = t.seat AND l.booking_id = t.booking_id
    WHERE t.flight_id IS NULL OR l.flight_id IS NULL OR t.sold <> (l.status = 1)";

/// Bookings that are not `whole`, or that were paid though not all of their passengers have tickets (`unticketed`).
/// Several tables in one grouping, here and below: joining a million groups to a million rows takes longer.
const DOUBTFUL_BOOKINGS: &str = "
    SELECT * FROM (
        SELECT *, (is_there AND segments BETWEEN 1 AND 6 AND last_segment = segments - 1
                AND last_passenger = passengers - 1 AND adults + children BETWEEN 1 AND 9
                AND infants <= adults AND (children = 0 OR adults > 0)
                AND fewest_places = segments AND most_places = segments) IS TRUE AS whole,
            was_confirmed AND tickets < passengers AS unticketed
        FROM (
            SELECT booking_id, count(status) > 0 AS is_there, max(status) AS status, count(confirmed_at) > 0 AS was_confirmed,
                count(segment) AS segments, max(segment) AS last_segment,
                count(passenger) AS passengers, max(passenger) AS last_passenger,
                count(*) FILTER (WHERE kind = 0) AS adults, count(*) FILTER (WHERE kind = 1) AS children,
                count(*) FILTER (WHERE kind = 2) AS infants, count(ticket_number) AS tickets,
                min(places) AS fewest_places, max(places) AS most_places
            FROM (
                SELECT id AS booking_id, status, confirmed_at, NULL::smallint AS segment, NULL::smallint AS passenger,
                    NULL::smallint AS kind, NULL::bigint AS ticket_number, NULL::int AS places FROM bookings
                UNION ALL SELECT booking_id, NULL, NULL, position, NULL, NULL, NULL, NULL FROM segments
                UNION ALL SELECT booking_id, NULL, NULL, NULL, position, kind, ticket_number, cardinality(seats) FROM passengers
            ) parts GROUP BY booking_id
        ) b
    ) b WHERE NOT whole OR unticketed";

/// What each booking cost, what was paid for it and what was given back, beside its status; sums of nothing
/// are null.
const BOOKING_SUMS: &str = "
    SELECT m.*, m.fare + m.taxes AS total, r.back
    FROM (
        SELECT booking_id, count(status) > 0 AS is_there, max(status) AS status, max(payment_status) AS payment_status,
            count(confirmed_at) > 0 AS was_confirmed, sum(fare)::bigint AS fare, sum(taxes)::bigint AS taxes,
            count(*) FILTER (WHERE state = 0) AS started, count(*) FILTER (WHERE state = 1) AS taken,
            min(paid) AS least, max(paid) AS most
        FROM (
            SELECT id AS booking_id, status, payment_status, confirmed_at, NULL::bigint AS fare, NULL::bigint AS taxes,
                NULL::smallint AS state, NULL::bigint AS paid FROM bookings
            UNION ALL SELECT booking_id, NULL, NULL, NULL, fare, taxes, NULL, NULL FROM segments
            UNION ALL SELECT booking_id, NULL, NULL, NULL, NULL, NULL, state, amount FROM payments
        ) money GROUP BY booking_id
    ) m
    LEFT JOIN (SELECT booking_id, sum(amount)::bigint AS back FROM refunds GROUP BY booking_id) r
        ON r.booking_id = m.booking_id";

/// Payments beside what the provider's log says of them, without the many that succeeded and are settled, and
/// of which the log says just that; `state` is null where only the provider knows it.
const UNUSUAL_PAYMENTS: &str = "
    SELECT p.*, u.payment_id IS NOT NULL AS unsettled FROM (
        SELECT id, max(state) AS state, max(ours) AS amount,
            count(*) FILTER (WHERE operation = 0 AND accepted AND subject = id) > 0 AS authorised,
            count(*) FILTER (WHERE operation = 0 AND accepted) AS reserved,
            count(*) FILTER (WHERE operation = 1) AS captures, count(*) FILTER (WHERE operation = 2) AS voids,
            min(theirs) FILTER (WHERE operation IN (0, 1, 2)) AS least, max(theirs) FILTER (WHERE operation IN (0, 1, 2)) AS most
        FROM (
            SELECT id, state, amount AS ours, NULL::smallint AS operation, NULL::boolean AS accepted, NULL::uuid AS subject,
                NULL::bigint AS theirs FROM payments
            UNION ALL SELECT payment_id, NULL, NULL, operation, accepted, subject, amount FROM sandbox_operations
        ) money GROUP BY id
    ) p
    LEFT JOIN unsettled_payments u ON u.payment_id = p.id
    WHERE (state = 1 AND u.payment_id IS NULL AND authorised AND captures = 1 AND voids = 0
        AND least = amount AND most = amount) IS NOT TRUE";

/// The events without their data, so that they are read once. Subjects are ids; what is too short or
/// too long for one is null.
const TOLD_EVENTS: &str = "
    SELECT id, kind, version,
        CASE WHEN octet_length(subject) = 36 THEN subject::uuid END AS subject
    FROM events";

/// Makes tables in the present transaction.
pub(super) async fn make(connection: &mut AsyncPgConnection, tables: &[PreparedTable]) -> QueryResult<()> {
    for PreparedTable { name, query } in tables {
        let make = format!("CREATE TEMPORARY TABLE {name} ON COMMIT DROP AS {query}");
        for statement in [make, format!("ANALYZE {name}")] {
            diesel::sql_query(statement).execute(connection).await?;
        }
    }
    Ok(())
}

/// Removes them, so that the transaction may check again.
pub(super) async fn remove(connection: &mut AsyncPgConnection, tables: &[PreparedTable]) -> QueryResult<()> {
    for PreparedTable { name, .. } in tables {
        diesel::sql_query(format!("DROP TABLE pg_temp.{name}")).execute(connection).await?;
    }
    Ok(())
}
