//! Figures of the business, counted over whole tables.
//!
//! Ids begin with the time at which they were made: days of bookings and of payments are found by
//! ranges of ids, through the primary keys, and cost the booking path no index.

use super::codes::StoredCode;
use crate::domain::stats::{CabinOccupancy, DayFigures, Figures, HoldFigures, Period};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Date, Nullable, SmallInt, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{seat::Cabin, statement};
use uuid::Uuid;

/// How long before its confirmation a booking, and before its entries a payment, may have been made: a
/// hold of a day that a payment has prolonged. And by how much clocks may differ.
const EARLIER: TimeDelta = TimeDelta::days(3);
const SKEW: TimeDelta = TimeDelta::hours(1);

statement! {
    /// Flights that depart in a period: those that were not cancelled, and those that were.
    CountFlights { from: Timestamptz = DateTime<Utc>, to: Timestamptz = DateTime<Utc> } -> (BigInt, BigInt),
    "SELECT count(*) FILTER (WHERE t.state->>'status' <> 'cancelled'), count(*) FILTER (WHERE t.state->>'status' = 'cancelled') FROM flights f JOIN flight_states t ON t.flight_id = f.id WHERE f.departure_at >= $ AND f.departure_at < $"
}

statement! {
    /// The seats of these flights by cabin. Seat plans are few: each is laid out once.
    CountSeats { from: Timestamptz = DateTime<Utc>, to: Timestamptz = DateTime<Utc> } -> (Nullable<SmallInt>, BigInt, BigInt, BigInt),
    "WITH departing AS MATERIALIZED (SELECT f.id, t.state->'seat_plan' AS plan FROM flights f JOIN flight_states t ON t.flight_id = f.id WHERE f.departure_at >= $ AND f.departure_at < $ AND t.state->>'status' <> 'cancelled'), layouts AS MATERIALIZED (SELECT row_number() OVER () AS layout, plan, flights FROM (SELECT plan, count(*) AS flights FROM departing GROUP BY plan) plans), places AS MATERIALIZED (SELECT y.layout, y.flights, (array_position('{economy,premium_economy,business,first}'::text[], c->>'cabin') - 1)::smallint AS cabin, (row * 32 + ascii(letter) - 65)::smallint AS seat, y.plan->'blocked_seats' ? (row || letter) AS blocked FROM layouts y CROSS JOIN jsonb_array_elements(y.plan->'cabins') AS c CROSS JOIN generate_series((c->'rows'->>0)::int, (c->'rows'->>1)::int) AS row CROSS JOIN string_to_table(replace(c->>'columns', '|', ''), NULL) AS letter), capacities AS (SELECT cabin, sum(flights) FILTER (WHERE NOT blocked) AS capacity FROM places GROUP BY cabin), taken AS (SELECT p.cabin, count(*) FILTER (WHERE NOT s.sold) AS held, count(*) FILTER (WHERE s.sold) AS sold FROM departing d JOIN layouts y ON y.plan = d.plan JOIN seats s ON s.flight_id = d.id JOIN places p ON p.layout = y.layout AND p.seat = s.seat GROUP BY p.cabin) SELECT c.cabin, coalesce(c.capacity, 0)::bigint, coalesce(t.held, 0), coalesce(t.sold, 0) FROM capacities c LEFT JOIN taken t ON t.cabin = c.cabin ORDER BY c.cabin"
}

statement! {
    /// Bookings made, and bookings confirmed, by day.
    CountBookings {
        made_from: Timestamptz = DateTime<Utc>, made_to: Timestamptz = DateTime<Utc>,
        made_low: SqlUuid = Uuid, made_high: SqlUuid = Uuid,
        confirmed_from: Timestamptz = DateTime<Utc>, confirmed_to: Timestamptz = DateTime<Utc>,
        confirmed_low: SqlUuid = Uuid, confirmed_high: SqlUuid = Uuid,
    } -> (Date, BigInt, BigInt),
    "SELECT day, sum(booked)::bigint, sum(confirmed)::bigint FROM (SELECT (created_at AT TIME ZONE 'UTC')::date AS day, 1 AS booked, 0 AS confirmed FROM bookings WHERE created_at >= $ AND created_at < $ AND id >= $ AND id < $ UNION ALL SELECT (confirmed_at AT TIME ZONE 'UTC')::date, 0, 1 FROM bookings WHERE confirmed_at >= $ AND confirmed_at < $ AND id >= $ AND id < $) AS counted GROUP BY day"
}

statement! {
    /// Money by day: fares and taxes taken, fares and taxes given back. Income is negative in the books.
    CountMoney {
        from: Timestamptz = DateTime<Utc>, to: Timestamptz = DateTime<Utc>,
        low: SqlUuid = Uuid, high: SqlUuid = Uuid,
    } -> (Date, BigInt, BigInt, BigInt, BigInt),
    "SELECT (created_at AT TIME ZONE 'UTC')::date AS day, coalesce(-sum(amount) FILTER (WHERE account = 1 AND amount < 0), 0)::bigint, coalesce(-sum(amount) FILTER (WHERE account = 2 AND amount < 0), 0)::bigint, coalesce(sum(amount) FILTER (WHERE account = 1 AND amount > 0), 0)::bigint, coalesce(sum(amount) FILTER (WHERE account = 2 AND amount > 0), 0)::bigint FROM ledger_entries WHERE created_at >= $ AND created_at < $ AND cause >= $ AND cause < $ GROUP BY day"
}

statement! {
    /// Live holds: those that wait, found by their end, and those with a payment under way, found by it.
    CountHolds { now: Timestamptz = DateTime<Utc> } -> (BigInt, BigInt, BigInt),
    "WITH live AS MATERIALIZED (SELECT id FROM bookings WHERE expires_at > $ UNION SELECT b.id FROM unsettled_payments u JOIN payments p ON p.id = u.payment_id JOIN bookings b ON b.id = p.booking_id WHERE b.status = 0 AND b.payment_status = 1) SELECT (SELECT count(*) FROM live), (SELECT count(*) FROM live l JOIN segments s ON s.booking_id = l.id JOIN passengers p ON p.booking_id = l.id WHERE p.kind <> 2), (SELECT coalesce(sum(s.fare + s.taxes), 0)::bigint FROM live l JOIN segments s ON s.booking_id = l.id)"
}

/// The lowest id of an instant (UUID, version 7).
fn id_at(instant: DateTime<Utc>) -> Uuid {
    let milliseconds = u128::try_from(instant.timestamp_millis()).unwrap_or(0);
    Uuid::from_u128(milliseconds << 80)
}

/// Counts everything of a period. For use in a transaction of one snapshot, whose instant `now` is.
pub(crate) async fn count(
    connection: &mut AsyncPgConnection,
    period: Period,
    now: DateTime<Utc>,
) -> QueryResult<Figures> {
    let (from, to) = (period.begins_at(), period.ends_at());
    let (flights, cancelled_flights) = CountFlights { from, to }.get_result(connection).await?;
    let mut figures = Figures { flights, cancelled_flights, ..Figures::default() };
    let seats: Vec<(Option<i16>, i64, i64, i64)> = CountSeats { from, to }.load(connection).await?;
    for (cabin, capacity, held, sold) in seats {
        let cabin = Cabin::of_code(cabin.unwrap_or(-1))
            .map_err(|error| diesel::result::Error::DeserializationError(error.into()))?;
        figures.cabins.push(CabinOccupancy { cabin, capacity, held, sold });
    }
    let bookings = CountBookings {
        made_from: from,
        made_to: to,
        made_low: id_at(from - SKEW),
        made_high: id_at(to + SKEW),
        confirmed_from: from,
        confirmed_to: to,
        confirmed_low: id_at(from - EARLIER),
        confirmed_high: id_at(to + SKEW),
    };
    let bookings: Vec<(NaiveDate, i64, i64)> = bookings.load(connection).await?;
    for (day, booked, confirmed) in bookings {
        let day: &mut DayFigures = figures.days.entry(day).or_default();
        (day.booked, day.confirmed) = (booked, confirmed);
    }
    let money = CountMoney { from, to, low: id_at(from - EARLIER), high: id_at(to + SKEW) };
    let money: Vec<(NaiveDate, i64, i64, i64, i64)> = money.load(connection).await?;
    for (day, fare, taxes, refunded_fare, refunded_taxes) in money {
        let day: &mut DayFigures = figures.days.entry(day).or_default();
        *day = DayFigures { fare, taxes, refunded_fare, refunded_taxes, ..*day };
    }
    let (bookings, seats, value) = CountHolds { now }.get_result(connection).await?;
    figures.holds = HoldFigures { bookings, seats, value };
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_an_instant_begin_with_it() {
        let now = Utc::now();
        assert!(id_at(now - TimeDelta::seconds(1)) < Uuid::now_v7());
        assert!(id_at(now + TimeDelta::seconds(10)) > Uuid::now_v7());
    }
}
