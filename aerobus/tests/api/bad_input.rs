//! What is wrong gets a clear answer and has no effect.

use crate::system::{RunningSystem, book, booking};
use awc::http::Method;
use serde_json::{Value, json};
use testkit::{Client, TokenIssuer};

async fn counts(client: &Client, flight: &Value) -> Value {
    let path = format!("/api/v1/flights/{}/seat-map", flight["id"].as_str().expect("an id"));
    client.get(&path).await.expect(200)["counts"].clone()
}

#[actix_web::test]
async fn bad_bookings_get_the_contracts_codes_and_leave_nothing() {
    let system = RunningSystem::start().await;
    let admin = system.administrator().await;
    let flight = system.one_flight(&admin).await;
    let ada = system.traveller("ada@aerobus.example").await;
    let before = counts(&ada, &flight).await;
    let good = booking(&flight, Some("12A"), None);

    let malformed =
        ada.send(Method::POST, "/api/v1/bookings", "application/json", Some(b"{\"segments\": [".to_vec()));
    malformed.await.expect_problem(400, "malformed_json");
    let text = ada.send(Method::POST, "/api/v1/bookings", "text/plain", Some(good.to_string().into_bytes()));
    text.await.expect_problem(415, "unsupported_media_type");
    let huge = format!("{{\"note\": \"{}\"}}", "x".repeat(300 * 1024));
    let huge = ada.send(Method::POST, "/api/v1/bookings", "application/json", Some(huge.into_bytes()));
    huge.await.expect_problem(413, "payload_too_large");

    let changed = |change: &dyn Fn(&mut Value)| {
        let mut body = good.clone();
        change(&mut body);
        body
    };
    let unknown = book(&ada, &changed(&|body| body["colour"] = json!("red"))).await;
    unknown.expect_problem(422, "validation_failed");
    assert_eq!(unknown.invalid(), ["/colour"]);

    let wrong = book(
        &ada,
        &changed(&|body| {
            body["passengers"][0]["born_on"] = json!("1985-02-30");
            body["passengers"][0]["family_name"] = json!("");
            body["contact"]["email"] = json!("not an address");
            body["segments"][0]["cabin"] = json!("roof");
        }),
    )
    .await;
    wrong.expect_problem(422, "validation_failed");
    let mut pointers = wrong.invalid();
    pointers.sort();
    let all = ["/contact/email", "/passengers/0/born_on", "/passengers/0/family_name", "/segments/0/cabin"];
    assert_eq!(pointers, all, "all errors at once");

    let no_seat = book(&ada, &changed(&|body| body["passengers"][0]["seats"] = json!(["99K"]))).await;
    no_seat.expect_problem(422, "validation_failed");
    let no_flight =
        changed(&|body| body["segments"][0]["flight_id"] = json!("01890000-0000-7000-8000-000000000000"));
    book(&ada, &no_flight).await.expect_problem(404, "not_found");
    let premium = changed(&|body| body["segments"][0]["cabin"] = json!("business"));
    assert_eq!(book(&ada, &premium).await.status.as_u16(), 422);
    let dear = changed(&|body| body["expected_total"] = json!({"amount": "0.01", "currency": "EUR"}));
    book(&ada, &dear).await.expect_problem(409, "price_changed");

    assert_eq!(counts(&ada, &flight).await, before, "nothing was kept");
    assert_eq!(ada.get("/api/v1/bookings").await.expect(200)["data"], json!([]));
    system.stop().await;
}

#[actix_web::test]
async fn bad_searches_name_their_parameters() {
    let system = RunningSystem::start().await;
    let admin = system.administrator().await;
    system.make_network(&admin, "ABC|DEF", 30).await;
    let invalid = async |query: &str| {
        let answer = system.anybody.get(&format!("/api/v1/search?{query}")).await;
        answer.expect_problem(422, "validation_failed");
        answer.invalid()
    };
    assert_eq!(invalid("origin=AAA&destination=BBB&date=2027-02-30").await, ["date"]);
    assert_eq!(invalid("origin=ZZZ&destination=BBB&date=2027-02-20").await, ["origin"]);
    assert_eq!(invalid("origin=AAA&destination=BBB&date=2027-02-20&colour=red").await, ["colour"]);
    assert_eq!(invalid("destination=BBB&date=2027-02-20").await, ["origin"]);
    system.anybody.get("/api/v1/flights/not-an-id").await.expect_problem(404, "not_found");
    system.anybody.get("/api/v1/airports/QQQ").await.expect_problem(404, "not_found");
    system.anybody.get("/api/v1/no-such-thing").await.expect_problem(404, "not_found");
    system.anybody.delete("/api/v1/search").await.expect_problem(405, "method_not_allowed");
    system.stop().await;
}

#[actix_web::test]
async fn tokens_that_are_forged_expired_or_unsigned_are_refused_by_everybody() {
    let system = RunningSystem::start().await;
    let ada = system.traveller("ada@aerobus.example").await;
    let me = ada.get("/api/v1/users/me").await.expect(200);
    let forger = TokenIssuer::new();
    let user = me["id"].as_str().unwrap().parse().unwrap();
    let forged = forger.token(user, shared::auth::Permission::ALL);
    let unsigned =
        format!("{}.{}.", "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0", forged.split('.').nth(1).unwrap());

    let gateway = format!("http://{}", system.services.gateway());
    let booking = format!("http://{}", system.services.address("booking"));
    for base in [gateway, booking] {
        for token in [forged.as_str(), unsigned.as_str(), "nonsense", ""] {
            let answer = Client::new(base.as_str()).with_token(token).get("/api/v1/bookings").await;
            answer.expect_problem(401, "unauthenticated");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    system.stop().await;
}
