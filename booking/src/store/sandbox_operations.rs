//! The log of the sandbox provider, which is not part of booking's own books.

use super::schema::sandbox_operations;
use diesel::{
    prelude::*,
    result::{DatabaseErrorKind, Error},
    sql_types::{Array, BigInt, Bool, SmallInt, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::statement;
use std::collections::HashMap;
use uuid::Uuid;

/// Declares a statement that logs operations, with its rule for repeated ones.
macro_rules! log {
    ($(#[$meta:meta])+ $name:ident, $repeated:literal) => {
        statement! {
            $(#[$meta])+
            $name {
                operations: Array<SmallInt> = Vec<i16>,
                subjects: Array<SqlUuid> = Vec<Uuid>,
                amounts: Array<BigInt> = Vec<i64>,
                accepted: Array<Bool> = Vec<bool>,
                payments: Array<SqlUuid> = Vec<Uuid>,
            } -> (SqlUuid, SmallInt, Bool),
            concat!(
                "INSERT INTO sandbox_operations (payment_id, operation, subject, amount, accepted)
                SELECT p, o, s, a, c AND (o <> 0 OR (SELECT count(*) FROM sandbox_operations v WHERE v.payment_id = p AND v.operation = 2) = 0)
                FROM (SELECT p, $[i] AS o, $[i] AS s, $[i] AS a, $[i] AS c FROM unnest($) WITH ORDINALITY AS n (p, i)) AS new ",
                $repeated,
                " RETURNING payment_id, operation, accepted"
            )
        }

        impl $name {
            fn of(batch: &[Operation]) -> Self {
                Self {
                    payments: batch.iter().map(|one| one.payment).collect(),
                    operations: batch.iter().map(|one| one.kind as i16).collect(),
                    subjects: batch.iter().map(|one| one.subject).collect(),
                    amounts: batch.iter().map(|one| one.amount).collect(),
                    accepted: batch.iter().map(|one| one.accepted).collect(),
                }
            }
        }
    };
}

log! {
    /// Logs operations; a repeated one is an error. A voided payment is not authorised any more: the voids are looked
    /// up one by one (for `EXISTS` the server would collect all voids). Gives the authorisations that were logged now.
    Log, ""
}

log! {
    /// The same; a repeated one has no effect. Each row costs half as much more.
    LogAgain, "ON CONFLICT DO NOTHING"
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
    let logged: Vec<(Uuid, i16, bool)> = match Log::of(batch).load(connection).await {
        Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
            LogAgain::of(batch).load(connection).await?
        }
        logged => logged?,
    };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MIGRATIONS;
    use diesel_async::AsyncConnection;
    use shared::db::Plans;
    use testkit::TestDatabase;

    /// Entries of the log's indexes that this connection has looked at.
    async fn looked_at(connection: &mut AsyncPgConnection) -> i64 {
        let entries = "SELECT coalesce(sum(pg_stat_get_xact_tuples_returned(indexrelid)), 0)::bigint \
                       FROM pg_index WHERE indrelid = 'sandbox_operations'::regclass";
        diesel::select(diesel::dsl::sql::<BigInt>(&format!("({entries})"))).first(connection).await.unwrap()
    }

    #[tokio::test]
    async fn of_other_payments_nothing_is_read() {
        let database = TestDatabase::of("booking", MIGRATIONS).await;
        let config = database.config("booking").planned(Plans::ByIndex);
        let mut connection = config.connect().await.unwrap();
        // The server resets its counters now and then, but not within a transaction.
        connection.begin_test_transaction().await.unwrap();
        let entry = |kind| {
            let payment = Uuid::now_v7();
            Operation { payment, kind, subject: payment, amount: 100, accepted: true }
        };
        let voids: Vec<_> = (0..500).map(|_| entry(Kind::Void)).collect();
        log(&mut connection, &voids).await.unwrap();
        let before = looked_at(&mut connection).await;
        let new = entry(Kind::Authorise);
        let given_up = Operation { kind: Kind::Authorise, ..voids[7].clone() };
        let logged = log(&mut connection, &[new.clone(), given_up.clone()]).await.unwrap();
        assert_eq!(logged, HashMap::from([(new.payment, true), (given_up.payment, false)]));
        let looked_at = looked_at(&mut connection).await - before;
        assert!((1..10).contains(&looked_at), "the void of one of them: {looked_at}");
    }
}
