//! Migrations of rows that are there.

use booking::MIGRATIONS;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use testkit::TestDatabase;

const UP: &str = include_str!("../../../migrations/booking/20261122060100_queue_unsettled_payments/up.sql");
const DOWN: &str =
    include_str!("../../../migrations/booking/20261122060100_queue_unsettled_payments/down.sql");

async fn lines(connection: &mut AsyncPgConnection, query: &str) -> Vec<String> {
    #[derive(diesel::QueryableByName)]
    struct Line {
        #[diesel(sql_type = diesel::sql_types::Text)]
        line: String,
    }
    let lines: Vec<Line> = diesel::sql_query(query).load(connection).await.unwrap();
    lines.into_iter().map(|one| one.line).collect()
}

#[actix_web::test]
async fn payments_of_each_former_state_are_queued_where_they_are_unsettled() {
    let database = TestDatabase::of("booking", MIGRATIONS).await;
    let mut connection = AsyncPgConnection::establish(&database.superuser_url()).await.unwrap();
    connection.batch_execute("SET search_path = booking; SET timezone = UTC").await.unwrap();
    connection.batch_execute(DOWN).await.unwrap();
    // Started, to be captured, captured, declined, to be voided; taken in hand in as many minutes.
    let rows = "INSERT INTO payments (id, booking_id, method, amount, state, held_until, answer, created_at, attempted_at, attempts)
        SELECT lpad(n::text, 32, '0')::uuid, gen_random_uuid(), 'card', 100, n, now(), 200, '2026-11-22 10:00', timestamptz '2026-11-22 10:00' + n * interval '1 minute', n
        FROM generate_series(0, 4) AS n";
    connection.batch_execute(rows).await.unwrap();

    connection.batch_execute(UP).await.unwrap();
    let payments = "SELECT concat_ws(' ', p.state, to_char(u.attempted_at, 'HH24:MI'), u.attempts) AS line
        FROM payments p LEFT JOIN unsettled_payments u ON u.payment_id = p.id ORDER BY p.id";
    assert_eq!(lines(&mut connection, payments).await, ["0 10:00 0", "1 10:01 1", "1", "3", "4 10:04 4"]);
    let captured = connection.batch_execute("UPDATE payments SET state = 2").await;
    assert!(captured.is_err(), "there is no such state any more");
    // The last one is voided meanwhile.
    connection.batch_execute("DELETE FROM unsettled_payments WHERE attempts = 4").await.unwrap();

    connection.batch_execute(DOWN).await.unwrap();
    let payments = "SELECT concat_ws(' ', state, to_char(attempted_at, 'HH24:MI'), attempts, to_char(unsettled_at, 'HH24:MI')) AS line FROM payments ORDER BY id";
    let found = lines(&mut connection, payments).await;
    assert_eq!(found, ["0 10:00 0 10:00", "1 10:01 1 10:01", "2 10:00 0", "3 10:00 0", "3 10:00 0"]);
}
