//! Who may do what: owners, staff, guests with a locator, forged tokens; lists and pages.

use crate::fixture::{ServiceFixture, booking, name, passenger};
use serde_json::{Value, json};
use shared::{
    auth::{Permission, SERVICE_TOKEN},
    ids::UserId,
};

#[actix_web::test]
async fn anothers_booking_is_not_there() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let owner = fixture.customer();
    let held = owner
        .post("/api/v1/bookings", &booking(flight.id, &[passenger("ADT", "Ada", None)]))
        .await
        .expect(201);
    let path = format!("/api/v1/bookings/{}", held["id"].as_str().unwrap());
    let (pay, none) = (json!({"method": "card", "token": "tok_visa"}), json!({}));
    let stranger = fixture.customer();
    stranger.get(&path).await.expect_problem(404, "not_found");
    stranger.post(&format!("{path}/payments"), &pay).await.expect_problem(404, "not_found");
    stranger.post(&format!("{path}/cancel"), &none).await.expect_problem(404, "not_found");
    assert_eq!(stranger.get("/api/v1/bookings").await.expect(200)["data"], json!([]));
    let reader = fixture.user(0, UserId::new(), &[Permission::BookingReadAny]);
    assert_eq!(reader.get(&path).await.expect(200), held);
    reader.post(&format!("{path}/cancel"), &none).await.expect_problem(403, "forbidden");
    let agent = fixture.user(0, UserId::new(), &[Permission::BookingReadAny, Permission::BookingWriteAny]);
    agent.post(&format!("{path}/cancel"), &none).await.expect(200);
    owner.get("/api/v1/bookings/zebra").await.expect_problem(404, "not_found");
    fixture.stop().await;
}

#[actix_web::test]
async fn only_good_tokens_are_taken() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let body = booking(flight.id, &[passenger("ADT", "Ada", None)]);
    let guest = fixture.guest(0);
    let none = guest.post("/api/v1/bookings", &body).await;
    none.expect_problem(401, "unauthenticated");
    assert_eq!(none.header("www-authenticate"), "Bearer");
    let mut claims = fixture.issuer.claims(UserId::new(), &[]);
    claims.exp = chrono::Utc::now().timestamp() - 60;
    let expired = fixture.issuer.sign(&claims);
    let forged = testkit::TokenIssuer::new().token(UserId::new(), &[]);
    // {"alg":"none","typ":"at+jwt"} and the claims of a good token.
    let good = fixture.issuer.token(UserId::new(), &[]);
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{}.", good.split('.').nth(1).unwrap());
    for (token, code) in [
        (expired.as_str(), "token_expired"),
        (&forged, "unauthenticated"),
        (&unsigned, "unauthenticated"),
        ("nonsense", "unauthenticated"),
    ] {
        let client = guest.with_token(token);
        client.post("/api/v1/bookings", &body).await.expect_problem(401, code);
        client.get("/api/v1/bookings").await.expect_problem(401, code);
        client.get(&format!("/api/v1/bookings/{}", flight.id)).await.expect_problem(401, code);
    }
    assert_eq!(fixture.count("bookings").await, 0);
    fixture.stop().await;
}

#[actix_web::test]
async fn a_locator_and_a_name_open_one_booking_for_reading() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let owner = fixture.customer();
    let make = async |who: &str| {
        owner.post("/api/v1/bookings", &booking(flight.id, &[passenger("ADT", who, None)])).await.expect(201)
    };
    let (held, other) = (make("Ada").await, make("Grace").await);
    let guest = fixture.guest(0);
    let ask = |locator: &str, name: &str| json!({"locator": locator, "family_name": name});
    let locator = held["locator"].as_str().unwrap();
    let found =
        guest.post("/api/v1/bookings/lookup", &ask(&locator.to_lowercase(), "LOVELACE")).await.expect(200);
    assert_eq!(found["booking"]["id"], held["id"]);
    assert_eq!(
        (&found["booking"]["contact"], &found["booking"]["passengers"][0]["born_on"]),
        (&Value::Null, &Value::Null)
    );
    assert!(found["expires_in"].as_i64().unwrap() > 0);

    let opened = guest.with_token(found["access_token"].as_str().unwrap());
    let path = |booking: &Value| format!("/api/v1/bookings/{}", booking["id"].as_str().unwrap());
    assert_eq!(opened.get(&path(&held)).await.expect(200), found["booking"]);
    opened.get(&path(&other)).await.expect_problem(404, "not_found");
    opened.get("/api/v1/bookings").await.expect_problem(401, "unauthenticated");
    opened.post(&format!("{}/cancel", path(&held)), &json!({})).await.expect_problem(401, "unauthenticated");
    opened
        .post(&format!("/internal/flights/{}/close", flight.id), &json!({}))
        .await
        .expect_problem(401, "unauthenticated");
    // A token of the services opens no booking.
    fixture.service().get(&path(&held)).await.expect_problem(401, "unauthenticated");

    let unknown = guest.post("/api/v1/bookings/lookup", &ask("ZZZZZZ", "Lovelace")).await;
    let wrong = guest.post("/api/v1/bookings/lookup", &ask(locator, "Hopper")).await;
    for answer in [&unknown, &wrong] {
        answer.expect_problem(404, "not_found");
    }
    assert_eq!(
        (&unknown.json["detail"], &unknown.json["title"]),
        (&wrong.json["detail"], &wrong.json["title"])
    );
    fixture.stop().await;
}

#[actix_web::test]
async fn guessing_names_is_limited() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let held = fixture
        .customer()
        .post("/api/v1/bookings", &booking(flight.id, &[passenger("ADT", "Ada", None)]))
        .await
        .expect(201);
    let ask = |name: &str| json!({"locator": held["locator"], "family_name": name});
    let guest = fixture.guest(0).by_gateway("198.51.100.7");
    for _ in 0..10 {
        guest.post("/api/v1/bookings/lookup", &ask("Hopper")).await.expect_problem(404, "not_found");
    }
    let limited = guest.post("/api/v1/bookings/lookup", &ask("Lovelace")).await;
    limited.expect_problem(429, "rate_limited");
    assert!(!limited.header("retry-after").is_empty() && !limited.header("ratelimit-policy").is_empty());
    // Another address is not to blame.
    let other = fixture.guest(0).by_gateway("198.51.100.8");
    other.post("/api/v1/bookings/lookup", &ask("Lovelace")).await.expect(200);
    // Load tests are not limited; a bad token changes nothing.
    let exempt = fixture.user(0, UserId::new(), &[Permission::LimitsExempt]).by_gateway("198.51.100.7");
    exempt.post("/api/v1/bookings/lookup", &ask("Lovelace")).await.expect(200);
    let forged = guest.with_token("nonsense").post("/api/v1/bookings/lookup", &ask("Lovelace")).await;
    forged.expect_problem(429, "rate_limited");
    fixture.stop().await;
}

#[actix_web::test]
async fn only_the_gateway_says_from_where_a_client_comes() {
    let fixture = ServiceFixture::new().await;
    let ask = json!({"locator": "ZZZZZZ", "family_name": "Lovelace"});
    // Without the gateway's token an invented address counts for nothing: all of these come from one.
    for number in 1..=11 {
        let address = format!("198.51.100.{number}");
        let guest = fixture.guest(0).with_header("x-forwarded-for", &address);
        let forged = guest.with_header(SERVICE_TOKEN.as_str(), "forged");
        let answer = if number % 2 == 0 { forged } else { guest }.post("/api/v1/bookings/lookup", &ask).await;
        let (status, code) = if number <= 10 { (404, "not_found") } else { (429, "rate_limited") };
        answer.expect_problem(status, code);
    }
    fixture.guest(0).post("/api/v1/bookings/lookup", &ask).await.expect_problem(429, "rate_limited");
    let passed_on = fixture.guest(0).by_gateway("198.51.100.1");
    passed_on.post("/api/v1/bookings/lookup", &ask).await.expect_problem(404, "not_found");
    fixture.stop().await;
}

#[actix_web::test]
async fn guessing_locators_is_limited_by_network() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let held = fixture
        .customer()
        .post("/api/v1/bookings", &booking(flight.id, &[passenger("ADT", "Ada", None)]))
        .await
        .expect(201);
    let from = async |address: &str, locator: &str, name: &str| {
        let guest = fixture.guest(0).by_gateway(address);
        guest.post("/api/v1/bookings/lookup", &json!({"locator": locator, "family_name": name})).await
    };
    let locator = held["locator"].as_str().unwrap();
    for host in 1..=10 {
        from(&format!("2001:db8::{host}"), locator, "Hopper").await.expect_problem(404, "not_found");
    }
    let limited = from("2001:db8::ffff", locator, "Lovelace").await;
    limited.expect_problem(429, "rate_limited");
    assert_eq!(limited.header("ratelimit-policy"), "\"lookup\";q=10;w=3600");
    // Whatever is no locator counts as well, and so does one that no booking has.
    for number in 0..90 {
        let guess = if number % 2 == 0 { "junk" } else { "ZZZZZ2" };
        let answer = from("2001:db8::1", guess, "Lovelace").await;
        assert!(answer.status == 404 || answer.status == 429, "{}", answer.status);
    }
    for _ in 0..100 {
        from("2001:db8::2", "junk", "Lovelace").await;
    }
    let limited = from("2001:db8::3", "ZZZZZ3", "Lovelace").await;
    limited.expect_problem(429, "rate_limited");
    assert_eq!(limited.header("ratelimit-policy"), "\"lookups\";q=100;w=3600");
    from("2001:db8:0:1::1", locator, "Lovelace").await.expect(200);
    fixture.stop().await;
}

#[actix_web::test]
async fn own_bookings_come_newest_first_in_pages() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let mut made = Vec::new();
    for number in 0..5 {
        let body = booking(flight.id, &[passenger("ADT", &name(number), None)]);
        made.push(client.post("/api/v1/bookings", &body).await.expect(201)["id"].clone());
    }
    made.reverse();
    let mut read = Vec::new();
    let mut path = "/api/v1/bookings?limit=2".to_owned();
    loop {
        let page = client.get(&path).await.expect(200);
        read.extend(page["data"].as_array().unwrap().iter().map(|one| one["id"].clone()));
        match page["page"]["next"].as_str() {
            Some(next) => path = format!("/api/v1/bookings?limit=2&after={next}"),
            None => break,
        }
        assert!(read.len() < 10, "a list ends");
    }
    assert_eq!(read, made);
    // A cursor belongs to its list.
    let cursor =
        client.get("/api/v1/bookings?limit=2").await.json["page"]["next"].as_str().unwrap().to_owned();
    for path in [
        format!("?status=held&after={cursor}"),
        "?after=x".into(),
        "?status=lost".into(),
        "?limit=0".into(),
        "?page=2".into(),
    ] {
        client.get(&format!("/api/v1/bookings{path}")).await.expect_problem(422, "validation_failed");
    }
    fixture
        .customer()
        .get(&format!("/api/v1/bookings?after={cursor}"))
        .await
        .expect_problem(422, "validation_failed");
    let one = format!("/api/v1/bookings/{}", made[0].as_str().unwrap());
    let tag = client.get(&one).await.header("etag").to_owned();
    assert_eq!(client.with_header("if-none-match", &tag).get(&one).await.status.as_u16(), 304);
    fixture.stop().await;
}
