//! Payments with their sagas, and the books.

use super::{codes::Code, schema::payments, statement::statement};
use crate::domain::payment::{Entry, Payment, PaymentState};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    prelude::*,
    sql_types::{
        Array, BigInt, Binary, Bool, Double, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
    },
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::ids::{BookingId, FlightId, PaymentId};
use std::collections::HashMap;
use uuid::Uuid;

statement! {
    /// Inserts payments that were just started.
    Insert {
        ids: Array<SqlUuid> = Vec<Uuid>,
        bookings: Array<SqlUuid> = Vec<Uuid>,
        methods: Array<Text> = Vec<String>,
        tokens: Array<Nullable<Text>> = Vec<Option<String>>,
        amounts: Array<BigInt> = Vec<i64>,
        states: Array<SmallInt> = Vec<i16>,
        held: Array<Timestamptz> = Vec<DateTime<Utc>>,
        keys: Array<Nullable<Binary>> = Vec<Option<Vec<u8>>>,
        answers: Array<SmallInt> = Vec<i16>,
        created: Array<Timestamptz> = Vec<DateTime<Utc>>,
    } -> (),
    "INSERT INTO payments (id, booking_id, method, token, amount, state, held_until, key_scope, answer, created_at, attempted_at) SELECT i, b, m, t, a, s, h, k, w, c, c FROM unnest($, $, $, $, $, $, $, $, $, $) AS new (i, b, m, t, a, s, h, k, w, c)"
}

statement! {
    /// Writes the states of payments; tokens are forgotten as soon as the provider has decided.
    Update {
        ids: Array<SqlUuid> = Vec<Uuid>,
        states: Array<SmallInt> = Vec<i16>,
    } -> (),
    "UPDATE payments SET state = n.state, token = NULL FROM unnest($, $) AS n (id, state) WHERE payments.id = n.id"
}

statement! {
    /// Notes what the provider has done; only where that was still to be done.
    Finish {
        ids: Array<SqlUuid> = Vec<Uuid>,
        state: SmallInt = i16,
        from: SmallInt = i16,
    } -> (),
    "UPDATE payments SET state = n.state FROM (SELECT unnest($) AS id, $ AS state) AS n WHERE payments.id = n.id AND payments.state = $"
}

statement! {
    /// Takes unsettled payments in hand that nobody has had in hand for a while; the more often that came
    /// to nothing, the longer the while.
    TakeUnsettled { seconds: Double = f64, limit: BigInt = i64 } -> (SqlUuid, SqlUuid, SmallInt, BigInt, Nullable<Text>, SqlUuid, Bool),
    "UPDATE payments p SET attempted_at = clock_timestamp(), attempts = LEAST(p.attempts + 1, 1000) FROM (SELECT id FROM payments WHERE unsettled_at < clock_timestamp() - make_interval(secs => $ + CASE attempts WHEN 0 THEN 0 ELSE LEAST(power(2, LEAST(attempts, 10)), 600) END) ORDER BY unsettled_at LIMIT $ FOR UPDATE SKIP LOCKED) AS due WHERE p.id = due.id RETURNING p.id, p.booking_id, p.state, p.amount, p.token, (SELECT s.flight_id FROM segments s WHERE s.booking_id = p.booking_id ORDER BY s.flight_id LIMIT 1), (SELECT b.hold_expires_at <= clock_timestamp() FROM bookings b WHERE b.id = p.booking_id)"
}

statement! {
    /// Stores the provider's name for a payment that is started; the first one stays.
    Refer { reference: Text = String, id: SqlUuid = Uuid } -> Nullable<Text>,
    "UPDATE payments SET provider_reference = COALESCE(provider_reference, $) WHERE id = $ AND state = 0 RETURNING provider_reference"
}

statement! {
    /// How many payments are unsettled, by state and age: 0 for those younger than the first of the
    /// bounds (in seconds), and so on.
    CountUnsettled { bounds: Array<Double> = Vec<f64> } -> (SmallInt, Integer, BigInt),
    "SELECT state, width_bucket(extract(epoch FROM clock_timestamp() - created_at)::float8, $), count(*) FROM payments WHERE unsettled_at IS NOT NULL GROUP BY 1, 2"
}

statement! {
    /// Books entries.
    InsertEntries {
        causes: Array<SqlUuid> = Vec<Uuid>,
        accounts: Array<SmallInt> = Vec<i16>,
        bookings: Array<SqlUuid> = Vec<Uuid>,
        amounts: Array<BigInt> = Vec<i64>,
    } -> (),
    "INSERT INTO ledger_entries (cause, account, booking_id, amount, created_at) SELECT c, a, b, m, clock_timestamp() FROM unnest($, $, $, $) AS new (c, a, b, m)"
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = payments)]
#[diesel(check_for_backend(diesel::pg::Pg))]
struct Row {
    id: Uuid,
    booking_id: Uuid,
    method: String,
    token: Option<String>,
    amount: i64,
    state: i16,
    held_until: DateTime<Utc>,
    key_scope: Option<Vec<u8>>,
    answer: i16,
    created_at: DateTime<Utc>,
}

fn state(code: i16) -> QueryResult<PaymentState> {
    PaymentState::of_code(code).map_err(|error| diesel::result::Error::DeserializationError(error.into()))
}

/// The payments of bookings, oldest first.
pub(crate) async fn load(
    connection: &AsyncPgConnection,
    bookings: &[Uuid],
) -> QueryResult<HashMap<Uuid, Vec<Payment>>> {
    let rows: Vec<Row> = payments::table
        .filter(payments::booking_id.eq_any(bookings))
        .order(payments::id)
        .select(Row::as_select())
        .load(&mut &*connection)
        .await?;
    let mut found: HashMap<Uuid, Vec<Payment>> = HashMap::new();
    for row in rows {
        let payment = Payment {
            id: PaymentId(row.id),
            method: row.method,
            token: row.token,
            amount: row.amount,
            state: state(row.state)?,
            held_until: row.held_until,
            key_scope: row.key_scope,
            answer: row.answer,
            created_at: row.created_at,
        };
        found.entry(row.booking_id).or_default().push(payment);
    }
    Ok(found)
}

/// Inserts payments that were just started.
pub(crate) async fn insert<'a>(
    connection: &AsyncPgConnection,
    new: impl Iterator<Item = (BookingId, &'a Payment)>,
) -> QueryResult<()> {
    let new: Vec<_> = new.collect();
    if new.is_empty() {
        return Ok(());
    }
    let query = Insert {
        ids: new.iter().map(|(_, payment)| payment.id.0).collect(),
        bookings: new.iter().map(|(booking, _)| booking.0).collect(),
        methods: new.iter().map(|(_, payment)| payment.method.clone()).collect(),
        tokens: new.iter().map(|(_, payment)| payment.token.clone()).collect(),
        amounts: new.iter().map(|(_, payment)| payment.amount).collect(),
        states: new.iter().map(|(_, payment)| payment.state.code()).collect(),
        held: new.iter().map(|(_, payment)| payment.held_until).collect(),
        keys: new.iter().map(|(_, payment)| payment.key_scope.clone()).collect(),
        answers: new.iter().map(|(_, payment)| payment.answer).collect(),
        created: new.iter().map(|(_, payment)| payment.created_at).collect(),
    };
    query.execute(&mut &*connection).await.map(drop)
}

/// Writes the states of payments that the provider has decided.
pub(crate) async fn update(
    connection: &AsyncPgConnection,
    decided: &[(PaymentId, PaymentState)],
) -> QueryResult<()> {
    if decided.is_empty() {
        return Ok(());
    }
    let query = Update {
        ids: decided.iter().map(|(id, _)| id.0).collect(),
        states: decided.iter().map(|(_, state)| state.code()).collect(),
    };
    query.execute(&mut &*connection).await.map(drop)
}

/// Notes that the provider has captured, or voided, payments.
pub(crate) async fn finish(
    connection: &AsyncPgConnection,
    ids: Vec<Uuid>,
    from: PaymentState,
    to: PaymentState,
) -> QueryResult<()> {
    Finish { ids, state: to.code(), from: from.code() }.execute(&mut &*connection).await.map(drop)
}

/// A payment whose saga is not at its end.
#[derive(Debug, Clone)]
pub(crate) struct Unsettled {
    pub(crate) id: PaymentId,
    pub(crate) booking_id: BookingId,
    pub(crate) state: PaymentState,
    pub(crate) amount: i64,
    pub(crate) token: Option<String>,
    /// A flight of the booking, to find its ledger by.
    pub(crate) flight_id: FlightId,
    /// Whether the end of the hold, which the payment has prolonged, has passed.
    pub(crate) late: bool,
}

/// Takes in hand unsettled payments that nobody has had in hand for this long.
pub(crate) async fn take_unsettled(
    connection: &AsyncPgConnection,
    idle: TimeDelta,
    limit: i64,
) -> QueryResult<Vec<Unsettled>> {
    type Row = (Uuid, Uuid, i16, i64, Option<String>, Uuid, bool);
    #[expect(clippy::cast_precision_loss, reason = "a few seconds in milliseconds")]
    let seconds = idle.num_milliseconds() as f64 / 1000.0;
    let rows: Vec<Row> = TakeUnsettled { seconds, limit }.load(&mut &*connection).await?;
    rows.into_iter()
        .map(|(id, booking, code, amount, token, flight, late)| {
            Ok(Unsettled {
                id: PaymentId(id),
                booking_id: BookingId(booking),
                state: state(code)?,
                amount,
                token,
                flight_id: FlightId(flight),
                late,
            })
        })
        .collect()
}

/// How many payments are unsettled, by state and by the position of their age among the bounds.
pub(crate) async fn count_unsettled(
    connection: &AsyncPgConnection,
    bounds: &[f64],
) -> QueryResult<Vec<(PaymentState, usize, i64)>> {
    let query = CountUnsettled { bounds: bounds.to_vec() };
    let rows: Vec<(i16, i32, i64)> = query.load(&mut &*connection).await?;
    rows.into_iter()
        .map(|(code, age, count)| Ok((state(code)?, usize::try_from(age).unwrap_or(0), count)))
        .collect()
}

/// What the provider calls a payment, if that is known.
pub(crate) async fn reference(
    connection: &AsyncPgConnection,
    payment: PaymentId,
) -> QueryResult<Option<String>> {
    let found = payments::table.find(payment.0).select(payments::provider_reference);
    Ok(found.first(&mut &*connection).await.optional()?.flatten())
}

/// Stores what the provider calls a payment, while the payment is started; gives the name that counts,
/// which is the first that was stored. `None`: the payment is decided, and nothing may be asked for it.
pub(crate) async fn refer(
    connection: &AsyncPgConnection,
    payment: PaymentId,
    reference: &str,
) -> QueryResult<Option<String>> {
    let query = Refer { reference: reference.to_owned(), id: payment.0 };
    let stored: Vec<Option<String>> = query.load(&mut &*connection).await?;
    Ok(stored.into_iter().next().flatten())
}

/// Books entries.
pub(crate) async fn insert_entries(
    connection: &AsyncPgConnection,
    entries: &[(BookingId, Entry)],
) -> QueryResult<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let query = InsertEntries {
        causes: entries.iter().map(|(_, entry)| entry.cause).collect(),
        accounts: entries.iter().map(|(_, entry)| entry.account.code()).collect(),
        bookings: entries.iter().map(|(booking, _)| booking.0).collect(),
        amounts: entries.iter().map(|(_, entry)| entry.amount).collect(),
    };
    query.execute(&mut &*connection).await.map(drop)
}
