//! A server that would not write English to us.

use crate::scene::{database, number, run, superuser};
use shared::db::{DatabaseConfig, Pool, SHARED_MIGRATIONS, migrate};

#[tokio::test]
async fn a_service_does_not_start_and_is_not_ready_with_messages_in_another_language() {
    let database = database().await;
    let config = database.config("booking");
    let pool = Pool::new(&config);
    assert!(pool.is_healthy().await, "the role's messages are English");

    // A locale that this machine lacks cannot be set. So the database tells a German setting, by a function that
    // stands in the way of the server's own where a schema is looked in first.
    let mut admin = superuser(&database.superuser_url()).await;
    for statement in [
        "CREATE SCHEMA german",
        "GRANT USAGE ON SCHEMA german TO PUBLIC",
        "CREATE FUNCTION german.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT 'de_DE.UTF-8' $$",
    ] {
        run(&mut admin, statement).await.unwrap();
    }
    let german = DatabaseConfig { schema: "german,pg_catalog,booking".to_owned(), ..config.clone() };
    let refused = german.connect().await.err().expect("a refusal").to_string();
    for part in ["lc_messages is 'de_DE.UTF-8'", "ALTER ROLE aerobus_booking SET lc_messages = 'C'"] {
        assert!(refused.contains(part), "{refused}");
    }
    assert!(!Pool::new(&german).is_healthy().await);
    let refused = migrate(&german, SHARED_MIGRATIONS).await.unwrap_err();
    let cause = std::error::Error::source(&refused).unwrap().to_string();
    assert!(cause.contains("ALTER ROLE aerobus_booking"), "{cause}");
}

#[tokio::test]
async fn roles_are_made_with_english_messages() {
    let database = database().await;
    let mut admin = superuser(&database.superuser_url()).await;
    let query = "SELECT count(*) AS number FROM pg_roles \
                 WHERE rolname = 'aerobus_booking' AND 'lc_messages=C' = ANY (rolconfig)";
    assert_eq!(number(&mut admin, query).await, 1);
}

#[tokio::test]
async fn an_administrator_who_may_not_choose_the_language_still_makes_roles() {
    let database = database().await;
    let mut admin = superuser(&database.superuser_url()).await;
    // Roles belong to the whole cluster: names that no other test has.
    let name = format!("maker_{}", uuid::Uuid::now_v7().simple());
    let service = "languages";
    for statement in [
        format!("CREATE ROLE {name} LOGIN CREATEROLE PASSWORD 'test'"),
        format!("GRANT CREATE ON DATABASE {} TO {name}", database_name(&database.superuser_url())),
        format!("CREATE ROLE aerobus_{service} LOGIN"),
        format!("GRANT aerobus_{service} TO {name}"),
    ] {
        run(&mut admin, &statement).await.unwrap();
    }
    let mut url: url::Url = database.superuser_url().parse().unwrap();
    url.set_username(&name).unwrap();
    url.set_password(Some("test")).unwrap();
    let made = shared::db::provision(&String::from(url).into(), service, &"test".to_owned().into(), 1).await;
    // What the server has anyway is English here.
    let connected = made.unwrap().connect().await.map(drop);
    for statement in [
        format!("DROP SCHEMA {service}"),
        format!("DROP ROLE aerobus_{service}"),
        format!("REVOKE CREATE ON DATABASE {} FROM {name}", database_name(&database.superuser_url())),
        format!("DROP ROLE {name}"),
    ] {
        run(&mut admin, &statement).await.unwrap();
    }
    connected.unwrap();
}

fn database_name(url: &str) -> String {
    let url: url::Url = url.parse().unwrap();
    url.path().trim_start_matches('/').to_owned()
}
