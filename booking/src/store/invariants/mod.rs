//! What must be true of the tables at any instant, whatever was going on: each invariant is one
//! statement that finds what breaks it. `docs/invariants.md` lists them with their reasons.
//!
//! They are written against the tables alone, and as far as possible against two records of the same
//! thing that are kept apart (the fence and the passengers, the books and the provider's log), so that
//! a fault of the engine cannot hide itself. All of them see one snapshot, so a check can run beside
//! any load.

mod bookings;
mod books;
mod events;
mod inventory;
mod keys;
mod payments;
mod plans;
mod prepared;
mod provider;
mod seats;
mod travellers;

use chrono::{DateTime, Utc};
use diesel::{
    QueryResult, QueryableByName,
    sql_types::{BigInt, Text, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;
use shared::db::{DatabaseConfig, DbError};
use utoipa::ToSchema;

/// Violations of one invariant that are told; the others are counted.
const TOLD: i64 = 100;

/// An invariant.
#[derive(Debug, Clone, Copy)]
struct Invariant {
    name: &'static str,
    /// Finds `subject` and `detail` of what breaks it.
    sql: &'static str,
}

/// Declares the invariants of a topic: what must be true, a name, and the statement.
macro_rules! invariants {
    ($($(#[doc = $doc:literal])+ $name:ident: $sql:expr);+ $(;)?) => {
        pub(super) const ALL: &[super::Invariant] =
            &[$(super::Invariant { name: stringify!($name), sql: $sql }),+];
    };
}

/// A seat's number as people read it.
macro_rules! designator {
    ($seat:literal) => {
        concat!("(", $seat, " / 32) || chr(65 + ", $seat, " % 32)")
    };
}

use {designator, invariants};

/// All invariants, in the order in which they are checked.
fn all() -> impl Iterator<Item = Invariant> {
    let topics = [
        seats::ALL,
        plans::ALL,
        travellers::ALL,
        bookings::ALL,
        payments::ALL,
        books::ALL,
        provider::ALL,
        keys::ALL,
        events::ALL,
        inventory::ALL,
    ];
    topics.into_iter().flatten().copied()
}

/// The names of all invariants, in the order in which they are checked.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|invariant| invariant.name)
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Violation {
    /// The invariant that is broken.
    #[schema(example = "no_seat_is_given_twice")]
    pub invariant: &'static str,
    /// What it is broken by: the kind and the id of a row.
    #[schema(example = "flight 0190f2b0-0000-7000-8000-000000000000")]
    pub subject: String,
    /// How.
    pub detail: String,
}

/// How often an invariant is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Broken {
    /// The invariant.
    pub invariant: &'static str,
    /// All of its violations, told or not.
    pub violations: i64,
}

/// The outcome of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InvariantReport {
    /// The instant that was looked at, by the database's clock.
    pub checked_at: DateTime<Utc>,
    /// How many invariants there are.
    pub invariants: usize,
    /// What was found, at most 100 of each invariant.
    pub violations: Vec<Violation>,
    /// The invariants that are broken, with how often.
    pub broken: Vec<Broken>,
}

impl InvariantReport {
    /// All violations, told or not.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.broken.iter().map(|broken| broken.violations).sum()
    }
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    subject: String,
    #[diesel(sql_type = Text)]
    detail: String,
    #[diesel(sql_type = BigInt)]
    total: i64,
}

/// Checks all invariants in one snapshot, over a connection of its own: it may take half a minute.
///
/// # Errors
/// Those of the connection and the queries; a broken invariant is none.
pub async fn check(database: &DatabaseConfig) -> Result<InvariantReport, DbError> {
    let opened = database.connect().await;
    let mut connection = opened.map_err(|error| DbError::Unavailable(Box::new(error)))?;
    // Not read-only: a temporary table is written.
    let mut snapshot = connection.build_transaction().repeatable_read();
    Ok(snapshot.run(check_within).await?)
}

/// Checks all invariants in the caller's transaction, which should be of one snapshot.
///
/// # Errors
/// Those of the queries.
pub async fn check_within(connection: &mut AsyncPgConnection) -> QueryResult<InvariantReport> {
    // Joins of whole tables: more memory than a request's query gets, more time, no nested loops, however
    // few rows are expected, and no compilation, which costs more than it brings.
    let settings = ["work_mem = '64MB'", "statement_timeout = '120s'", "enable_nestloop = off", "jit = off"];
    for setting in settings {
        diesel::sql_query(format!("SET LOCAL {setting}")).execute(connection).await?;
    }
    prepared::make(connection).await?;
    let now = diesel::dsl::sql::<Timestamptz>("now()");
    let checked_at = diesel::select(now).get_result(connection).await?;
    let mut report =
        InvariantReport { checked_at, invariants: all().count(), violations: Vec::new(), broken: Vec::new() };
    for Invariant { name, sql } in all() {
        let bounded =
            format!("SELECT subject, detail, count(*) OVER () AS total FROM ({sql}) AS found LIMIT {TOLD}");
        let found: Vec<Found> = diesel::sql_query(bounded).load(connection).await.inspect_err(|error| {
            tracing::error!(invariant.name = name, %error, "An invariant could not be checked");
        })?;
        if let Some(first) = found.as_slice().first() {
            report.broken.push(Broken { invariant: name, violations: first.total });
        }
        let told = |one: Found| Violation { invariant: name, subject: one.subject, detail: one.detail };
        report.violations.extend(found.into_iter().map(told));
    }
    prepared::remove(connection).await?;
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_invariant_has_a_name_of_its_own_and_a_line_in_the_documentation() {
        let table = include_str!("../../../../docs/invariants.md");
        let documented: HashSet<&str> = table
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once("` |").map(|(name, _)| name))
            .collect();
        let named: HashSet<&str> = names().collect();
        assert_eq!(named.len(), names().count(), "no name stands twice");
        assert_eq!(named, documented);
    }
}
