//! A start without the mailer.

use crate::system::{RunningSystem, book, booking};
use diesel::{prelude::QueryableByName, sql_types::BigInt};
use diesel_async::RunQueryDsl;

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[actix_web::test]
async fn without_the_mailer_bookings_are_made_and_no_event_waits_for_it() {
    let system = RunningSystem::with(None, false).await;
    assert!(system.services.addresses.iter().all(|(service, _)| *service != "mailer"));
    let admin = system.administrator().await;
    let flight = system.one_flight(&admin).await;
    let booked = book(&admin, &booking(&flight, None, Some("tok_visa"))).await.expect(201);
    assert_eq!(booked["status"], "confirmed");
    // The gateway knows where the mailer would be, and that it is not there.
    let _ = admin.get("/api/v1/admin/mail/dead-letters").await.expect(503);

    let RunningSystem { services, database, .. } = system;
    services.stop().await;
    let waiting = diesel::sql_query("SELECT count(*) AS count FROM outbox");
    let mut connection = database.config("booking").connect().await.unwrap();
    let waiting: CountRow = waiting.get_result(&mut connection).await.unwrap();
    assert_eq!(waiting.count, 0);
}
