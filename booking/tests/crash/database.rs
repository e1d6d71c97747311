//! A look behind the services' backs.

use diesel::{QueryableByName, sql_types::Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::db::DatabaseConfig;

#[derive(QueryableByName)]
struct TextLine {
    #[diesel(sql_type = Text)]
    line: String,
}

/// Runs a statement; gives the number of rows.
pub(crate) async fn run(database: &DatabaseConfig, statement: &str) -> usize {
    let ran = diesel::sql_query(statement).execute(&mut connect(database).await).await;
    ran.unwrap_or_else(|error| panic!("{statement}: {error}"))
}

/// The texts of a query for `line`.
pub(crate) async fn lines(database: &DatabaseConfig, query: &str) -> Vec<String> {
    let loaded = diesel::sql_query(query).load::<TextLine>(&mut connect(database).await).await;
    loaded.unwrap_or_else(|error| panic!("{query}: {error}")).into_iter().map(|row| row.line).collect()
}

/// How many rows `FROM` this there are.
pub(crate) async fn count(database: &DatabaseConfig, from: &str) -> usize {
    let query = format!("SELECT count(*)::text AS line FROM {from}");
    let lines = lines(database, &query).await;
    lines[0].parse().unwrap_or_else(|_| panic!("{query}: {lines:?}"))
}

async fn connect(database: &DatabaseConfig) -> AsyncPgConnection {
    database.connect().await.expect("the database answers")
}
