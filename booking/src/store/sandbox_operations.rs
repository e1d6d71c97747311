//! The log of the sandbox provider, which is no part of booking's own books.

use super::{schema::sandbox_operations, statement::statement};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Bool, SmallInt, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

statement! {
    /// Logs operations; a repeated one has no effect.
    Log {
        payments: Array<SqlUuid> = Vec<Uuid>,
        operations: Array<SmallInt> = Vec<i16>,
        subjects: Array<SqlUuid> = Vec<Uuid>,
        amounts: Array<BigInt> = Vec<i64>,
        accepted: Array<Bool> = Vec<bool>,
    } -> (),
    "INSERT INTO sandbox_operations (payment_id, operation, subject, amount, accepted) SELECT * FROM unnest($, $, $, $, $) ON CONFLICT DO NOTHING"
}

/// What the provider was asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Authorise,
    Capture,
    Void,
    Refund,
}

/// An entry of the provider's log.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) payment: Uuid,
    pub(crate) kind: Kind,
    /// The payment, or the refund.
    pub(crate) subject: Uuid,
    pub(crate) amount: i64,
    pub(crate) accepted: bool,
}

/// Logs operations. A repeated one keeps its first entry.
pub(crate) async fn log(connection: &mut AsyncPgConnection, batch: &[Operation]) -> QueryResult<()> {
    let query = Log {
        payments: batch.iter().map(|one| one.payment).collect(),
        operations: batch.iter().map(|one| one.kind as i16).collect(),
        subjects: batch.iter().map(|one| one.subject).collect(),
        amounts: batch.iter().map(|one| one.amount).collect(),
        accepted: batch.iter().map(|one| one.accepted).collect(),
    };
    query.execute(connection).await.map(drop)
}

/// Whether a payment was authorised; `None` where the provider was never asked.
pub(crate) async fn authorisation(
    connection: &mut AsyncPgConnection,
    payment: Uuid,
) -> QueryResult<Option<bool>> {
    sandbox_operations::table
        .filter(sandbox_operations::payment_id.eq(payment))
        .filter(sandbox_operations::operation.eq(Kind::Authorise as i16))
        .select(sandbox_operations::accepted)
        .first(connection)
        .await
        .optional()
}
