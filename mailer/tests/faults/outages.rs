//! Servers that are away for long. Time is moved by setting rows back.

use crate::{
    bookings::{confirmation, confirmed},
    fault_world::FaultWorld,
};
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};

const LETTERS: usize = 20;

#[actix_web::test]
async fn a_mail_server_that_is_down_for_hours() {
    let world = FaultWorld::new().await;
    world.sink.stop();
    let mailer = world.start();
    for _ in 0..LETTERS {
        world.publish(&confirmation(&confirmed())).await;
    }
    world.once("(SELECT count(*) FROM letters)", |count| count == LETTERS.to_string()).await;
    // Hours later, after a restart of the mailer, all of them still wait.
    world.sql("UPDATE letter_queue SET queued_at = queued_at - interval '23 hours'").await;
    mailer.kill();
    let _next = world.start();
    world.end_leases().await;
    world.pass_time().await;
    world
        .once("(SELECT count(*) FROM letter_attempts WHERE outcome = 'unreachable')", |count| count != "0")
        .await;
    assert_eq!(world.text("(SELECT count(*) FROM letter_queue)").await, LETTERS.to_string());
    world.sink.start_again();
    world
        .once("(SELECT count(*) FROM letter_attempts WHERE outcome = 'sent')", |count| {
            count == LETTERS.to_string()
        })
        .await;
    assert_eq!(world.received(), (LETTERS, LETTERS));
}

#[actix_web::test]
async fn a_letter_that_no_server_takes_for_a_day() {
    let world = FaultWorld::new().await;
    world.sink.stop();
    let _mailer = world.start();
    world.publish(&confirmation(&confirmed())).await;
    world.letters_once(|letters| letters.starts_with("booking_confirmed queued: unreachable")).await;
    world.sql("UPDATE letter_queue SET queued_at = queued_at - interval '25 hours'").await;
    world.pass_time().await;
    world.letters_once(|letters| letters.starts_with("booking_confirmed failed: unreachable")).await;
}

#[actix_web::test]
async fn a_database_that_is_away() {
    let world = FaultWorld::new().await;
    let _mailer = world.start();
    world.publish(&confirmation(&confirmed())).await;
    world.letters_are("booking_confirmed sent: sent 250").await;
    let superuser = world.database.superuser_url();
    let (server, name) = superuser.rsplit_once('/').expect("a database URL");
    let mut elsewhere =
        AsyncPgConnection::establish(&format!("{server}/postgres")).await.expect("PostgreSQL");
    let away = format!(
        "ALTER DATABASE {name} ALLOW_CONNECTIONS false; \
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    );
    elsewhere.batch_execute(&away).await.expect("a good statement");
    let later = (0..LETTERS).map(|_| confirmation(&confirmed())).collect::<Vec<_>>();
    for event in &later {
        world.publish(event).await;
    }
    let back = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true");
    elsewhere.batch_execute(&back).await.expect("a good statement");
    world
        .once("(SELECT count(*) FROM letter_attempts WHERE outcome = 'sent')", |count| {
            count == (LETTERS + 1).to_string()
        })
        .await;
    assert_eq!(world.dead_letters().await, "");
    assert_eq!(world.received(), (LETTERS + 1, LETTERS + 1));
}
