//! Migrations of rows that are there, while an instance of the release before writes.

use crate::fixture::{ServiceFixture, booking, eventually, paid, passenger};
use booking::MIGRATIONS;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use testkit::TestDatabase;

const QUEUE: &str =
    include_str!("../../../migrations/booking/20261122060100_queue_unsettled_payments/up.sql");
const NO_QUEUE: &str =
    include_str!("../../../migrations/booking/20261122060100_queue_unsettled_payments/down.sql");
const TICKETS_EARLY: &str =
    include_str!("../../../migrations/booking/20261122060300_draw_tickets_early/up.sql");
const TICKETS_LATE: &str =
    include_str!("../../../migrations/booking/20261122060300_draw_tickets_early/down.sql");

async fn connect(database: &TestDatabase) -> AsyncPgConnection {
    let mut connection = AsyncPgConnection::establish(&database.superuser_url()).await.unwrap();
    connection.batch_execute("SET search_path = booking; SET timezone = UTC").await.unwrap();
    connection
}

/// Runs a migration in a transaction of its own.
async fn migrate(connection: &mut AsyncPgConnection, migration: &str) {
    connection.batch_execute(&format!("BEGIN; {migration}; COMMIT")).await.unwrap();
}

/// Runs a migration while somebody else's transaction is open that has written; it is committed when the
/// migration waits for it.
async fn migrate_beside(database: &TestDatabase, migration: &'static str, write: &str) {
    let mut writer = connect(database).await;
    writer.batch_execute(&format!("BEGIN; {write}")).await.unwrap();
    let mut connection = connect(database).await;
    let migrating = actix_web::rt::spawn(async move { migrate(&mut connection, migration).await });
    let waiting = "SELECT 'waits' AS line FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("the wait for the writer", async || {
        !lines(&mut connect(database).await, waiting).await.is_empty()
    })
    .await;
    writer.batch_execute("COMMIT").await.unwrap();
    migrating.await.unwrap();
}

async fn lines(connection: &mut AsyncPgConnection, query: &str) -> Vec<String> {
    #[derive(diesel::QueryableByName)]
    struct IndexLine {
        #[diesel(sql_type = diesel::sql_types::Text)]
        line: String,
    }
    let lines: Vec<IndexLine> = diesel::sql_query(query).load(connection).await.unwrap();
    lines.into_iter().map(|one| one.line).collect()
}

#[actix_web::test]
async fn payments_of_each_former_state_are_queued_where_they_are_unsettled() {
    let database = TestDatabase::of("booking", MIGRATIONS).await;
    let mut connection = connect(&database).await;
    migrate(&mut connection, NO_QUEUE).await;
    // Started, to be captured, captured, declined, to be voided; taken in hand in as many minutes.
    let rows = "INSERT INTO payments (id, booking_id, method, amount, state, held_until, answer, created_at, attempted_at, attempts)
        SELECT lpad(n::text, 32, '0')::uuid, gen_random_uuid(), 'card', 100, n, now(), 200, '2026-11-22 10:00', timestamptz '2026-11-22 10:00' + n * interval '1 minute', n
        FROM generate_series(0, 4) AS n";
    connection.batch_execute(rows).await.unwrap();

    migrate(&mut connection, QUEUE).await;
    let payments = "SELECT concat_ws(' ', p.state, to_char(u.attempted_at, 'HH24:MI'), u.attempts) AS line
        FROM payments p LEFT JOIN unsettled_payments u ON u.payment_id = p.id ORDER BY p.id";
    assert_eq!(lines(&mut connection, payments).await, ["0 10:00 0", "1 10:01 1", "1", "3", "4 10:04 4"]);
    let captured = connection.batch_execute("UPDATE payments SET state = 2").await;
    assert!(captured.is_err(), "there is no such state any more");
    // The last one is voided meanwhile.
    connection.batch_execute("DELETE FROM unsettled_payments WHERE attempts = 4").await.unwrap();

    migrate(&mut connection, NO_QUEUE).await;
    let payments = "SELECT concat_ws(' ', state, to_char(attempted_at, 'HH24:MI'), attempts, to_char(unsettled_at, 'HH24:MI')) AS line FROM payments ORDER BY id";
    let found = lines(&mut connection, payments).await;
    assert_eq!(found, ["0 10:00 0 10:00", "1 10:01 1 10:01", "2 10:00 0", "3 10:00 0", "3 10:00 0"]);
}

#[actix_web::test]
async fn a_payment_that_is_just_being_written_is_queued_too() {
    let database = TestDatabase::of("booking", MIGRATIONS).await;
    let mut connection = connect(&database).await;
    migrate(&mut connection, NO_QUEUE).await;
    let payment = "INSERT INTO payments (id, booking_id, method, amount, state, held_until, answer, created_at, attempted_at)
        VALUES (gen_random_uuid(), gen_random_uuid(), 'card', 100, 0, now(), 201, now(), now())";
    migrate_beside(&database, QUEUE, payment).await;
    let queued = "SELECT state::text AS line FROM payments JOIN unsettled_payments ON payment_id = id";
    assert_eq!(lines(&mut connection, queued).await, ["0"]);

    // Nor is one forgotten on the way back.
    let payment =
        "INSERT INTO payments (id, booking_id, method, amount, state, held_until, answer, created_at)
        VALUES (gen_random_uuid(), gen_random_uuid(), 'card', 200, 1, now(), 201, now());
        INSERT INTO unsettled_payments SELECT id, now() FROM payments WHERE amount = 200";
    migrate_beside(&database, NO_QUEUE, payment).await;
    let unsettled = "SELECT state::text AS line FROM payments WHERE unsettled_at IS NOT NULL ORDER BY amount";
    assert_eq!(lines(&mut connection, unsettled).await, ["0", "1"]);
}

#[actix_web::test]
async fn holds_get_their_tickets_and_issued_tickets_stay() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let body = |name: &str| booking(flight.id, &[passenger("ADT", name, None)]);
    for (name, pays) in [("Ada", true), ("Edith", false), ("Grace", false)] {
        let body = if pays { paid(body(name), "tok_visa") } else { body(name) };
        fixture.customer().post("/api/v1/bookings", &body).await.expect(201);
    }
    let fixture = fixture.stop_instances().await;
    let mut connection = connect(&fixture.database).await;
    let tickets =
        "SELECT concat_ws(' ', given_name, ticket_number) AS line FROM passengers ORDER BY given_name";
    let before = lines(&mut connection, tickets).await;

    migrate(&mut connection, TICKETS_LATE).await;
    assert_eq!(lines(&mut connection, tickets).await, [before[0].as_str(), "Edith", "Grace"]);
    // As the release before does it, in the transaction of a confirmation.
    let issue = "UPDATE passengers SET ticket_number = 9990000000001 WHERE given_name = 'Grace';
        UPDATE bookings SET status = 1, payment_status = 2, confirmed_at = now()
        WHERE id = (SELECT booking_id FROM passengers WHERE given_name = 'Grace')";
    migrate_beside(&fixture.database, TICKETS_EARLY, issue).await;
    let after = lines(&mut connection, tickets).await;
    assert_eq!((after[0].as_str(), after[2].as_str()), (before[0].as_str(), "Grace 9990000000001"));
    assert!(
        after[1].starts_with("Edith 997") && !before.contains(&after[1]),
        "a number of her own: {after:?}"
    );

    migrate(&mut connection, TICKETS_LATE).await;
    assert_eq!(lines(&mut connection, tickets).await, [after[0].as_str(), "Edith", after[2].as_str()]);
    fixture.stop().await;
}
