//! Each error that the code reacts to, as the server really gives it, and what it is taken for.

use crate::scene::{database, number, run, superuser};
use diesel::result::Error;
use diesel_async::AsyncPgConnection;
use servers::{Postgres, PostgresOptions};
use shared::{
    db::Fault,
    http::{Code, Problem},
};
use std::{os::unix::fs::PermissionsExt, time::Duration};
use tokio::time::timeout;

/// How long anything may take before a test fails.
const FAULT_TIMEOUT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_lock_that_is_not_granted_in_time() {
    let database = database().await;
    let config = database.config("booking");
    let (mut holder, mut waiter) = (config.connect().await.unwrap(), config.connect().await.unwrap());
    run(&mut holder, "BEGIN").await.unwrap();
    run(&mut holder, "LOCK TABLE events").await.unwrap();
    run(&mut waiter, "SET lock_timeout = '20ms'").await.unwrap();
    let error = run(&mut waiter, "SELECT 1 FROM events").await.unwrap_err();
    assert_eq!(Fault::of(&error), Fault::LockTimeout, "{error}");
    assert_eq!(Problem::from(&error).code(), Code::Internal);
}

#[tokio::test]
async fn transactions_that_wait_for_each_other() {
    let database = database().await;
    let config = database.config("booking");
    let (mut one, mut other) = (config.connect().await.unwrap(), config.connect().await.unwrap());
    for (connection, lock) in [(&mut one, 1), (&mut other, 2)] {
        run(connection, "BEGIN").await.unwrap();
        run(connection, &format!("SELECT pg_advisory_xact_lock({lock})")).await.unwrap();
    }
    // The server finds out after its deadlock_timeout, and rolls one of them back; the other goes on.
    let both = futures_util::future::join(
        run(&mut one, "SELECT pg_advisory_xact_lock(2)"),
        run(&mut other, "SELECT pg_advisory_xact_lock(1)"),
    );
    let (one, other) = timeout(FAULT_TIMEOUT, both).await.unwrap();
    let error = match (one, other) {
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => error,
        outcome => panic!("one of them is rolled back: {outcome:?}"),
    };
    assert_eq!(Fault::of(&error), Fault::Deadlock, "{error}");
}

#[tokio::test]
async fn transactions_that_fit_no_order() {
    let database = database().await;
    let config = database.config("booking");
    let (mut one, mut other) = (config.connect().await.unwrap(), config.connect().await.unwrap());
    for (connection, id) in [(&mut one, 1), (&mut other, 2)] {
        run(connection, "BEGIN ISOLATION LEVEL SERIALIZABLE").await.unwrap();
        run(connection, "SELECT count(*) FROM inbox").await.unwrap();
        let insert = format!("INSERT INTO inbox (consumer, event_id) VALUES ('c{id}', gen_random_uuid())");
        run(connection, &insert).await.unwrap();
    }
    run(&mut one, "COMMIT").await.unwrap();
    let error = run(&mut other, "COMMIT").await.unwrap_err();
    assert_eq!(Fault::of(&error), Fault::Serialization, "{error}");
}

#[tokio::test]
async fn values_that_are_there_or_cannot_be() {
    let database = database().await;
    let mut connection = database.config("booking").connect().await.unwrap();
    let insert =
        "INSERT INTO inbox (consumer, event_id) VALUES ('c', '00000000-0000-0000-0000-000000000000')";
    run(&mut connection, insert).await.unwrap();
    let error = run(&mut connection, insert).await.unwrap_err();
    assert_eq!(Fault::of(&error), Fault::Duplicate, "{error}");
    let error = run(&mut connection, "INSERT INTO inbox (consumer) VALUES ('c')").await.unwrap_err();
    assert_eq!(Fault::of(&error), Fault::Data, "{error}");
    run(&mut connection, "SET default_transaction_read_only = on").await.unwrap();
    let error = run(&mut connection, "DELETE FROM inbox").await.unwrap_err();
    assert!(Fault::of(&error).is_outage(), "{error}");
    assert_eq!(Fault::of(&Error::NotFound), Fault::Other);
}

#[tokio::test]
async fn a_backend_that_is_terminated() {
    let database = database().await;
    let mut connection = database.config("booking").connect().await.unwrap();
    let error = run(&mut connection, "SELECT pg_terminate_backend(pg_backend_pid())").await.unwrap_err();
    assert_lost(&error);
    // What is asked afterwards meets a connection that is closed.
    assert_lost(&run(&mut connection, "SELECT 1").await.unwrap_err());

    let mut idle = database.config("booking").connect().await.unwrap();
    run(&mut idle, "SET idle_in_transaction_session_timeout = '20ms'").await.unwrap();
    run(&mut idle, "BEGIN").await.unwrap();
    let mut admin = superuser(&database.superuser_url()).await;
    let left = "SELECT count(*) AS number FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let ended = async { while number(&mut admin, left).await > 0 {} };
    timeout(FAULT_TIMEOUT, ended).await.unwrap();
    assert_lost(&run(&mut idle, "SELECT 1").await.unwrap_err());
}

#[tokio::test]
async fn a_server_that_goes_down() {
    let folder = tempfile::tempdir().unwrap();
    // As root the server's account passes through.
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).unwrap();
    let settings = vec![("fsync".to_owned(), "off".to_owned())];
    let options = PostgresOptions { data_dir: folder.path().join("postgres"), port: None, settings };
    let mut server = tokio::task::spawn_blocking(|| Postgres::start(options)).await.unwrap().unwrap();
    let url = server.url("postgres");

    let (sleeping, mut idle) = (superuser(&url).await, superuser(&url).await);
    let waiting = tokio::spawn(sleep_on(sleeping));
    let asleep =
        "SELECT count(*) AS number FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND state = 'active'";
    let begun = async { while number(&mut idle, asleep).await == 0 {} };
    timeout(FAULT_TIMEOUT, begun).await.unwrap();
    let mut server = tokio::task::spawn_blocking(move || {
        server.shut_down().unwrap();
        server
    })
    .await
    .unwrap();
    assert_lost(&timeout(FAULT_TIMEOUT, waiting).await.unwrap().unwrap());
    assert_lost(&run(&mut idle, "SELECT 1").await.unwrap_err());

    // After a crash of one of its processes the server ends the others.
    let mut server = tokio::task::spawn_blocking(move || {
        server.restart().unwrap();
        server
    })
    .await
    .unwrap();
    let (sleeping, mut victim) = (superuser(&url).await, superuser(&url).await);
    let waiting = tokio::spawn(sleep_on(sleeping));
    let begun = async { while number(&mut victim, asleep).await == 0 {} };
    timeout(FAULT_TIMEOUT, begun).await.unwrap();
    let pid = number(&mut victim, "SELECT pg_backend_pid()::int8 AS number").await;
    servers::kill_all(&[u32::try_from(pid).unwrap()]);
    assert_lost(&timeout(FAULT_TIMEOUT, waiting).await.unwrap().unwrap());
    tokio::task::spawn_blocking(move || server.kill()).await.unwrap();
}

/// The error that ends a query which would take for ever.
async fn sleep_on(mut connection: AsyncPgConnection) -> Error {
    run(&mut connection, "SELECT pg_sleep(3600)").await.unwrap_err()
}

fn assert_lost(error: &Error) {
    assert_eq!(Fault::of(error), Fault::ConnectionLost, "{error}");
    assert_eq!(Problem::from(error).code(), Code::UpstreamUnavailable, "{error}");
}
