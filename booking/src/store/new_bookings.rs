//! Writes new bookings, a batch at a time.

use super::{codes::Code, passengers, payments, statement::statement};
use crate::domain::{booking::Booking, locator::Locator};
use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::collections::HashSet;
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
    } -> (SqlUuid,),
    "INSERT INTO bookings (id, locator, owner_id, status, payment_status, hold_expires_at, currency, contact_email, contact_phone, version, created_at, updated_at) SELECT i, l, o, s, p, h, c, e, t, v, n, n FROM unnest($, $, $, $, $, $, $, $, $, $, $) AS new (i, l, o, s, p, h, c, e, t, v, n) ON CONFLICT (locator) DO NOTHING RETURNING id"
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

/// Draws of a locator before it is given up: with a billion of them, two in a row are rare.
const DRAWS: usize = 8;

/// Writes new bookings with their segments, passengers and payments. Locators that are in use are
/// drawn again.
pub(crate) async fn insert(connection: &mut AsyncPgConnection, new: &mut [Booking]) -> QueryResult<()> {
    if new.is_empty() {
        return Ok(());
    }
    let mut missing: HashSet<Uuid> = new.iter().map(|booking| booking.id.0).collect();
    for draw in 0..DRAWS {
        let pending = new.iter().filter(|booking| missing.contains(&booking.id.0));
        let inserted: Vec<(Uuid,)> = insert_bookings(pending).load(connection).await?;
        for (id,) in inserted {
            missing.remove(&id);
        }
        if missing.is_empty() {
            break;
        }
        if draw + 1 == DRAWS {
            return Err(diesel::result::Error::QueryBuilderError("no free locator was drawn".into()));
        }
        for booking in new.iter_mut().filter(|booking| missing.contains(&booking.id.0)) {
            booking.locator = Locator::draw();
        }
    }
    let new: Vec<&Booking> = new.iter().collect();
    insert_segments(&new).execute(connection).await?;
    passengers::insert(connection, &new).await?;
    payments::insert(
        connection,
        new.iter().flat_map(|booking| booking.payments.iter().map(|one| (booking.id, one))),
    )
    .await
}

fn insert_bookings<'a>(new: impl Iterator<Item = &'a Booking>) -> InsertBookings {
    let new: Vec<&Booking> = new.collect();
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
