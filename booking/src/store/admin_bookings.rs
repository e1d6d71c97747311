//! The bookings of all accounts, for staff: a query on the tables of `bookings`.

use super::{
    bookings::load,
    codes::StoredCode,
    schema::{bookings, segments},
};
use booking_engine::booking::{locator::Locator, record::Booking};
use diesel::{
    dsl::{exists, not, now, sql},
    pg::Pg,
    prelude::*,
    sql_types::{Bool, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    events::{BookingPaymentStatus, BookingStatus},
    ids::{BookingId, FlightId},
};
use std::cmp::Reverse;
use uuid::Uuid;

/// The filters of the list; an absent one does not filter.
#[derive(Debug)]
pub(crate) struct BookingFilter {
    pub(crate) locator: Option<Locator>,
    /// In small letters.
    pub(crate) email: Option<String>,
    pub(crate) flight: Option<FlightId>,
    /// The status now, stored or not yet.
    pub(crate) status: Option<BookingStatus>,
    /// Older than this one.
    pub(crate) after: Option<BookingId>,
    pub(crate) limit: i64,
}

/// Bookings, newest first.
pub(crate) async fn find(
    connection: &mut AsyncPgConnection,
    wanted: &BookingFilter,
) -> QueryResult<Vec<Booking>> {
    let mut query =
        bookings::table.select(bookings::id).order(bookings::id.desc()).limit(wanted.limit).into_boxed();
    if let Some(locator) = &wanted.locator {
        query = query.filter(bookings::locator.eq(locator.as_str()));
    }
    if let Some(email) = &wanted.email {
        // As the index has it.
        query = query.filter(sql::<Bool>("lower(contact_email) = ").bind::<Text, _>(email));
    }
    if let Some(flight) = wanted.flight {
        let on_it = segments::table
            .filter(segments::booking_id.eq(bookings::id))
            .filter(segments::flight_id.eq(flight.0));
        query = query.filter(exists(on_it));
    }
    if let Some(status) = wanted.status {
        query = query.filter(has_now(status));
    }
    if let Some(after) = wanted.after {
        query = query.filter(bookings::id.lt(after.0));
    }
    let ids: Vec<Uuid> = query.load(connection).await?;
    let mut found = load(connection, &ids).await?;
    found.sort_unstable_by_key(|booking| Reverse(booking.id));
    Ok(found)
}

/// Whether a booking has a status now: the database's clock decides whether a hold has ended, before the sweeper stores
/// it.
fn has_now(status: BookingStatus) -> Box<dyn BoxableExpression<bookings::table, Pg, SqlType = Bool>> {
    let waits = || bookings::payment_status.eq(BookingPaymentStatus::Awaiting.code());
    let is = |status: BookingStatus| bookings::status.eq(status.code());
    match status {
        BookingStatus::Held => Box::new(is(status).and(bookings::hold_expires_at.gt(now).or(not(waits())))),
        BookingStatus::Expired => Box::new(
            is(status).or(is(BookingStatus::Held).and(waits()).and(bookings::hold_expires_at.le(now))),
        ),
        BookingStatus::Confirmed | BookingStatus::Cancelled => Box::new(is(status)),
    }
}
