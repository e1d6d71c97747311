//! Quotes of cancellations.

use super::schema::cancellation_quotes as quotes;
use booking_engine::payment::{
    quote::{Quote, QuoteId},
    refund::Refund,
};
use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{ids::BookingId, statement};
use uuid::Uuid;

statement! {
    /// Stores quotes; a repeated quote gets its new terms.
    Insert {
        ids: Array<SqlUuid> = Vec<Uuid>,
        bookings: Array<SqlUuid> = Vec<Uuid>,
        versions: Array<BigInt> = Vec<i64>,
        fares: Array<BigInt> = Vec<i64>,
        taxes: Array<BigInt> = Vec<i64>,
        penalties: Array<BigInt> = Vec<i64>,
        ends: Array<Timestamptz> = Vec<DateTime<Utc>>,
    } -> (),
    "INSERT INTO cancellation_quotes (id, booking_id, version, fare, taxes, penalty, expires_at) SELECT * FROM unnest($, $, $, $, $, $, $) \
     ON CONFLICT (id) DO UPDATE SET version = excluded.version, fare = excluded.fare, taxes = excluded.taxes, penalty = excluded.penalty, expires_at = excluded.expires_at"
}

/// Stores quotes that were just given. A quote is repeated after a commit whose answer was lost. Its last terms count:
/// no client got the first ones.
pub(crate) async fn insert(connection: &AsyncPgConnection, given: &[Quote]) -> QueryResult<()> {
    if given.is_empty() {
        return Ok(());
    }
    let query = Insert {
        ids: given.iter().map(|quote| quote.id.0).collect(),
        bookings: given.iter().map(|quote| quote.booking.0).collect(),
        versions: given.iter().map(|quote| quote.version).collect(),
        fares: given.iter().map(|quote| quote.refund.fare).collect(),
        taxes: given.iter().map(|quote| quote.refund.taxes).collect(),
        penalties: given.iter().map(|quote| quote.penalty).collect(),
        ends: given.iter().map(|quote| quote.expires_at).collect(),
    };
    query.execute(&mut &*connection).await.map(drop)
}

/// A quote, if it is still kept.
pub(crate) async fn find(connection: &AsyncPgConnection, id: QuoteId) -> QueryResult<Option<Quote>> {
    type QuoteRow = (Uuid, Uuid, i64, i64, i64, i64, DateTime<Utc>);
    let row: Option<QuoteRow> = quotes::table.find(id.0).first(&mut &*connection).await.optional()?;
    Ok(row.map(|(id, booking, version, fare, taxes, penalty, expires_at)| Quote {
        id: QuoteId(id),
        booking: BookingId(booking),
        version,
        refund: Refund { fare, taxes },
        penalty,
        expires_at,
    }))
}

/// Deletes quotes that are no longer valid.
pub(crate) async fn clean(connection: &AsyncPgConnection) -> QueryResult<usize> {
    diesel::delete(quotes::table.filter(quotes::expires_at.lt(diesel::dsl::now)))
        .execute(&mut &*connection)
        .await
}
