//! The log of the sandbox provider, which is no part of booking's own books.

use super::{schema::sandbox_operations, statement::statement};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Bool, SmallInt, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::collections::HashMap;
use uuid::Uuid;

statement! {
    /// Logs operations; a repeated one has no effect. A payment that was voided is not authorised any
    /// more. Gives the authorisations that were logged now.
    Log {
        payments: Array<SqlUuid> = Vec<Uuid>,
        operations: Array<SmallInt> = Vec<i16>,
        subjects: Array<SqlUuid> = Vec<Uuid>,
        amounts: Array<BigInt> = Vec<i64>,
        accepted: Array<Bool> = Vec<bool>,
    } -> (SqlUuid, SmallInt, Bool),
    "INSERT INTO sandbox_operations (payment_id, operation, subject, amount, accepted) SELECT p, o, s, a, c AND NOT (o = 0 AND EXISTS (SELECT 1 FROM sandbox_operations v WHERE v.payment_id = p AND v.operation = 2)) FROM unnest($, $, $, $, $) AS new (p, o, s, a, c) ON CONFLICT DO NOTHING RETURNING payment_id, operation, accepted"
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

/// Logs operations. A repeated one keeps its first entry. Gives, by payment, what became of the
/// authorisations that were logged now.
pub(crate) async fn log(
    connection: &mut AsyncPgConnection,
    batch: &[Operation],
) -> QueryResult<HashMap<Uuid, bool>> {
    let query = Log {
        payments: batch.iter().map(|one| one.payment).collect(),
        operations: batch.iter().map(|one| one.kind as i16).collect(),
        subjects: batch.iter().map(|one| one.subject).collect(),
        amounts: batch.iter().map(|one| one.amount).collect(),
        accepted: batch.iter().map(|one| one.accepted).collect(),
    };
    let logged: Vec<(Uuid, i16, bool)> = query.load(connection).await?;
    let authorised = logged.into_iter().filter(|(_, kind, _)| *kind == Kind::Authorise as i16);
    Ok(authorised.map(|(payment, _, accepted)| (payment, accepted)).collect())
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
