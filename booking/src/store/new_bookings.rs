//! Writes new bookings, a batch at a time.

use super::{codes::Code, passengers, payments, statement::statement};
use crate::domain::booking::Booking;
use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join4;
use uuid::Uuid;

statement! {
    /// Inserts bookings whose locators are free.
    InsertBookings {
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
    "INSERT INTO bookings (id, locator, owner_id, status, payment_status, hold_expires_at, currency, contact_email, contact_phone, version, created_at, updated_at) SELECT i, l, o, s, p, h, c, e, t, v, n, n FROM unnest($, $, $, $, $, $, $, $, $, $, $) AS new (i, l, o, s, p, h, c, e, t, v, n) ON CONFLICT (locator) DO NOTHING"
}

statement! {
    /// Inserts segments.
    InsertSegments {
        bookings: Array<SqlUuid> = Vec<Uuid>,
        positions: Array<SmallInt> = Vec<i16>,
        flights: Array<SqlUuid> = Vec<Uuid>,
        cabins: Array<SmallInt> = Vec<i16>,
        brands: Array<SmallInt> = Vec<i16>,
        fares: Array<BigInt> = Vec<i64>,
        taxes: Array<BigInt> = Vec<i64>,
        versions: Array<BigInt> = Vec<i64>,
    } -> (),
    "INSERT INTO segments (booking_id, position, flight_id, cabin, brand, fare, taxes, flight_version) SELECT * FROM unnest($, $, $, $, $, $, $, $)"
}

/// Writes new bookings with their segments, passengers and payments, all tables at once. An error where
/// a locator is in use.
pub(crate) async fn insert(connection: &AsyncPgConnection, new: &[Booking]) -> QueryResult<()> {
    if new.is_empty() {
        return Ok(());
    }
    let all: Vec<&Booking> = new.iter().collect();
    let payments = new.iter().flat_map(|booking| booking.payments.iter().map(|one| (booking.id, one)));
    let (mut first, mut second) = (connection, connection);
    let (inserted, _, (), ()) = try_join4(
        insert_bookings(&all).execute(&mut first),
        insert_segments(&all).execute(&mut second),
        passengers::insert(connection, &all),
        payments::insert(connection, payments),
    )
    .await?;
    match inserted == new.len() {
        true => Ok(()),
        // Tried again, the batch draws another one.
        false => Err(diesel::result::Error::QueryBuilderError("a locator was taken meanwhile".into())),
    }
}

fn insert_bookings(new: &[&Booking]) -> InsertBookings {
    InsertBookings {
        ids: new.iter().map(|booking| booking.id.0).collect(),
        locators: new.iter().map(|booking| booking.locator.as_str().to_owned()).collect(),
        owners: new.iter().map(|booking| booking.owner_id.0).collect(),
        statuses: new.iter().map(|booking| booking.status.code()).collect(),
        payment_statuses: new.iter().map(|booking| booking.payment_status.code()).collect(),
        holds: new.iter().map(|booking| booking.hold_expires_at).collect(),
        currencies: new.iter().map(|booking| booking.currency.code().to_owned()).collect(),
        emails: new.iter().map(|booking| booking.contact.email.as_str().to_owned()).collect(),
        phones: new
            .iter()
            .map(|booking| booking.contact.phone.as_ref().map(|phone| phone.as_str().to_owned()))
            .collect(),
        versions: new.iter().map(|booking| booking.version).collect(),
        created: new.iter().map(|booking| booking.created_at).collect(),
    }
}

fn insert_segments(new: &[&Booking]) -> InsertSegments {
    let rows = || {
        new.iter().flat_map(|booking| {
            booking.segments.iter().zip(0_i16..).map(|(segment, position)| (booking.id.0, position, segment))
        })
    };
    InsertSegments {
        bookings: rows().map(|(booking, _, _)| booking).collect(),
        positions: rows().map(|(_, position, _)| position).collect(),
        flights: rows().map(|(_, _, segment)| segment.flight_id.0).collect(),
        cabins: rows().map(|(_, _, segment)| segment.cabin.code()).collect(),
        brands: rows().map(|(_, _, segment)| segment.brand.code()).collect(),
        fares: rows().map(|(_, _, segment)| segment.fare).collect(),
        taxes: rows().map(|(_, _, segment)| segment.taxes).collect(),
        versions: rows().map(|(_, _, segment)| segment.flight_version).collect(),
    }
}
