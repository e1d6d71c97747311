//! Look-ups that have failed, as all instances count them.

use booking_engine::booking::locator::Locator;
use diesel::{
    QueryResult,
    sql_types::{Array, BigInt, Double, Integer, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::statement;
use std::{net::IpAddr, time::Duration};

/// How long failures count, from the first one on.
pub(crate) const WINDOW: Duration = Duration::from_secs(3600);

/// A locator, or none for all; failures; seconds since the first.
type FailureRow = (String, i32, f64);

statement! {
    /// The failures of a client, whether or not they count any more: a condition on their age might have the server
    /// go through the index of ages, as long as the table is small when it plans.
    Read {
        network: Text = String,
        locators: Array<Text> = Vec<String>,
    } -> (Text, Integer, Double),
    "SELECT locator, failures, extract(epoch FROM clock_timestamp() - began_at)::float8 FROM lookup_failures WHERE network = $ AND locator = ANY($) ORDER BY locator"
}

statement! {
    /// Counts a failure of a client, and gives the counts with it. Rows are locked in one order, so that two statements
    /// never wait for each other.
    Count {
        network: Text = String,
        locators: Array<Text> = Vec<String>,
        window: Double = f64,
    } -> (Text, Integer, Double),
    "INSERT INTO lookup_failures AS f (network, locator, began_at, failures) SELECT $, l, clock_timestamp(), 1 FROM unnest($) AS l ORDER BY l ON CONFLICT (network, locator) DO UPDATE SET (began_at, failures) = (SELECT CASE WHEN counts THEN f.began_at ELSE excluded.began_at END, CASE WHEN counts THEN f.failures + 1 ELSE 1 END FROM (SELECT f.began_at > excluded.began_at - make_interval(secs => $) AS counts) AS known) RETURNING f.locator, f.failures, extract(epoch FROM clock_timestamp() - f.began_at)::float8"
}

statement! {
    /// Deletes some rows that count no more. Locked rows are skipped: their statement may wait for another row.
    Clean { window: Double = f64, limit: BigInt = i64 } -> (),
    "WITH old AS MATERIALIZED (SELECT network, locator FROM lookup_failures WHERE began_at < clock_timestamp() - make_interval(secs => $) ORDER BY began_at LIMIT $ FOR UPDATE SKIP LOCKED) DELETE FROM lookup_failures AS f USING old WHERE f.network = old.network AND f.locator = old.locator"
}

/// How often a client has failed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Failures {
    /// With the locator that was asked for; otherwise with all.
    pub(crate) of_locator: bool,
    pub(crate) count: usize,
    /// Since the first one.
    pub(crate) age: Duration,
}

impl From<FailureRow> for Failures {
    fn from((locator, count, age): FailureRow) -> Self {
        Self {
            of_locator: !locator.is_empty(),
            count: usize::try_from(count).unwrap_or(usize::MAX),
            age: Duration::try_from_secs_f64(age).unwrap_or_default(),
        }
    }
}

/// All locators, and the one that is asked for, if it is one.
fn locators(locator: Option<&Locator>) -> Vec<String> {
    let one = locator.map(|locator| locator.as_str().to_owned());
    [Some(String::new()), one].into_iter().flatten().collect()
}

/// The failures of a client that count.
pub(crate) async fn read(
    connection: &AsyncPgConnection,
    network: IpAddr,
    locator: Option<&Locator>,
) -> QueryResult<Vec<Failures>> {
    let (network, locators) = (network.to_string(), locators(locator));
    let rows: Vec<FailureRow> = Read { network, locators }.load(&mut &*connection).await?;
    Ok(rows.into_iter().map(Failures::from).filter(|known| known.age < WINDOW).collect())
}

/// Counts a failure of a client; gives the counts with it.
pub(crate) async fn count(
    connection: &AsyncPgConnection,
    network: IpAddr,
    locator: Option<&Locator>,
) -> QueryResult<Vec<Failures>> {
    let (network, locators) = (network.to_string(), locators(locator));
    let query = Count { network, locators, window: WINDOW.as_secs_f64() };
    let rows: Vec<FailureRow> = query.load(&mut &*connection).await?;
    Ok(rows.into_iter().map(Failures::from).collect())
}

/// Deletes rows that count no more, `limit` at most; gives how many.
pub(crate) async fn clean(connection: &AsyncPgConnection, limit: i64) -> QueryResult<usize> {
    Clean { window: WINDOW.as_secs_f64(), limit }.execute(&mut &*connection).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MIGRATIONS;
    use shared::db::Plans;
    use testkit::TestDatabase;

    #[actix::test]
    async fn failures_count_for_an_hour_from_the_first_one_on() {
        let database = TestDatabase::of("booking", MIGRATIONS).await;
        let connection = database.config("booking").planned(Plans::ByIndex).connect().await.unwrap();
        let [client, other] = ["198.51.100.7", "2001:db8::"].map(|network| network.parse().unwrap());
        let (locator, another) = (Locator::draw(), Locator::draw());
        let counted = async |locator: Option<&Locator>| {
            let failures = count(&connection, client, locator).await.unwrap();
            failures.into_iter().map(|one| (one.of_locator, one.count)).collect::<Vec<_>>()
        };
        let known = async |network: IpAddr, locator: Option<&Locator>| {
            let failures = read(&connection, network, locator).await.unwrap();
            failures.into_iter().map(|one| (one.of_locator, one.count)).collect::<Vec<_>>()
        };
        let pass = async |minutes: i32| {
            let later =
                format!("UPDATE lookup_failures SET began_at = began_at - interval '{minutes} minutes'");
            diesel::sql_query(later).execute(&mut &connection).await.unwrap();
        };
        assert_eq!(known(client, Some(&locator)).await, []);
        assert_eq!(counted(Some(&locator)).await, [(false, 1), (true, 1)]);
        assert_eq!(counted(None).await, [(false, 2)]);
        pass(59).await;
        assert_eq!(counted(Some(&locator)).await, [(false, 3), (true, 2)]);
        assert_eq!(counted(Some(&another)).await, [(false, 4), (true, 1)]);
        let age = read(&connection, client, None).await.unwrap()[0].age;
        assert!((Duration::from_secs(3540)..WINDOW).contains(&age), "{age:?}");
        assert_eq!(known(other, Some(&locator)).await, []);
        assert_eq!(clean(&connection, 10).await, Ok(0));

        // The first window is over, one that began later goes on.
        pass(1).await;
        assert_eq!(known(client, Some(&locator)).await, []);
        assert_eq!(known(client, Some(&another)).await, [(true, 1)]);
        assert_eq!(counted(Some(&another)).await, [(false, 1), (true, 2)]);
        assert_eq!(clean(&connection, 10).await, Ok(1), "the locator of which nothing counts");
        assert_eq!(known(client, Some(&another)).await, [(false, 1), (true, 2)]);
        pass(60).await;
        assert_eq!(clean(&connection, 1).await, Ok(1), "so many at most");
        assert_eq!(clean(&connection, 10).await, Ok(1));
    }
}
