//! Writes new bookings, a batch at a time.

use super::{codes::Code, passengers, payments, statement::statement};
use crate::domain::booking::Booking;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Date, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join;
use uuid::Uuid;

statement! {
    /// Inserts bookings whose locators are free, with their segments and passengers; gives how many
    /// bookings. Seats come as texts of arrays: `unnest` would flatten an array of arrays.
    Insert {
        segments: Array<SqlUuid> = Vec<Uuid>,
        segment_positions: Array<SmallInt> = Vec<i16>,
        flights: Array<SqlUuid> = Vec<Uuid>,
        cabins: Array<SmallInt> = Vec<i16>,
        brands: Array<SmallInt> = Vec<i16>,
        fares: Array<BigInt> = Vec<i64>,
        taxes: Array<BigInt> = Vec<i64>,
        flight_versions: Array<BigInt> = Vec<i64>,
        passengers: Array<SqlUuid> = Vec<Uuid>,
        passenger_positions: Array<SmallInt> = Vec<i16>,
        passenger_ids: Array<SqlUuid> = Vec<Uuid>,
        kinds: Array<SmallInt> = Vec<i16>,
        given: Array<Text> = Vec<String>,
        family: Array<Text> = Vec<String>,
        born: Array<Date> = Vec<NaiveDate>,
        tickets: Array<Nullable<BigInt>> = Vec<Option<i64>>,
        seats: Array<Text> = Vec<String>,
        ids: Array<SqlUuid> = Vec<Uuid>,
        locators: Array<Text> = Vec<String>,
        owners: Array<SqlUuid> = Vec<Uuid>,
        statuses: Array<SmallInt> = Vec<i16>,
        payment_statuses: Array<SmallInt> = Vec<i16>,
        holds: Array<Timestamptz> = Vec<DateTime<Utc>>,
        currencies: Array<Text> = Vec<String>,
        emails: Array<Text> = Vec<String>,
        phones: Array<Nullable<Text>> = Vec<Option<String>>,
        versions: Array<BigInt> = Vec<i64>,
        created: Array<Timestamptz> = Vec<DateTime<Utc>>,
    } -> (),
    "WITH flown AS (
        INSERT INTO segments (booking_id, position, flight_id, cabin, brand, fare, taxes, flight_version)
        SELECT * FROM unnest($, $, $, $, $, $, $, $)
    ), carried AS (
        INSERT INTO passengers (booking_id, position, id, kind, given_name, family_name, born_on, ticket_number, seats)
        SELECT b, p, i, k, g, f, d, t, s::smallint[]
        FROM unnest($, $, $, $, $, $, $, $, $) AS new (b, p, i, k, g, f, d, t, s)
    )
    INSERT INTO bookings (id, locator, owner_id, status, payment_status, hold_expires_at, currency, contact_email, contact_phone, version, created_at, updated_at)
    SELECT i, l, o, s, p, h, c, e, t, v, n, n
    FROM unnest($, $, $, $, $, $, $, $, $, $, $) AS new (i, l, o, s, p, h, c, e, t, v, n)
    ON CONFLICT (locator) DO NOTHING"
}

/// Writes new bookings with their segments, passengers and payments. An error where a locator is in use.
pub(crate) async fn insert(connection: &AsyncPgConnection, new: &[Booking]) -> QueryResult<()> {
    if new.is_empty() {
        return Ok(());
    }
    let payments = new.iter().flat_map(|booking| booking.payments.iter().map(|one| (booking.id, one)));
    let mut on = connection;
    let (inserted, ()) =
        try_join(query(new).execute(&mut on), payments::insert(connection, payments)).await?;
    match inserted == new.len() {
        true => Ok(()),
        // Tried again, the batch draws another one.
        false => Err(diesel::result::Error::QueryBuilderError("a locator was taken meanwhile".into())),
    }
}

fn query(new: &[Booking]) -> Insert {
    let segments = || {
        new.iter().flat_map(|booking| {
            booking.segments.iter().zip(0_i16..).map(|(segment, position)| (booking.id.0, position, segment))
        })
    };
    let passengers = || {
        new.iter().flat_map(|booking| {
            let passengers = booking.passengers.iter().zip(0_i16..);
            passengers.map(|(passenger, position)| (booking.id.0, position, passenger))
        })
    };
    let phone = |booking: &Booking| booking.contact.phone.as_ref().map(|phone| phone.as_str().to_owned());
    Insert {
        segments: segments().map(|(booking, _, _)| booking).collect(),
        segment_positions: segments().map(|(_, position, _)| position).collect(),
        flights: segments().map(|(_, _, segment)| segment.flight_id.0).collect(),
        cabins: segments().map(|(_, _, segment)| segment.cabin.code()).collect(),
        brands: segments().map(|(_, _, segment)| segment.brand.code()).collect(),
        fares: segments().map(|(_, _, segment)| segment.fare).collect(),
        taxes: segments().map(|(_, _, segment)| segment.taxes).collect(),
        flight_versions: segments().map(|(_, _, segment)| segment.flight_version).collect(),
        passengers: passengers().map(|(booking, _, _)| booking).collect(),
        passenger_positions: passengers().map(|(_, position, _)| position).collect(),
        passenger_ids: passengers().map(|(_, _, passenger)| passenger.id.0).collect(),
        kinds: passengers().map(|(_, _, passenger)| passenger.kind.code()).collect(),
        given: passengers().map(|(_, _, passenger)| passenger.given_name.as_str().to_owned()).collect(),
        family: passengers().map(|(_, _, passenger)| passenger.family_name.as_str().to_owned()).collect(),
        born: passengers().map(|(_, _, passenger)| passenger.born_on).collect(),
        tickets: passengers().map(|(_, _, passenger)| passenger.ticket_number).collect(),
        seats: passengers().map(|(_, _, passenger)| passengers::array_text(&passenger.seats)).collect(),
        ids: new.iter().map(|booking| booking.id.0).collect(),
        locators: new.iter().map(|booking| booking.locator.as_str().to_owned()).collect(),
        owners: new.iter().map(|booking| booking.owner_id.0).collect(),
        statuses: new.iter().map(|booking| booking.status.code()).collect(),
        payment_statuses: new.iter().map(|booking| booking.payment_status.code()).collect(),
        holds: new.iter().map(|booking| booking.hold_expires_at).collect(),
        currencies: new.iter().map(|booking| booking.currency.code().to_owned()).collect(),
        emails: new.iter().map(|booking| booking.contact.email.as_str().to_owned()).collect(),
        phones: new.iter().map(phone).collect(),
        versions: new.iter().map(|booking| booking.version).collect(),
        created: new.iter().map(|booking| booking.created_at).collect(),
    }
}
