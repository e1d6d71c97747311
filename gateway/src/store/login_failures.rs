//! Failed logins, counted by account and network together, by network over all accounts, and by account over all
//! networks: see [`crate::domain::login_bounds`]. The database keeps them, so that a delay holds on all instances.
//!
//! In this table an empty account stands for all accounts, and an empty network for all networks.

use crate::domain::login_bounds::{
    FREE_OF_ACCOUNT, FREE_OF_NETWORK, FREE_TOGETHER, FailureCount, FailureCounts, LONGEST_DELAY, LoginOrigin,
};
use diesel::{
    OptionalExtension, QueryResult,
    sql_types::{Array, BigInt, Binary, Integer, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::statement;
use std::{sync::LazyLock, time::Duration};

/// Whether the window of the row `f` is over: its delay has ended, and its first failure is too old to count.
const OVER: &str = "(greatest(f.locked_until, f.since + CASE f.account WHEN '' THEN interval '1 hour' \
                    ELSE interval '1 day' END) <= clock_timestamp())";

/// Whole seconds until the delay of the row `f` ends.
const WAIT: &str =
    "coalesce(greatest(0, ceil(extract(epoch FROM f.locked_until - clock_timestamp()))), 0)::bigint";

/// The failures of the row `f` that hold nothing up.
fn free() -> String {
    format!(
        "(CASE WHEN f.account = '' THEN {FREE_OF_NETWORK} WHEN f.network = '' THEN {FREE_OF_ACCOUNT} \
         ELSE {FREE_TOGETHER} END)"
    )
}

static READ: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT f.account, f.network, CASE WHEN {OVER} THEN 0 ELSE f.failures END, {WAIT} \
         FROM login_failures f WHERE (f.account, f.network) IN (SELECT * FROM unnest($, $))"
    )
});

/// Rows are locked in the order in which they are inserted, so attempts at once cannot lock each other out.
static COUNT: LazyLock<String> = LazyLock::new(|| {
    let free = free();
    format!(
        "INSERT INTO login_failures AS f (account, network, failures, since) \
         SELECT account, network, 1, clock_timestamp() FROM unnest($, $) AS a (account, network) \
         ON CONFLICT (account, network) DO UPDATE SET \
           failures = CASE WHEN {OVER} THEN 1 ELSE f.failures + 1 END, \
           since = CASE WHEN {OVER} THEN clock_timestamp() ELSE f.since END, \
           locked_until = CASE WHEN {OVER} OR f.failures < {free} THEN NULL ELSE clock_timestamp() \
             + least({LONGEST_DELAY}, 2 ^ least(f.failures - {free}, 20)) * interval '1 second' END \
         RETURNING f.account, f.network, f.failures, {WAIT}"
    )
});

static FORGET: LazyLock<String> = LazyLock::new(|| {
    format!(
        "DELETE FROM login_failures AS f WHERE f.account = $ AND f.network = $ \
         RETURNING f.account, f.network, CASE WHEN {OVER} THEN 0 ELSE f.failures END, {WAIT}"
    )
});

type CountRow = (Vec<u8>, String, i32, i64);

statement! {
    /// The counts of these accounts and networks.
    ReadCounts { accounts: Array<Binary> = Vec<Vec<u8>>, networks: Array<Text> = Vec<String> }
        -> (Binary, Text, Integer, BigInt),
    READ
}

statement! {
    /// Counts a failure of these accounts and networks.
    CountFailure { accounts: Array<Binary> = Vec<Vec<u8>>, networks: Array<Text> = Vec<String> }
        -> (Binary, Text, Integer, BigInt),
    COUNT
}

statement! {
    /// Deletes the count of an account and a network together; returns what it was.
    Forget { account: Binary = Vec<u8>, network: Text = String } -> (Binary, Text, Integer, BigInt),
    FORGET
}

statement! {
    /// Deletes the counts of an account.
    Unlock { account: Binary = Vec<u8> } -> (),
    "DELETE FROM login_failures WHERE account = $"
}

statement! {
    /// Deletes some of the rows that count no more: a window is over after a day at most, and the last delay within it
    /// 15 minutes later.
    DeleteExpired { limit: BigInt = i64 } -> (),
    "DELETE FROM login_failures WHERE (account, network) IN ( \
       SELECT account, network FROM login_failures WHERE since < now() - interval '25 hours' LIMIT $ \
       FOR UPDATE SKIP LOCKED)"
}

/// The keys of the three counts, in the order in which every statement locks them.
fn keys(origin: &LoginOrigin) -> (Vec<Vec<u8>>, Vec<String>) {
    let (account, network) = (origin.account.to_vec(), origin.network.to_string());
    (vec![Vec::new(), account.clone(), account], vec![network.clone(), String::new(), network])
}

fn counts(rows: Vec<CountRow>) -> FailureCounts {
    let mut counts = FailureCounts::default();
    for (account, network, failures, wait) in rows {
        let count = match (account.is_empty(), network.is_empty()) {
            (true, _) => &mut counts.of_network,
            (false, true) => &mut counts.of_account,
            (false, false) => &mut counts.together,
        };
        *count = self::count(failures, wait);
    }
    counts
}

fn count(failures: i32, wait: i64) -> FailureCount {
    let wait = u64::try_from(wait).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs);
    FailureCount { failures, wait }
}

/// The failures that count for a login now.
///
/// # Errors
/// Those of the database.
pub(crate) async fn read(
    connection: &mut AsyncPgConnection,
    origin: &LoginOrigin,
) -> QueryResult<FailureCounts> {
    let (accounts, networks) = keys(origin);
    ReadCounts { accounts, networks }.load(connection).await.map(counts)
}

/// Counts a failed login; returns the counts with it.
///
/// # Errors
/// Those of the database.
pub(crate) async fn add(
    connection: &mut AsyncPgConnection,
    origin: &LoginOrigin,
) -> QueryResult<FailureCounts> {
    let (accounts, networks) = keys(origin);
    CountFailure { accounts, networks }.load(connection).await.map(counts)
}

/// Forgets the failures of an account and a network together, after a login; returns what they were. The other counts
/// stay: a guesser could else reset them by logging in to an account of their own.
///
/// # Errors
/// Those of the database.
pub(crate) async fn forget(
    connection: &mut AsyncPgConnection,
    origin: &LoginOrigin,
) -> QueryResult<FailureCount> {
    let (account, network) = (origin.account.to_vec(), origin.network.to_string());
    let row: Option<CountRow> = Forget { account, network }.get_result(connection).await.optional()?;
    Ok(row.map_or_else(FailureCount::default, |(_, _, failures, wait)| count(failures, wait)))
}

/// Forgets all failures of an account: by the digest of its address, [`LoginEmail::digest`].
///
/// [`LoginEmail::digest`]: crate::domain::login_email::LoginEmail::digest
///
/// # Errors
/// Those of the database.
pub(crate) async fn unlock(connection: &mut AsyncPgConnection, account: &[u8; 32]) -> QueryResult<()> {
    Unlock { account: account.to_vec() }.execute(connection).await.map(drop)
}

/// Deletes up to `limit` rows that count no more; returns their number.
///
/// # Errors
/// Those of the database.
pub(crate) async fn delete_expired(connection: &mut AsyncPgConnection, limit: i64) -> QueryResult<usize> {
    DeleteExpired { limit }.execute(connection).await
}
