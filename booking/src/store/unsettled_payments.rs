//! The queue of unsettled payments, beside [`payments`]. A row is inserted with its payment (`payments::insert`) and
//! deleted when the payment is settled: after the provider's refusal, capture or void.

use super::payments;
use booking_engine::saga::settlement::UnsettledPayment;
use chrono::TimeDelta;
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Bool, Double, Nullable, SmallInt, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    ids::{BookingId, FlightId, PaymentId},
    statement,
};
use uuid::Uuid;

statement! {
    /// Takes idle unsettled payments in hand; the pause of a payment grows with its failed attempts.
    Take { seconds: Double = f64, limit: BigInt = i64 } -> (SqlUuid, SqlUuid, SmallInt, BigInt, Nullable<Text>, SqlUuid, Bool),
    "WITH due AS MATERIALIZED (SELECT payment_id FROM unsettled_payments WHERE attempted_at < clock_timestamp() - make_interval(secs => $ + CASE attempts WHEN 0 THEN 0 ELSE LEAST(power(2, LEAST(attempts, 10)), 600) END) ORDER BY attempted_at LIMIT $ FOR UPDATE SKIP LOCKED) UPDATE unsettled_payments u SET attempted_at = clock_timestamp(), attempts = LEAST(u.attempts + 1, 1000) FROM due CROSS JOIN LATERAL (SELECT id, booking_id, state, amount, token FROM payments WHERE id = due.payment_id OFFSET 0) AS p WHERE u.payment_id = due.payment_id RETURNING p.id, p.booking_id, p.state, p.amount, p.token, (SELECT s.flight_id FROM (SELECT flight_id FROM segments WHERE booking_id = p.booking_id OFFSET 0) AS s ORDER BY 1 LIMIT 1), (SELECT b.hold_expires_at <= clock_timestamp() FROM bookings b WHERE b.id = p.booking_id)"
}

statement! {
    /// Takes settled payments out of the queue.
    MarkSettled { ids: Array<SqlUuid> = Vec<Uuid> } -> (),
    "DELETE FROM unsettled_payments WHERE payment_id = ANY($)"
}

statement! {
    /// The same in a transaction of its own whose commit does not wait for the disk. A server that dies may forget the
    /// deletion; then the provider gets the same call again, without effect.
    MarkSettledLazily { ids: Array<SqlUuid> = Vec<Uuid> } -> (),
    "WITH lazily AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
    DELETE FROM unsettled_payments USING lazily WHERE payment_id = ANY($)"
}

/// Takes unsettled payments in hand that were idle for this time. A concurrent decision of the ledger may be missed:
/// the saga's next step finds it.
pub(crate) async fn take(
    connection: &AsyncPgConnection,
    idle: TimeDelta,
    limit: i64,
) -> QueryResult<Vec<UnsettledPayment>> {
    type UnsettledPaymentRow = (Uuid, Uuid, i16, i64, Option<String>, Uuid, bool);
    #[expect(clippy::cast_precision_loss, reason = "a few seconds in milliseconds")]
    let seconds = idle.num_milliseconds() as f64 / 1000.0;
    let rows: Vec<UnsettledPaymentRow> = Take { seconds, limit }.load(&mut &*connection).await?;
    rows.into_iter()
        .map(|(id, booking, code, amount, token, flight, late)| {
            Ok(UnsettledPayment {
                id: PaymentId(id),
                booking_id: BookingId(booking),
                state: payments::state(code)?,
                amount,
                token,
                flight_id: FlightId(flight),
                late,
            })
        })
        .collect()
}

/// Takes settled payments out of the queue. A repetition has no effect.
pub(crate) async fn mark_settled(connection: &AsyncPgConnection, ids: Vec<Uuid>) -> QueryResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    MarkSettled { ids }.execute(&mut &*connection).await.map(drop)
}

/// The same outside of a transaction, for payments that the provider has settled: nobody waits for the disk.
pub(crate) async fn mark_settled_lazily(connection: &AsyncPgConnection, ids: Vec<Uuid>) -> QueryResult<()> {
    MarkSettledLazily { ids }.execute(&mut &*connection).await.map(drop)
}
