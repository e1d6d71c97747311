//! Refunds, and the queue of those that are unsettled.

use super::schema::refunds;
use booking_engine::{booking::record::RefundRecord, saga::settlement::UnsettledRefund};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Double, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    ids::{BookingId, PaymentId, RefundId},
    statement,
};
use std::collections::HashMap;
use uuid::Uuid;

statement! {
    /// Inserts refunds that were just decided.
    Insert {
        ids: Array<SqlUuid> = Vec<Uuid>,
        bookings: Array<SqlUuid> = Vec<Uuid>,
        payments: Array<SqlUuid> = Vec<Uuid>,
        amounts: Array<BigInt> = Vec<i64>,
        reasons: Array<Text> = Vec<String>,
        created: Array<Timestamptz> = Vec<DateTime<Utc>>,
    } -> (),
    "INSERT INTO refunds (id, booking_id, payment_id, amount, reason, settled, created_at, attempted_at) SELECT i, b, p, a, r, false, c, '-infinity' FROM unnest($, $, $, $, $, $) AS new (i, b, p, a, r, c)"
}

statement! {
    /// Takes idle refunds in hand; the pause of a refund grows with its failed attempts. Only refunds of captured
    /// payments, which have left their queue: money that was not captured cannot be refunded.
    TakeUnsettled { seconds: Double = f64, limit: BigInt = i64 } -> (SqlUuid, SqlUuid, BigInt),
    "UPDATE refunds r SET attempted_at = clock_timestamp(), attempts = LEAST(r.attempts + 1, 1000) FROM (SELECT r.id FROM refunds r WHERE NOT r.settled AND (SELECT p.state = 1 FROM payments p WHERE p.id = r.payment_id) AND NOT EXISTS (SELECT FROM unsettled_payments u WHERE u.payment_id = r.payment_id) AND r.attempted_at < clock_timestamp() - make_interval(secs => $ + CASE r.attempts WHEN 0 THEN 0 ELSE LEAST(power(2, LEAST(r.attempts, 10)), 600) END) ORDER BY r.attempted_at LIMIT $ FOR UPDATE OF r SKIP LOCKED) AS due WHERE r.id = due.id RETURNING r.id, r.payment_id, r.amount"
}

type LoadedRefundRow = (Uuid, Uuid, Uuid, i64, String, bool, DateTime<Utc>);

/// The refunds of bookings, oldest first.
pub(crate) async fn load(
    connection: &AsyncPgConnection,
    bookings: &[Uuid],
) -> QueryResult<HashMap<Uuid, Vec<RefundRecord>>> {
    let rows: Vec<LoadedRefundRow> = refunds::table
        .filter(refunds::booking_id.eq_any(bookings))
        .order(refunds::id)
        .select((
            refunds::booking_id,
            refunds::id,
            refunds::payment_id,
            refunds::amount,
            refunds::reason,
            refunds::settled,
            refunds::created_at,
        ))
        .load(&mut &*connection)
        .await?;
    let mut found: HashMap<Uuid, Vec<RefundRecord>> = HashMap::new();
    for (booking, id, payment, amount, reason, settled, created_at) in rows {
        let (id, payment_id) = (RefundId(id), PaymentId(payment));
        let refund = RefundRecord { id, payment_id, amount, reason, settled, created_at };
        found.entry(booking).or_default().push(refund);
    }
    Ok(found)
}

/// Inserts refunds that were just decided.
pub(crate) async fn insert(
    connection: &AsyncPgConnection,
    new: &[(BookingId, RefundRecord)],
) -> QueryResult<()> {
    if new.is_empty() {
        return Ok(());
    }
    let query = Insert {
        ids: new.iter().map(|(_, refund)| refund.id.0).collect(),
        bookings: new.iter().map(|(booking, _)| booking.0).collect(),
        payments: new.iter().map(|(_, refund)| refund.payment_id.0).collect(),
        amounts: new.iter().map(|(_, refund)| refund.amount).collect(),
        reasons: new.iter().map(|(_, refund)| refund.reason.clone()).collect(),
        created: new.iter().map(|(_, refund)| refund.created_at).collect(),
    };
    query.execute(&mut &*connection).await.map(drop)
}

/// Takes refunds in hand that were idle for this time.
pub(crate) async fn take_unsettled(
    connection: &AsyncPgConnection,
    idle: TimeDelta,
    limit: i64,
) -> QueryResult<Vec<UnsettledRefund>> {
    #[expect(clippy::cast_precision_loss, reason = "a few seconds in milliseconds")]
    let seconds = idle.num_milliseconds() as f64 / 1000.0;
    let rows: Vec<(Uuid, Uuid, i64)> = TakeUnsettled { seconds, limit }.load(&mut &*connection).await?;
    let unsettled =
        |(id, payment, amount)| UnsettledRefund { id: RefundId(id), payment_id: PaymentId(payment), amount };
    Ok(rows.into_iter().map(unsettled).collect())
}

/// Stores that the provider has carried out refunds.
pub(crate) async fn mark_settled(connection: &AsyncPgConnection, ids: &[Uuid]) -> QueryResult<()> {
    let settled = refunds::table.filter(refunds::id.eq_any(ids));
    diesel::update(settled).set(refunds::settled.eq(true)).execute(&mut &*connection).await.map(drop)
}
