//! Bookings and their segments.

use super::{
    codes::StoredCode,
    passengers, payments, refunds,
    schema::{bookings, segments},
};
use booking_engine::{
    booking::{
        locator::{InvalidLocator, Locator},
        record::{Booking, RefundRecord, Segment},
    },
    passengers::{
        contact::{Contact, Phone},
        passenger::Passenger,
    },
    payment::record::Payment,
};
use chrono::{DateTime, Utc};
use diesel::{
    deserialize::Queryable,
    prelude::*,
    sql_types::{Array, BigInt, Nullable, SmallInt, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::{try_join, try_join4};
use shared::{
    email::EmailAddress,
    events::{BookingPaymentStatus, BookingStatus},
    fare::Brand,
    ids::{BookingId, FlightId, UserId},
    locale::Locale,
    seat::Cabin,
    statement,
};
use std::{
    collections::{HashMap, HashSet},
    error::Error,
};
use uuid::Uuid;

#[derive(Queryable, Selectable)]
#[diesel(table_name = bookings)]
#[diesel(check_for_backend(diesel::pg::Pg))]
struct BookingRow {
    id: Uuid,
    locator: String,
    owner_id: Uuid,
    status: i16,
    payment_status: i16,
    hold_expires_at: DateTime<Utc>,
    currency: String,
    contact_email: String,
    contact_phone: Option<String>,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    confirmed_at: Option<DateTime<Utc>>,
    contact_locale: Option<String>,
}

impl BookingRow {
    fn read(self) -> Result<Booking, Box<dyn Error + Send + Sync>> {
        Ok(Booking {
            id: BookingId(self.id),
            locator: self.locator.parse()?,
            owner_id: UserId(self.owner_id),
            status: BookingStatus::of_code(self.status)?,
            payment_status: BookingPaymentStatus::of_code(self.payment_status)?,
            hold_expires_at: self.hold_expires_at,
            currency: self.currency.parse()?,
            contact: Contact {
                email: EmailAddress::stored(self.contact_email),
                phone: self.contact_phone.map(Phone::stored),
                locale: self.contact_locale.map(Locale::stored),
            },
            segments: Vec::new(),
            passengers: Vec::new(),
            payments: Vec::new(),
            refunds: Vec::new(),
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
            confirmed_at: self.confirmed_at,
        })
    }
}

pub(super) fn damaged(error: Box<dyn Error + Send + Sync>) -> diesel::result::Error {
    diesel::result::Error::DeserializationError(error)
}

statement! {
    /// Writes contacts.
    UpdateContacts {
        ids: Array<SqlUuid> = Vec<Uuid>,
        emails: Array<Text> = Vec<String>,
        phones: Array<Nullable<Text>> = Vec<Option<String>>,
        locales: Array<Nullable<Text>> = Vec<Option<String>>,
    } -> (),
    "UPDATE bookings SET contact_email = n.email, contact_phone = n.phone, contact_locale = n.locale
        FROM unnest($, $, $, $) AS n (id, email, phone, locale) WHERE bookings.id = n.id"
}

statement! {
    /// Writes the versions of flights that bookings follow.
    UpdateFlightVersions {
        ids: Array<SqlUuid> = Vec<Uuid>,
        positions: Array<SmallInt> = Vec<i16>,
        versions: Array<BigInt> = Vec<i64>,
    } -> (),
    "UPDATE segments SET flight_version = n.version FROM unnest($, $, $) AS n (id, position, version) WHERE segments.booking_id = n.id AND segments.position = n.position"
}

statement! {
    /// The locators among some that are in use.
    UsedLocators { locators: Array<Text> = Vec<String> } -> (Text,),
    "SELECT locator FROM bookings WHERE locator = ANY($)"
}

statement! {
    /// Holds that have ended, oldest first, with the first of their flights. Rows that another sweeper reads or a
    /// ledger writes at the moment are skipped.
    Ended { limit: BigInt = i64 } -> (SqlUuid, SqlUuid),
    "SELECT b.id, (SELECT s.flight_id FROM (SELECT flight_id FROM segments WHERE booking_id = b.id OFFSET 0) AS s ORDER BY 1 LIMIT 1) FROM bookings b WHERE b.expires_at <= clock_timestamp() ORDER BY b.expires_at LIMIT $ FOR NO KEY UPDATE OF b SKIP LOCKED"
}

/// Holds that have ended, each with a flight of it.
pub(crate) async fn ended(
    connection: &AsyncPgConnection,
    limit: i64,
) -> QueryResult<Vec<(BookingId, FlightId)>> {
    let rows: Vec<(Uuid, Uuid)> = Ended { limit }.load(&mut &*connection).await?;
    Ok(rows.into_iter().map(|(id, flight)| (BookingId(id), FlightId(flight))).collect())
}

/// Keeps a booking as it is until the transaction ends.
pub(crate) async fn lock_shared(connection: &AsyncPgConnection, id: BookingId) -> QueryResult<()> {
    let row = bookings::table.find(id.0).select(bookings::id).for_share();
    row.first::<Uuid>(&mut &*connection).await.optional().map(drop)
}

/// Whole bookings, in no order. The queries of all tables are sent at once, without waiting for each other's answers.
pub(crate) async fn load(connection: &AsyncPgConnection, ids: &[Uuid]) -> QueryResult<Vec<Booking>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut on = connection;
    let rows = bookings::table.filter(bookings::id.eq_any(ids)).select(BookingRow::as_select()).load(&mut on);
    let (rows, parts) = try_join(rows, parts(connection, ids)).await?;
    put_together(rows, parts)
}

/// The parts of bookings in other tables.
struct Parts {
    segments: HashMap<Uuid, Vec<Segment>>,
    passengers: HashMap<Uuid, Vec<Passenger>>,
    payments: HashMap<Uuid, Vec<Payment>>,
    refunds: HashMap<Uuid, Vec<RefundRecord>>,
}

async fn parts(connection: &AsyncPgConnection, ids: &[Uuid]) -> QueryResult<Parts> {
    let (segments, passengers, payments, refunds) = try_join4(
        load_segments(connection, ids),
        passengers::load(connection, ids),
        payments::load(connection, ids),
        refunds::load(connection, ids),
    )
    .await?;
    Ok(Parts { segments, passengers, payments, refunds })
}

/// The locators among some that bookings have.
pub(crate) async fn used_locators(
    connection: &AsyncPgConnection,
    locators: &[Locator],
) -> QueryResult<HashSet<Locator>> {
    let query = UsedLocators { locators: locators.iter().map(|one| one.as_str().to_owned()).collect() };
    let rows: Vec<(String,)> = query.load(&mut &*connection).await?;
    rows.into_iter()
        .map(|(text,)| text.parse().map_err(|error: InvalidLocator| damaged(error.into())))
        .collect()
}

/// A query for an account's bookings.
pub(crate) struct OwnBookingsQuery {
    pub(crate) owner: UserId,
    /// Only bookings that have this status now.
    pub(crate) status: Option<BookingStatus>,
    /// Older than this one.
    pub(crate) after: Option<BookingId>,
    pub(crate) limit: i64,
}

/// An account's bookings, newest first. `now`: by the database's clock, which decides what a hold is.
pub(crate) async fn own(
    connection: &AsyncPgConnection,
    asked: &OwnBookingsQuery,
    now: DateTime<Utc>,
) -> QueryResult<Vec<Booking>> {
    let mut query = bookings::table
        .filter(bookings::owner_id.eq(asked.owner.0))
        .order(bookings::id.desc())
        .limit(asked.limit)
        .select(BookingRow::as_select())
        .into_boxed();
    if let Some(after) = asked.after {
        query = query.filter(bookings::id.lt(after.0));
    }
    let held = BookingStatus::Held.code();
    let waits = bookings::payment_status.eq(BookingPaymentStatus::Awaiting.code());
    query = match asked.status {
        None => query,
        Some(BookingStatus::Held) => query
            .filter(bookings::status.eq(held))
            .filter(bookings::hold_expires_at.gt(now).or(diesel::dsl::not(waits))),
        Some(BookingStatus::Expired) => query.filter(
            bookings::status
                .eq(BookingStatus::Expired.code())
                .or(bookings::status.eq(held).and(waits).and(bookings::hold_expires_at.le(now))),
        ),
        Some(status) => query.filter(bookings::status.eq(status.code())),
    };
    let rows: Vec<BookingRow> = query.load(&mut &*connection).await?;
    let mut found = complete(connection, rows).await?;
    found.sort_unstable_by_key(|booking| std::cmp::Reverse(booking.id));
    Ok(found)
}

/// Adds the parts in other tables.
async fn complete(connection: &AsyncPgConnection, rows: Vec<BookingRow>) -> QueryResult<Vec<Booking>> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    put_together(rows, parts(connection, &ids).await?)
}

fn put_together(rows: Vec<BookingRow>, parts: Parts) -> QueryResult<Vec<Booking>> {
    let Parts { mut segments, mut passengers, mut payments, mut refunds } = parts;
    rows.into_iter()
        .map(|row| {
            let mut booking = row.read().map_err(damaged)?;
            booking.segments = segments.remove(&booking.id.0).unwrap_or_default();
            booking.passengers = passengers.remove(&booking.id.0).unwrap_or_default();
            booking.payments = payments.remove(&booking.id.0).unwrap_or_default();
            booking.refunds = refunds.remove(&booking.id.0).unwrap_or_default();
            Ok(booking)
        })
        .collect()
}

async fn load_segments(
    connection: &AsyncPgConnection,
    ids: &[Uuid],
) -> QueryResult<HashMap<Uuid, Vec<Segment>>> {
    let rows: Vec<(Uuid, Uuid, i16, i16, i64, i64, i64)> = segments::table
        .filter(segments::booking_id.eq_any(ids))
        .order((segments::booking_id, segments::position))
        .select((
            segments::booking_id,
            segments::flight_id,
            segments::cabin,
            segments::brand,
            segments::fare,
            segments::taxes,
            segments::flight_version,
        ))
        .load(&mut &*connection)
        .await?;
    let mut found: HashMap<Uuid, Vec<Segment>> = HashMap::new();
    for (booking, flight, cabin, brand, fare, taxes, flight_version) in rows {
        let cabin = Cabin::of_code(cabin).map_err(|error| damaged(error.into()))?;
        let brand = Brand::of_code(brand).map_err(|error| damaged(error.into()))?;
        let segment = Segment { flight_id: FlightId(flight), cabin, brand, fare, taxes, flight_version };
        found.entry(booking).or_default().push(segment);
    }
    Ok(found)
}

/// Writes contacts that were changed.
pub(crate) async fn update_contacts(connection: &AsyncPgConnection, changed: &[&Booking]) -> QueryResult<()> {
    if changed.is_empty() {
        return Ok(());
    }
    let phone = |booking: &&Booking| booking.contact.phone.as_ref().map(|phone| phone.as_str().to_owned());
    let locale = |booking: &&Booking| booking.contact.locale.as_ref().map(ToString::to_string);
    let query = UpdateContacts {
        ids: changed.iter().map(|booking| booking.id.0).collect(),
        emails: changed.iter().map(|booking| booking.contact.email.as_str().to_owned()).collect(),
        phones: changed.iter().map(phone).collect(),
        locales: changed.iter().map(locale).collect(),
    };
    query.execute(&mut &*connection).await.map(drop)
}

/// Writes the versions of flights that bookings follow.
pub(crate) async fn update_flight_versions(
    connection: &AsyncPgConnection,
    changed: &[&Booking],
) -> QueryResult<()> {
    if changed.is_empty() {
        return Ok(());
    }
    let rows = || {
        changed.iter().flat_map(|booking| {
            booking.segments.iter().zip(0_i16..).map(|(segment, position)| (booking.id.0, position, segment))
        })
    };
    let query = UpdateFlightVersions {
        ids: rows().map(|(id, _, _)| id).collect(),
        positions: rows().map(|(_, position, _)| position).collect(),
        versions: rows().map(|(_, _, segment)| segment.flight_version).collect(),
    };
    query.execute(&mut &*connection).await.map(drop)
}
