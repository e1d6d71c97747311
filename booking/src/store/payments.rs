//! Payments with their sagas.

use super::{codes::StoredCode, schema::payments};
use booking_engine::payment::record::{Payment, PaymentState};
use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Nullable, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{ids::PaymentId, statement};
use std::collections::HashMap;
use uuid::Uuid;

statement! {
    /// Stores the provider's name for a payment that is started; the first one stays.
    Refer { reference: Text = String, id: SqlUuid = Uuid } -> Nullable<Text>,
    "UPDATE payments SET provider_reference = COALESCE(provider_reference, $) WHERE id = $ AND state = 0 RETURNING provider_reference"
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = payments)]
#[diesel(check_for_backend(diesel::pg::Pg))]
struct LoadedPaymentRow {
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

/// The state of a stored number.
pub(super) fn state(code: i16) -> QueryResult<PaymentState> {
    PaymentState::of_code(code).map_err(|error| diesel::result::Error::DeserializationError(error.into()))
}

/// The payments of bookings, oldest first.
pub(crate) async fn load(
    connection: &AsyncPgConnection,
    bookings: &[Uuid],
) -> QueryResult<HashMap<Uuid, Vec<Payment>>> {
    let rows: Vec<LoadedPaymentRow> = payments::table
        .filter(payments::booking_id.eq_any(bookings))
        .order(payments::id)
        .select(LoadedPaymentRow::as_select())
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

/// The provider's name for a payment, if it is known.
pub(crate) async fn reference(
    connection: &AsyncPgConnection,
    payment: PaymentId,
) -> QueryResult<Option<String>> {
    let found = payments::table.find(payment.0).select(payments::provider_reference);
    Ok(found.first(&mut &*connection).await.optional()?.flatten())
}

/// Stores the provider's name for a payment that is started; gives the first name that was stored, which counts.
/// `None`: the payment is decided, and the provider must not be asked for it.
pub(crate) async fn refer(
    connection: &AsyncPgConnection,
    payment: PaymentId,
    reference: &str,
) -> QueryResult<Option<String>> {
    let query = Refer { reference: reference.to_owned(), id: payment.0 };
    let stored: Vec<Option<String>> = query.load(&mut &*connection).await?;
    Ok(stored.into_iter().next().flatten())
}
