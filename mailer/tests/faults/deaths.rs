//! The mailer is killed by SIGKILL between each pair of its steps, and another one takes over. No letter is lost. Only
//! the death between the server's acceptance and its record makes a second copy, with the same Message-ID.

use crate::{
    bookings::{confirmation, confirmed},
    fault_world::{DEADLINE, FaultWorld},
    mailer_process::MailerProcess,
};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use testkit::{BrokerProxy, SmtpBehaviour, SmtpFault, SmtpPhase, UnansweredPort};

/// Keeps others from a table, until it is dropped.
struct LockedTable(AsyncPgConnection);

impl LockedTable {
    async fn lock(world: &FaultWorld, table: &str) -> Self {
        let mut connection = world.connection().await;
        let lock = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        connection.batch_execute(&lock).await.expect("a good statement");
        Self(connection)
    }
}

/// The statements of the mailer that wait for a lock and hold this text.
fn waiting(statement: &str) -> String {
    format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
         AND wait_event_type = 'Lock' AND query LIKE '%INSERT INTO {statement}%'"
    )
}

/// Kills a mailer whose statements wait for a lock, and then its sessions: a server would else go on with what a dead
/// client has asked for.
async fn kill_with_sessions(world: &FaultWorld, mailer: MailerProcess, mut locked: LockedTable) {
    mailer.kill();
    let sessions = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    world.sql(&format!("SELECT pg_terminate_backend(pid) {sessions}")).await;
    world.once(&format!("SELECT count(*) {sessions}"), |count| count == "0").await;
    locked.0.batch_execute("ROLLBACK").await.expect("a good statement");
}

#[actix_web::test]
async fn before_storing() {
    let world = FaultWorld::new().await;
    let locked = LockedTable::lock(&world, "letters").await;
    let mailer = world.start();
    world.publish(&confirmation(&confirmed())).await;
    world.once(&waiting("letters"), |count| count == "1").await;
    kill_with_sessions(&world, mailer, locked).await;
    world.letters_are("").await;
    let _next = world.start();
    world.letters_are("booking_confirmed sent: sent 250").await;
    assert_eq!(world.received(), (1, 1));
}

#[actix_web::test]
async fn after_storing_before_the_acknowledgement() {
    let mut world = FaultWorld::new().await;
    let proxy = BrokerProxy::start(true).await;
    world.set("MAILER_AMQP_URL", proxy.url());
    let mailer = world.start();
    world.publish(&confirmation(&confirmed())).await;
    world.letters_are("booking_confirmed sent: sent 250").await;
    proxy.stall_clients();
    world.publish(&confirmation(&confirmed())).await;
    let both = "booking_confirmed sent: sent 250; booking_confirmed sent: sent 250";
    world.letters_are(both).await;
    mailer.kill();
    // The acknowledgement dies with its connection: the broker gives the event out again.
    proxy.cut();
    proxy.open();
    let _next = world.start();
    // It stands before this one in the queue.
    world.publish(&confirmation(&confirmed())).await;
    world.letters_are(&format!("{both}; booking_confirmed sent: sent 250")).await;
    assert_eq!(world.received(), (3, 3));
}

#[actix_web::test]
async fn after_the_claim_before_the_connection() {
    let mut world = FaultWorld::new().await;
    let port = UnansweredPort::start().await;
    world.set("MAILER_SMTP_URL", port.url());
    let mailer = world.start();
    world.publish(&confirmation(&confirmed())).await;
    world.letters_are("booking_confirmed sending:").await;
    mailer.kill();
    world.set("MAILER_SMTP_URL", world.sink.url());
    let _next = world.start();
    world.end_leases().await;
    world.letters_are("booking_confirmed sent: sent 250").await;
    assert_eq!(world.received(), (1, 1));
}

/// A mailer dies while the server is at a point of a session.
async fn at(phase: SmtpPhase) -> FaultWorld {
    let world = FaultWorld::new().await;
    world.sink.behave(SmtpBehaviour::At(phase, SmtpFault::Hang));
    let mailer = world.start();
    world.publish(&confirmation(&confirmed())).await;
    world.sink.met(1, DEADLINE).await;
    world.letters_are("booking_confirmed sending:").await;
    mailer.kill();
    // What hangs must not go on with a mail that nobody waits for any more.
    world.sink.stop();
    world.sink.behave(SmtpBehaviour::Accept);
    world.sink.start_again();
    let next = world.start();
    world.end_leases().await;
    world.letters_are("booking_confirmed sent: sent 250").await;
    next.kill();
    world
}

#[actix_web::test]
async fn at_the_greeting() {
    assert_eq!(at(SmtpPhase::Greeting).await.received(), (1, 1));
}

#[actix_web::test]
async fn after_mail() {
    assert_eq!(at(SmtpPhase::Rcpt).await.received(), (1, 1));
}

#[actix_web::test]
async fn in_data() {
    assert_eq!(at(SmtpPhase::Body).await.received(), (1, 1));
}

#[actix_web::test]
async fn after_the_end_of_data_before_acceptance() {
    assert_eq!(at(SmtpPhase::End).await.received(), (1, 1));
}

#[actix_web::test]
async fn after_acceptance_before_its_answer() {
    assert_eq!(at(SmtpPhase::Kept).await.received(), (2, 1));
}

#[actix_web::test]
async fn after_acceptance_before_the_record() {
    let world = FaultWorld::new().await;
    let locked = LockedTable::lock(&world, "letter_attempts").await;
    let mailer = world.start();
    world.publish(&confirmation(&confirmed())).await;
    world.once(&waiting("letter_attempts"), |count| count == "1").await;
    assert_eq!(world.received(), (1, 1));
    kill_with_sessions(&world, mailer, locked).await;
    world.letters_are("booking_confirmed sending:").await;
    let _next = world.start();
    world.end_leases().await;
    world.letters_are("booking_confirmed sent: sent 250").await;
    assert_eq!(world.received(), (2, 1), "a second copy, under the same Message-ID");
}

#[actix_web::test]
async fn after_the_record() {
    let world = FaultWorld::new().await;
    let mailer = world.start();
    world.publish(&confirmation(&confirmed())).await;
    world.letters_are("booking_confirmed sent: sent 250").await;
    mailer.kill();
    let _next = world.start();
    world.publish(&confirmation(&confirmed())).await;
    world.letters_are("booking_confirmed sent: sent 250; booking_confirmed sent: sent 250").await;
    assert_eq!(world.received(), (2, 2));
}
