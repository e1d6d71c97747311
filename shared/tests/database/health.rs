//! The readiness probe against a real database.

use crate::scene::within;
use diesel::{QueryableByName, sql_types::Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use shared::{
    db::{Pool, SHARED_MIGRATIONS},
    http::health::Health,
};
use testkit::TestDatabase;

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

async fn line(admin: &mut AsyncPgConnection, query: &str) -> String {
    diesel::sql_query(query).get_result::<Line>(admin).await.unwrap().line
}

#[actix::test]
async fn a_probe_asks_the_database_now_and_then_and_sees_at_once_that_it_is_gone() {
    let database = TestDatabase::of("booking", SHARED_MIGRATIONS).await;
    let pool = Pool::new(&database.config("booking"));
    let health = Health::new().needs_database(&pool);
    let mut admin = AsyncPgConnection::establish(&database.superuser_url()).await.unwrap();
    let asked = "SELECT string_agg(query_start::text, ' ') AS line FROM pg_stat_activity \
                 WHERE datname = current_database() AND usename = 'aerobus_booking'";
    assert!(health.failing().await.is_empty());
    let first = line(&mut admin, asked).await;
    assert!(health.failing().await.is_empty());
    assert_eq!(line(&mut admin, asked).await, first, "the answer of just now counts");

    let name = line(&mut admin, "SELECT current_database() AS line").await;
    for statement in [
        format!("ALTER DATABASE {name} CONNECTION LIMIT 0"),
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
         WHERE datname = current_database() AND usename = 'aerobus_booking'"
            .to_owned(),
    ] {
        diesel::sql_query(statement).execute(&mut admin).await.unwrap();
    }
    // Until the word of its end has come.
    within(async {
        while health.failing().await.is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(health.failing().await, ["database"]);
    diesel::sql_query(format!("ALTER DATABASE {name} CONNECTION LIMIT -1"))
        .execute(&mut admin)
        .await
        .unwrap();
    assert!(health.failing().await.is_empty());
}
