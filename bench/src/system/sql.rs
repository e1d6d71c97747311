//! What PostgreSQL counts of its work: transactions, statements by role (`pg_stat_statements`), write-ahead log.

use crate::cluster::Cluster;
use anyhow::{Context, ensure};
use diesel::{
    prelude::QueryableByName,
    sql_types::{BigInt, Double, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::{collections::BTreeMap, path::Path};

/// Settings of the server for this benchmark alone: so many connections for the plain design's clients, and the
/// counts of statements.
pub const SETTINGS: [(&str, &str); 5] = [
    ("max_connections", "700"),
    ("shared_preload_libraries", "pg_stat_statements"),
    ("pg_stat_statements.max", "10000"),
    ("pg_stat_statements.track", "all"),
    ("pg_stat_statements.track_utility", "on"),
];

/// The superuser of the cluster. It only reads statistics, and is not counted.
const LOOKING_ROLE: &str = "aerobus";

/// Whether the extension's library lies beside the server's programs, where Debian, Fedora and Homebrew have it.
///
/// # Errors
/// Where it does not.
pub fn check_extension(programs: &Path) -> anyhow::Result<()> {
    let home = programs.parent().unwrap_or(programs);
    let files = [
        "lib/pg_stat_statements.so",
        "lib/postgresql/pg_stat_statements.so",
        "lib/postgresql/pg_stat_statements.dylib",
    ];
    let is_there = files.iter().any(|file| home.join(file).is_file());
    ensure!(
        is_there,
        "pg_stat_statements is missing beside the server: install it (Fedora: postgresql-contrib)"
    );
    Ok(())
}

/// A statement's text and what was counted of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StatementCount {
    /// The beginning of its text.
    pub query: String,
    /// How often it ran.
    pub calls: i64,
    /// How long it ran in all, milliseconds.
    pub exec_ms: f64,
    /// How long it was planned in all, milliseconds; zero where that is not counted.
    pub plan_ms: f64,
    /// Rows that it gave or changed.
    pub rows: i64,
}

impl StatementCount {
    /// Whether it begins or ends a transaction.
    #[must_use]
    pub fn is_control(&self) -> bool {
        let verb = self.query.split_whitespace().next().unwrap_or_default().trim_end_matches(';');
        let verbs = ["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"];
        verbs.iter().any(|control| control.eq_ignore_ascii_case(verb))
    }
}

/// A statement of a role.
type StatementKey = (i64, String);

/// Counts so far of one database.
#[derive(Debug, Clone, Default)]
pub struct SqlSample {
    /// Transactions that were committed or rolled back. Each process of the server tells its own within ten seconds
    /// of their end, and within one while it works.
    pub transactions: i64,
    /// Bytes of the write-ahead log, of the whole server.
    wal_bytes: i64,
    statements: BTreeMap<StatementKey, StatementCount>,
}

/// Counts between two samples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SqlUsage {
    /// Bytes of the write-ahead log.
    pub wal_bytes: i64,
    statements: BTreeMap<StatementKey, StatementCount>,
}

impl SqlSample {
    /// What came since an earlier sample.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> SqlUsage {
        let mut statements = BTreeMap::new();
        for (key, now) in &self.statements {
            let before = earlier.statements.get(key).cloned().unwrap_or_default();
            if now.calls > before.calls {
                let count = StatementCount {
                    query: now.query.clone(),
                    calls: now.calls - before.calls,
                    exec_ms: now.exec_ms - before.exec_ms,
                    plan_ms: now.plan_ms - before.plan_ms,
                    rows: now.rows - before.rows,
                };
                statements.insert(key.clone(), count);
            }
        }
        SqlUsage { wal_bytes: self.wal_bytes - earlier.wal_bytes, statements }
    }
}

impl SqlUsage {
    /// Adds another time's.
    pub fn add(&mut self, other: &Self) {
        self.wal_bytes += other.wal_bytes;
        for (key, count) in &other.statements {
            let sum = self.statements.entry(key.clone()).or_default();
            sum.query.clone_from(&count.query);
            sum.calls += count.calls;
            sum.exec_ms += count.exec_ms;
            sum.plan_ms += count.plan_ms;
            sum.rows += count.rows;
        }
    }

    /// Statements that ran, without those that begin and end transactions: of a prepared one of these PostgreSQL 15
    /// counts the first run only.
    #[must_use]
    pub fn calls(&self) -> i64 {
        let counts = self.statements.values().filter(|count| !count.is_control());
        counts.map(|count| count.calls).sum()
    }

    /// How often statements ran whose text begins so.
    #[must_use]
    pub fn calls_of(&self, beginning: &str) -> i64 {
        let counts = self.statements.values().filter(|count| count.query.starts_with(beginning));
        counts.map(|count| count.calls).sum()
    }

    /// Statements by role, without those that begin and end transactions; the most first.
    #[must_use]
    pub fn calls_by_role(&self) -> Vec<(String, i64)> {
        let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
        for ((_, role), count) in self.statements.iter().filter(|(_, count)| !count.is_control()) {
            *sums.entry(role.strip_prefix("aerobus_").unwrap_or(role)).or_default() += count.calls;
        }
        let mut sums: Vec<_> = sums.into_iter().map(|(role, calls)| (role.to_owned(), calls)).collect();
        sums.sort_by_key(|(_, calls)| -calls);
        sums
    }

    /// The statements that took the most time, with their roles.
    #[must_use]
    pub fn slowest(&self, count: usize) -> Vec<(&str, &StatementCount)> {
        let mut all: Vec<_> =
            self.statements.iter().map(|((_, role), count)| (role.as_str(), count)).collect();
        let time = |count: &StatementCount| count.exec_ms + count.plan_ms;
        all.sort_by(|(_, left), (_, right)| time(right).total_cmp(&time(left)));
        all.truncate(count);
        all
    }
}

#[derive(QueryableByName)]
struct StatementRow {
    #[diesel(sql_type = BigInt)]
    queryid: i64,
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Text)]
    query: String,
    #[diesel(sql_type = BigInt)]
    calls: i64,
    #[diesel(sql_type = Double)]
    exec_ms: f64,
    #[diesel(sql_type = Double)]
    plan_ms: f64,
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    transactions: i64,
    #[diesel(sql_type = BigInt)]
    wal_bytes: i64,
}

#[derive(QueryableByName)]
struct NumberRow {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// A connection that reads the counts, in a database that nobody else uses.
pub struct SqlCounts(AsyncPgConnection);

impl SqlCounts {
    /// Connects.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn open(cluster: &Cluster) -> anyhow::Result<Self> {
        let mut connection = cluster.admin("postgres").await?;
        diesel::sql_query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            .execute(&mut connection)
            .await?;
        Ok(Self(connection))
    }

    /// Reads the counts of a database. Statements within functions are not counted, only what clients send.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn sample(&mut self, database: &str) -> anyhow::Result<SqlSample> {
        let counts = format!(
            "SELECT xact_commit + xact_rollback AS transactions, \
             pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint AS wal_bytes \
             FROM pg_stat_database WHERE datname = '{database}'"
        );
        let counts: CountRow = diesel::sql_query(counts).get_result(&mut self.0).await?;
        let statements = format!(
            "SELECT s.queryid, r.rolname::text AS role, left(s.query, 2000) AS query, s.calls, s.rows, \
             s.total_exec_time AS exec_ms, s.total_plan_time AS plan_ms \
             FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid JOIN pg_database d ON d.oid = s.dbid \
             WHERE d.datname = '{database}' AND r.rolname <> '{LOOKING_ROLE}' AND s.toplevel"
        );
        let rows: Vec<StatementRow> =
            diesel::sql_query(statements).load(&mut self.0).await.context("pg_stat_statements")?;
        let statements = rows.into_iter().map(|row| {
            let StatementRow { queryid, role, query, calls, exec_ms, plan_ms, rows } = row;
            ((queryid, role), StatementCount { query, calls, exec_ms, plan_ms, rows })
        });
        Ok(SqlSample {
            transactions: counts.transactions,
            wal_bytes: counts.wal_bytes,
            statements: statements.collect(),
        })
    }

    /// How many connections pgbench has open to a database.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn pgbench_clients(&mut self, database: &str) -> anyhow::Result<usize> {
        let count = format!(
            "SELECT count(*) AS number FROM pg_stat_activity \
             WHERE datname = '{database}' AND application_name = 'pgbench'"
        );
        let row: NumberRow = diesel::sql_query(count).get_result(&mut self.0).await?;
        Ok(usize::try_from(row.number)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(counts: &[(i64, &str, &str, i64, f64)], wal_bytes: i64) -> SqlSample {
        let count = |(id, role, query, calls, exec_ms): &(i64, &str, &str, i64, f64)| {
            let (query, calls, exec_ms) = ((*query).to_owned(), *calls, *exec_ms);
            ((*id, (*role).to_owned()), StatementCount { query, calls, exec_ms, plan_ms: 0.0, rows: calls })
        };
        SqlSample { transactions: 0, wal_bytes, statements: counts.iter().map(count).collect() }
    }

    #[test]
    fn counts_are_of_the_time_between_two_samples() {
        let before = sample(
            &[(1, "aerobus_booking", "SELECT 1", 5, 1.0), (2, "aerobus_mailer", "BEGIN", 7, 0.5)],
            100,
        );
        let after = sample(
            &[
                (1, "aerobus_booking", "SELECT 1", 9, 4.0),
                (2, "aerobus_mailer", "BEGIN", 7, 0.5),
                (3, "aerobus_mailer", "commit;", 2, 0.25),
                (4, "aerobus_mailer", "INSERT INTO letters (id) VALUES ($1)", 1, 8.0),
            ],
            350,
        );
        let mut usage = after.since(&before);
        assert_eq!((usage.wal_bytes, usage.calls()), (250, 5));
        assert_eq!(usage.calls_by_role(), [("booking".to_owned(), 4), ("mailer".to_owned(), 1)]);
        assert_eq!((usage.calls_of("INSERT INTO letters ("), usage.calls_of("BEGIN")), (1, 0));
        usage.add(&usage.clone());
        assert_eq!((usage.wal_bytes, usage.calls()), (500, 10));
        let slowest: Vec<_> =
            usage.slowest(2).into_iter().map(|(role, count)| (role, count.calls, count.exec_ms)).collect();
        assert_eq!(slowest, [("aerobus_mailer", 2, 16.0), ("aerobus_booking", 8, 6.0)]);
    }

    #[test]
    fn a_server_without_the_extension_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join("bin");
        assert!(check_extension(&programs).is_err());
        std::fs::create_dir_all(folder.path().join("lib")).unwrap();
        std::fs::write(folder.path().join("lib/pg_stat_statements.so"), "").unwrap();
        check_extension(&programs).unwrap();
    }
}
