//! Acts that are not committed after booking has withdrawn the flight.

use crate::{
    service::Service,
    world::{body, day},
};
use diesel::sql_types::{BigInt, Bool};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use flight::store::withdrawals;
use serde_json::{Value, json};
use shared::{
    events::{EventType, FlightState},
    ids::FlightId,
};

#[derive(diesel::QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(diesel::QueryableByName)]
struct Ended {
    #[diesel(sql_type = Bool)]
    ended: bool,
}

async fn morning(service: &Service) -> Value {
    let date = day(30);
    service.make(&body("AE100", "LHR", &format!("{date}T10:00"), &format!("{date}T12:15"), "G-AERA")).await
}

async fn notes(service: &Service) -> i64 {
    let counted: Number = diesel::sql_query("SELECT count(*) AS number FROM withdrawals")
        .get_result(&mut service.connect().await)
        .await
        .expect("a number");
    counted.number
}

/// Makes notes so old that no act can be behind them.
async fn age_notes(service: &Service) {
    let age = "UPDATE withdrawals SET noted_at = now() - interval '1 minute'";
    diesel::sql_query(age).execute(&mut service.connect().await).await.expect("older notes");
}

/// Ends the connection of the act that is asking booking, as the death of its process does.
async fn end_its_connection(service: &Service) {
    let ended: Vec<Ended> = diesel::sql_query(
        "SELECT pg_terminate_backend(pid, 20000) AS ended FROM pg_locks \
         WHERE relation = 'withdrawals'::regclass AND pid <> pg_backend_pid() \
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    .load(&mut service.connect().await)
    .await
    .expect("the connection");
    assert_eq!(ended.iter().map(|one| one.ended).collect::<Vec<_>>(), [true]);
}

#[actix_web::test]
async fn a_flight_is_sold_again_whose_disruption_died_with_its_process() {
    let service = Service::start().await;
    let mut heard = service.listen().await;
    let made = morning(&service).await;
    assert_eq!(heard.recv().await.map(|event| event.version), Some(1));
    let id = made["id"].as_str().expect("an id");
    let acts = [("cancel", json!({"reason": "strike"})), ("equipment", json!({"airplane": "G-AERB"}))];
    for (version, (act, body)) in (2..).zip(acts) {
        let stalled = service.booking.stall().await;
        let (operator, path) = (service.operator.clone(), format!("/api/v1/admin/flights/{id}/{act}"));
        let acting = actix_web::rt::spawn(async move { operator.post(&path, &body).await });
        service.booking.asked_to_withdraw.notified().await;
        end_its_connection(&service).await;
        // What the process had done is undone, and nothing tells booking, until another one starts.
        assert_eq!(notes(&service).await, 1, "{act}");
        age_notes(&service).await;
        let _another = service.another().await;
        let event = heard.recv().await.expect("an event");
        let state: FlightState = event.data().expect("a state");
        assert_eq!((event.kind, event.version), (EventType::FlightChanged, version), "{act}");
        assert_eq!((state.airplane.as_str(), state.reason), ("G-AERA", None), "{act}");
        assert_eq!(notes(&service).await, 0, "{act}");
        // Had the process lived after all, it would find that others have seen to the flight.
        drop(stalled);
        let refused = acting.await.expect("an answer");
        assert!(refused.status.is_server_error(), "{}", refused.json);
        let shown = service.anybody.get(&format!("/api/v1/flights/{id}")).await.expect(200);
        assert_eq!((&shown["status"], &shown["version"]), (&json!("scheduled"), &json!(version)), "{act}");
    }
}

#[actix_web::test]
async fn an_act_that_fails_leaves_the_withdrawal_of_another_act_alone() {
    let service = Service::start().await;
    let made = morning(&service).await;
    let id = made["id"].as_str().expect("an id");
    let act = |act: &str, body: Value| {
        let (operator, path) = (service.operator.clone(), format!("/api/v1/admin/flights/{id}/{act}"));
        actix_web::rt::spawn(async move { operator.post(&path, &body).await })
    };
    let stalled = service.booking.stall().await;
    service.booking.set_withdrawal(None);
    let failing = act("cancel", json!({"reason": "strike"}));
    service.booking.asked_to_withdraw.notified().await;
    let other = act("equipment", json!({"airplane": "G-AERB"}));
    service.blocked().await;
    // The first act gets no answer; the second one asks while the first gives up.
    let mut next = std::pin::pin!(service.booking.stall());
    assert!(futures_util::poll!(&mut next).is_pending());
    drop(stalled);
    let stalled = next.await;
    service.booking.set_withdrawal(Some(json!({"outcome": "withdrawn", "was_on_sale": true})));
    service.booking.asked_to_withdraw.notified().await;
    drop(stalled);
    let changed = other.await.expect("an answer").expect(200);
    assert_eq!((&changed["airplane"], &changed["version"]), (&json!("G-AERB"), &json!(2)));
    failing.await.expect("an answer").expect_problem(503, "upstream_unavailable");
    // Nothing was told between the withdrawal and the commit of the second act; then its flight, and once more.
    let asked = service.booking.asked();
    let asked: Vec<_> =
        asked.iter().map(|(act, body)| (act.as_str(), body["flight"]["version"].as_i64().unwrap())).collect();
    assert_eq!(asked[..2], [("withdraw", 1), ("withdraw", 1)]);
    let mut told = asked[2..].to_vec();
    told.sort_unstable();
    assert_eq!(told, [("follow", 2), ("follow", 3)]);
    let shown = service.anybody.get(&format!("/api/v1/flights/{id}")).await.expect(200);
    assert_eq!((&shown["airplane"], &shown["status"]), (&json!("G-AERB"), &json!("scheduled")));
    assert_eq!(notes(&service).await, 0);
}

#[actix_web::test]
async fn a_flight_is_sold_again_whose_deletion_failed_after_its_closing() {
    let service = Service::start().await;
    let made = morning(&service).await;
    let id = made["id"].as_str().expect("an id");
    // Another request has the row, so the deletion waits behind its closing.
    let mut other = service.connect().await;
    diesel_async::SimpleAsyncConnection::batch_execute(
        &mut other,
        &format!("BEGIN; SELECT 1 FROM flights WHERE id = '{id}' FOR UPDATE"),
    )
    .await
    .expect("the row");
    let (operator, path) = (service.operator.clone(), format!("/api/v1/admin/flights/{id}"));
    let deleting = actix_web::rt::spawn(async move { operator.delete(&path).await });
    service.blocked().await;
    end_its_connection(&service).await;
    diesel_async::SimpleAsyncConnection::batch_execute(&mut other, "COMMIT").await.expect("a commit");
    let failed = deleting.await.expect("an answer");
    assert!(failed.status.is_server_error(), "{}", failed.json);
    // The process lives, so it has seen to the flight itself.
    let shown = service.anybody.get(&format!("/api/v1/flights/{id}")).await.expect(200);
    assert_eq!((&shown["version"], notes(&service).await), (&json!(2), 0));
    service.operator.delete(&format!("/api/v1/admin/flights/{id}")).await.expect(204);
    assert_eq!(notes(&service).await, 0);
}

#[actix_web::test]
async fn the_note_of_an_act_under_way_is_left_alone() {
    let service = Service::start().await;
    let made = morning(&service).await;
    let flight: FlightId = made["id"].as_str().expect("an id").parse().expect("an id");
    let (mut acting, mut looking) = (service.connect().await, service.connect().await);
    let note = withdrawals::note(&mut acting, flight).await.expect("a note");
    assert_eq!(withdrawals::left(&mut looking, 10).await.expect("the notes"), [], "it asks booking now");
    age_notes(&service).await;
    let undone = acting
        .transaction::<(), diesel::result::Error, _>(async |connection: &mut AsyncPgConnection| {
            assert!(withdrawals::delete(connection, note).await?);
            assert_eq!(withdrawals::left(&mut looking, 10).await?, []);
            Err(diesel::result::Error::RollbackTransaction)
        })
        .await;
    assert!(undone.is_err());
    assert_eq!(withdrawals::left(&mut looking, 10).await.expect("the notes"), [note]);
    let restored = withdrawals::restore(&mut acting, &[note]).await.expect("flights");
    assert_eq!(restored.iter().map(|flight| flight.version).collect::<Vec<_>>(), [2]);
    assert_eq!(withdrawals::restore(&mut acting, &[note]).await.expect("flights"), [], "once");
    assert!(!withdrawals::delete(&mut acting, note).await.expect("an answer"));
    // A cancelled flight is not sold anyway, and another act may have cancelled it.
    let path = format!("/api/v1/admin/flights/{flight}/cancel");
    service.operator.post(&path, &json!({"reason": "strike"})).await.expect(200);
    let note = withdrawals::note(&mut acting, flight).await.expect("a note");
    assert_eq!(withdrawals::restore(&mut acting, &[note]).await.expect("flights"), []);
    assert_eq!(notes(&service).await, 0);
}
