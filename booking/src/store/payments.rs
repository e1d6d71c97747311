//! Payments with their sagas, and the books.

use super::{codes::Code, schema::payments, statement::statement, unsettled_payments};
use crate::domain::payment::{Entry, Payment, PaymentState};
use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Binary, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join;
use shared::ids::{BookingId, PaymentId};
use std::collections::HashMap;
use uuid::Uuid;

statement! {
    /// Inserts payments that were just started, and queues them.
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
    "WITH new AS (INSERT INTO payments (id, booking_id, method, token, amount, state, held_until, key_scope, answer, created_at) SELECT * FROM unnest($, $, $, $, $, $, $, $, $, $) RETURNING id, created_at) INSERT INTO unsettled_payments (payment_id, attempted_at) SELECT id, created_at FROM new"
}

statement! {
    /// Writes the states of payments, and books entries; tokens are forgotten as soon as the provider has
    /// decided.
    Decide {
        ids: Array<SqlUuid> = Vec<Uuid>,
        states: Array<SmallInt> = Vec<i16>,
        causes: Array<SqlUuid> = Vec<Uuid>,
        accounts: Array<SmallInt> = Vec<i16>,
        bookings: Array<SqlUuid> = Vec<Uuid>,
        amounts: Array<BigInt> = Vec<i64>,
    } -> (),
    "WITH decided AS (UPDATE payments SET state = n.state, token = NULL FROM unnest($, $) AS n (id, state) WHERE payments.id = n.id) INSERT INTO ledger_entries (cause, account, booking_id, amount, created_at) SELECT c, a, b, m, clock_timestamp() FROM unnest($, $, $, $) AS new (c, a, b, m)"
}

statement! {
    /// Stores the provider's name for a payment that is started; the first one stays.
    Refer { reference: Text = String, id: SqlUuid = Uuid } -> Nullable<Text>,
    "UPDATE payments SET provider_reference = COALESCE(provider_reference, $) WHERE id = $ AND state = 0 RETURNING provider_reference"
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

/// What a stored number stands for.
pub(super) fn state(code: i16) -> QueryResult<PaymentState> {
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

/// Inserts payments that were just started; each is unsettled from now on.
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

/// Writes the states of payments that the provider has decided, and books money that moved. Of those that
/// it declined nothing more is to be asked of it.
pub(crate) async fn decide(
    connection: &AsyncPgConnection,
    decided: &[(PaymentId, PaymentState)],
    entries: &[(BookingId, Entry)],
) -> QueryResult<()> {
    if decided.is_empty() && entries.is_empty() {
        return Ok(());
    }
    let query = Decide {
        ids: decided.iter().map(|(id, _)| id.0).collect(),
        states: decided.iter().map(|(_, state)| state.code()).collect(),
        causes: entries.iter().map(|(_, entry)| entry.cause).collect(),
        accounts: entries.iter().map(|(_, entry)| entry.account.code()).collect(),
        bookings: entries.iter().map(|(booking, _)| booking.0).collect(),
        amounts: entries.iter().map(|(_, entry)| entry.amount).collect(),
    };
    let declined = decided.iter().filter(|(_, state)| *state == PaymentState::Declined);
    let declined: Vec<Uuid> = declined.map(|(id, _)| id.0).collect();
    let settle = async {
        match declined.is_empty() {
            true => Ok(()),
            false => unsettled_payments::settle(connection, declined).await,
        }
    };
    let mut on = connection;
    try_join(query.execute(&mut on), settle).await.map(drop)
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
