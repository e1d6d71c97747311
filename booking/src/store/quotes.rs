//! Quotes of cancellations.

use super::schema::cancellation_quotes as quotes;
use crate::domain::{
    quote::{Quote, QuoteId},
    refund::Refund,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, upsert::excluded};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::ids::BookingId;
use uuid::Uuid;

/// Stores quotes that were just given. One that is given again, after a commit whose answer was lost, is
/// as it was given last: of the first nobody was told.
pub(crate) async fn insert(connection: &AsyncPgConnection, given: &[Quote]) -> QueryResult<()> {
    // Quotes are rare: a statement each does no harm.
    for quote in given {
        diesel::insert_into(quotes::table)
            .values((
                quotes::id.eq(quote.id.0),
                quotes::booking_id.eq(quote.booking.0),
                quotes::version.eq(quote.version),
                quotes::fare.eq(quote.refund.fare),
                quotes::taxes.eq(quote.refund.taxes),
                quotes::penalty.eq(quote.penalty),
                quotes::expires_at.eq(quote.expires_at),
            ))
            .on_conflict(quotes::id)
            .do_update()
            .set((
                quotes::version.eq(excluded(quotes::version)),
                quotes::fare.eq(excluded(quotes::fare)),
                quotes::taxes.eq(excluded(quotes::taxes)),
                quotes::penalty.eq(excluded(quotes::penalty)),
                quotes::expires_at.eq(excluded(quotes::expires_at)),
            ))
            .execute(&mut &*connection)
            .await?;
    }
    Ok(())
}

/// A quote, if it is still kept.
pub(crate) async fn find(connection: &AsyncPgConnection, id: QuoteId) -> QueryResult<Option<Quote>> {
    type Row = (Uuid, Uuid, i64, i64, i64, i64, DateTime<Utc>);
    let row: Option<Row> = quotes::table.find(id.0).first(&mut &*connection).await.optional()?;
    Ok(row.map(|(id, booking, version, fare, taxes, penalty, expires_at)| Quote {
        id: QuoteId(id),
        booking: BookingId(booking),
        version,
        refund: Refund { fare, taxes },
        penalty,
        expires_at,
    }))
}

/// Forgets quotes that are no longer good.
pub(crate) async fn clean(connection: &AsyncPgConnection) -> QueryResult<usize> {
    diesel::delete(quotes::table.filter(quotes::expires_at.lt(diesel::dsl::now)))
        .execute(&mut &*connection)
        .await
}
