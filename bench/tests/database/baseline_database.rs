//! The plain design, for a second.

use bench::{
    booking::{baseline_database::BaselineDatabase, workload::Workload},
    cluster::ServiceDatabase,
};
use testkit::TestDatabase;

#[actix_web::test]
async fn the_plain_design_books_with_the_rows_of_ours() {
    let database = TestDatabase::of("booking", booking::MIGRATIONS).await;
    let own = ServiceDatabase { config: database.config("booking") };
    let folder = tempfile::tempdir().unwrap();
    let mut baseline = BaselineDatabase::new(own.clone(), folder.path()).await.unwrap();
    for (workload, rows, status) in [(Workload::HotFlight, 13, 1), (Workload::Held, 7, 0)] {
        let before = own.rows().await.unwrap();
        let round = baseline.round(workload, 4, (1, 400), r#"{"a": "12:30:00Z"}"#).await.unwrap();
        let after = own.rows().await.unwrap();
        let booked = after["bookings"] - before["bookings"];
        assert!(booked > 0 && round.rate > 0.0);
        assert_eq!(i64::try_from(round.latencies.count()).unwrap(), booked);
        assert_eq!(after.values().sum::<i64>() - before.values().sum::<i64>(), booked * rows);
        let of_status = format!("SELECT count(*) AS number FROM bookings WHERE status = {status}");
        assert_eq!(own.number(&of_status).await.unwrap(), booked);
    }
    let left = "SELECT coalesce(sum(180 - seats_left), 0) AS number FROM flights";
    let seats = own.number("SELECT count(*) AS number FROM seats").await.unwrap();
    assert_eq!(own.number(left).await.unwrap(), seats);
}
