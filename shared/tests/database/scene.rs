//! What the tests are made of.

use diesel::{QueryResult, QueryableByName, sql_types::BigInt};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use shared::db::SHARED_MIGRATIONS;
use testkit::TestDatabase;

/// A database of one test alone. The shared migrations are all that its service has.
pub(crate) async fn database() -> TestDatabase {
    TestDatabase::of("booking", SHARED_MIGRATIONS).await
}

/// Waits for what must happen, and fails when it does not.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(std::time::Duration::from_secs(30), what).await.expect("it happens in time")
}

/// Runs a statement.
pub(crate) async fn run(connection: &mut AsyncPgConnection, statement: &str) -> QueryResult<usize> {
    diesel::sql_query(statement).execute(connection).await
}

/// A superuser's connection.
pub(crate) async fn superuser(url: &str) -> AsyncPgConnection {
    AsyncPgConnection::establish(url).await.unwrap()
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// The number that a query gives in its column `number`.
pub(crate) async fn number(connection: &mut AsyncPgConnection, query: &str) -> i64 {
    let Number { number } = diesel::sql_query(query).get_result(connection).await.unwrap();
    number
}
