//! Runs the statements.

use super::{
    parts::{PARTS, Part, all},
    prepared,
    report::{BrokenInvariant, InvariantReport, LISTED, Violation},
    statement::Invariant,
};
use chrono::{DateTime, Utc};
use diesel::{
    QueryResult, QueryableByName,
    sql_types::{BigInt, Text, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join;
use shared::db::{DatabaseConfig, DbError};

/// Joins of whole tables: more memory than a request's query gets, more time, no nested loops, however few
/// rows are expected, and no compilation, which costs more than it brings. No workers either: the halves keep
/// two processors busy, and others may be at work for travellers.
const SETTINGS: [&str; 5] = [
    "work_mem = '64MB'",
    "statement_timeout = '120s'",
    "enable_nestloop = off",
    "jit = off",
    "max_parallel_workers_per_gather = 0",
];

/// Buffers for the temporary tables of a million bookings: without them PostgreSQL writes the tables to files and
/// each statement reads them from there. Taken when it is needed, and freed with the connection.
const TEMPORARY_BUFFERS: &str = "SET temp_buffers = '256MB'";

#[derive(QueryableByName)]
struct ViolationRow {
    #[diesel(sql_type = Text)]
    subject: String,
    #[diesel(sql_type = Text)]
    detail: String,
    #[diesel(sql_type = BigInt)]
    total: i64,
}

/// What was found: violations, and how many there are of each invariant.
type Findings = (Vec<Violation>, Vec<BrokenInvariant>);

/// Checks all invariants in one snapshot, over two connections of its own, which share it: each does half of
/// the work. (`./dev bench booking` shows how long it takes with a million bookings.)
///
/// # Errors
/// Those of the connections and the queries; a broken invariant is none.
pub async fn check(database: &DatabaseConfig) -> Result<InvariantReport, DbError> {
    let opened = try_join(database.connect(), database.connect()).await;
    let (mut first, mut second) = opened.map_err(|error| DbError::Unavailable(Box::new(error)))?;
    for connection in [&mut first, &mut second] {
        // Once a session, before its first temporary table.
        diesel::sql_query(TEMPORARY_BUFFERS).execute(connection).await?;
    }
    let [bookings, money] = PARTS;
    // Not read-only: temporary tables are written.
    let mut transaction = first.build_transaction().repeatable_read();
    let checking = transaction.run(async |first: &mut AsyncPgConnection| {
        let checked_at = now(first).await?;
        let exported = diesel::dsl::sql::<Text>("pg_export_snapshot()");
        let snapshot: String = diesel::select(exported).get_result(first).await?;
        let other = share(&mut second, &snapshot, money);
        let ((mut violations, mut broken), found) = try_join(run(first, bookings), other).await?;
        violations.extend(found.0);
        broken.extend(found.1);
        Ok::<_, diesel::result::Error>(report(checked_at, (violations, broken)))
    });
    Ok(checking.await?)
}

/// Runs a part in a transaction of its own that sees another's snapshot.
async fn share(connection: &mut AsyncPgConnection, snapshot: &str, part: Part) -> QueryResult<Findings> {
    // A utility statement, which takes no binds; PostgreSQL has made the name.
    let adopt = format!("SET TRANSACTION SNAPSHOT '{}'", snapshot.replace('\'', ""));
    let mut transaction = connection.build_transaction().repeatable_read();
    let running = transaction.run(async |connection: &mut AsyncPgConnection| {
        diesel::sql_query(adopt).execute(connection).await?;
        run(connection, part).await
    });
    running.await
}

/// Checks all invariants in the caller's transaction, which should be of one snapshot.
///
/// # Errors
/// Those of the queries.
pub async fn check_within(connection: &mut AsyncPgConnection) -> QueryResult<InvariantReport> {
    let checked_at = now(connection).await?;
    let (mut violations, mut broken) = (Vec::new(), Vec::new());
    for part in PARTS {
        let found = run(connection, part).await?;
        violations.extend(found.0);
        broken.extend(found.1);
    }
    Ok(report(checked_at, (violations, broken)))
}

fn report(checked_at: DateTime<Utc>, (violations, broken): Findings) -> InvariantReport {
    InvariantReport { checked_at, invariants: all().count(), violations, broken }
}

async fn now(connection: &mut AsyncPgConnection) -> QueryResult<DateTime<Utc>> {
    diesel::select(diesel::dsl::sql::<Timestamptz>("now()")).get_result(connection).await
}

/// Runs a part's statements one after the other.
async fn run(connection: &mut AsyncPgConnection, part: Part) -> QueryResult<Findings> {
    for setting in SETTINGS {
        diesel::sql_query(format!("SET LOCAL {setting}")).execute(connection).await?;
    }
    prepared::make(connection, part.tables).await?;
    let (mut violations, mut broken) = (Vec::new(), Vec::new());
    for Invariant { name, sql } in part.invariants() {
        let bounded =
            format!("SELECT subject, detail, count(*) OVER () AS total FROM ({sql}) AS found LIMIT {LISTED}");
        let found: Vec<ViolationRow> =
            diesel::sql_query(bounded).load(connection).await.inspect_err(|error| {
                tracing::error!(invariant.name = name, %error, "An invariant could not be checked");
            })?;
        if let Some(first) = found.as_slice().first() {
            broken.push(BrokenInvariant { invariant: name, violations: first.total });
        }
        let listed =
            |one: ViolationRow| Violation { invariant: name, subject: one.subject, detail: one.detail };
        violations.extend(found.into_iter().map(listed));
    }
    prepared::remove(connection, part.tables).await?;
    Ok((violations, broken))
}
