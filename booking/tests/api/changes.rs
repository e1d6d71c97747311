//! What travellers change: seats, contact, names; and quotes.

use crate::fixture::{ServiceFixture, booking, paid, passenger, status_of};
use serde_json::{Value, json};
use shared::{auth::Permission, ids::UserId};
use testkit::Client;

/// A confirmed booking of two adults on 4A and 4B.
async fn pair(fixture: &ServiceFixture, client: &Client) -> (Value, String) {
    let flight = fixture.flight(30).await;
    let party = [passenger("ADT", "Ada", Some("4A")), passenger("ADT", "Grace", Some("4B"))];
    let bought =
        client.post("/api/v1/bookings", &paid(booking(flight.id, &party), "tok_visa")).await.expect(201);
    let path = format!("/api/v1/bookings/{}", bought["id"].as_str().unwrap());
    (bought, path)
}

fn change(bought: &Value, passenger: usize, seat: &str) -> Value {
    json!({
        "passenger_id": bought["passengers"][passenger]["id"],
        "flight_id": bought["segments"][0]["flight_id"],
        "designator": seat,
    })
}

fn seats(booking: &Value) -> Vec<String> {
    let passengers = booking["passengers"].as_array().unwrap().iter();
    passengers.map(|one| one["seats"][0]["designator"].as_str().unwrap().to_owned()).collect()
}

async fn map(fixture: &ServiceFixture, bought: &Value) -> Value {
    let flight = bought["segments"][0]["flight_id"].as_str().unwrap();
    fixture.guest(0).get(&format!("/api/v1/flights/{flight}/seat-map")).await.expect(200)
}

#[actix_web::test]
async fn seats_are_changed_all_or_none() {
    let fixture = ServiceFixture::new().await;
    let client = fixture.customer();
    let (bought, path) = pair(&fixture, &client).await;
    let seats_path = format!("{path}/seats");
    let body = json!({"changes": [change(&bought, 0, "5A"), change(&bought, 1, "5B")]});
    let moved = client.patch(&seats_path, &body).await.expect(200);
    assert_eq!(seats(&moved), ["5A", "5B"]);
    assert_eq!(
        (&moved["status"], &moved["version"]),
        (&json!("confirmed"), &json!(bought["version"].as_i64().unwrap() + 1))
    );
    let shown = map(&fixture, &bought).await;
    assert_eq!(
        ["4A", "4B", "5A", "5B"].map(|seat| status_of(&shown, seat)),
        ["available", "available", "sold", "sold"]
    );
    assert_eq!(fixture.count("seats WHERE sold").await, 2);
    assert_eq!(fixture.count("events WHERE kind = 'booking.changed'").await, 1);

    // Somebody else takes one of the wanted seats: nobody moves.
    let flight = bought["segments"][0]["flight_id"].clone();
    let other = json!({
        "segments": [{"flight_id": flight, "cabin": "economy", "brand": "standard"}],
        "passengers": [passenger("ADT", "Mary", Some("6A"))],
        "contact": {"email": "mary@example.org"},
    });
    fixture.customer().post("/api/v1/bookings", &other).await.expect(201);
    let body = json!({"changes": [change(&bought, 0, "6B"), change(&bought, 1, "6A")]});
    let refused = client.patch(&seats_path, &body).await;
    refused.expect_problem(409, "seat_taken");
    assert_eq!(refused.json["seats"], json!([{"flight_id": flight, "designator": "6A"}]));
    assert_eq!(status_of(&map(&fixture, &bought).await, "6B"), "available");

    // The two change places; then nothing is left to do.
    let swap = json!({"changes": [change(&bought, 0, "5B"), change(&bought, 1, "5A")]});
    let swapped = client.patch(&seats_path, &swap).await.expect(200);
    assert_eq!(seats(&swapped), ["5B", "5A"]);
    let again = client.patch(&seats_path, &swap).await.expect(200);
    assert_eq!(again["version"], swapped["version"], "nothing has changed");
    assert_eq!(fixture.count("seats WHERE sold").await, 2);
    fixture.stop().await;
}

#[actix_web::test]
async fn all_errors_of_a_seat_change_are_reported_at_once() {
    let fixture = ServiceFixture::new().await;
    let client = fixture.customer();
    let (bought, path) = pair(&fixture, &client).await;
    let path = format!("{path}/seats");
    let stranger = json!({"passenger_id": UserId::new(), "flight_id": UserId::new(), "designator": "7A"});
    let body = json!({"changes": [stranger, change(&bought, 0, "4B"), change(&bought, 0, "7C")]});
    let wrong = client.patch(&path, &body).await.invalid();
    assert_eq!(
        wrong,
        [
            "/changes/0/passenger_id",
            "/changes/0/flight_id",
            "/changes/2/passenger_id",
            "/changes/1/designator"
        ]
    );
    let unknown = json!({"changes": [change(&bought, 0, "99A")]});
    assert_eq!(client.patch(&path, &unknown).await.invalid(), ["/changes/0/designator"]);
    let both = json!({"changes": [change(&bought, 0, "99A"), change(&bought, 0, "7C")]});
    let wrong = client.patch(&path, &both).await.invalid();
    assert_eq!(wrong, ["/changes/1/passenger_id", "/changes/0/designator"]);
    for seat in ["1A", "12F"] {
        let body = json!({"changes": [change(&bought, 0, seat)]});
        client.patch(&path, &body).await.expect_problem(422, "seat_not_allowed");
    }
    assert_eq!(client.patch(&path, &json!({"changes": []})).await.invalid(), ["/changes"]);
    let stranger = fixture.customer();
    let body = json!({"changes": [change(&bought, 0, "7A")]});
    stranger.patch(&path, &body).await.expect_problem(404, "not_found");
    let agent = fixture.user(0, UserId::new(), &[Permission::BookingReadAny, Permission::BookingWriteAny]);
    agent.patch(&path, &body).await.expect(200);
    fixture.stop().await;
}

#[actix_web::test]
async fn one_of_many_changes_to_the_same_seat_wins() {
    let fixture = ServiceFixture::with(2, |_| {}).await;
    let flight = fixture.flight(30).await;
    let mut parties = Vec::new();
    for number in 0..10 {
        let client = fixture.user(number % 2, UserId::new(), &[]);
        let body = paid(booking(flight.id, &[passenger("ADT", "Ada", None)]), "tok_visa");
        let bought = client.post("/api/v1/bookings", &body).await.expect(201);
        parties.push((client, bought));
    }
    let moves = parties.iter().map(|(client, bought)| {
        let path = format!("/api/v1/bookings/{}/seats", bought["id"].as_str().unwrap());
        async move { client.patch(&path, &json!({"changes": [change(bought, 0, "9C")]})).await.status }
    });
    let answers = futures_util::future::join_all(moves).await;
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 409).count(), 9);
    assert_eq!(fixture.count("seats").await, 10);
    assert_eq!(
        fixture.count("(SELECT seats FROM passengers GROUP BY seats HAVING count(*) > 1) AS shared").await,
        0
    );
    fixture.stop().await;
}

#[actix_web::test]
async fn contacts_are_merged() {
    let fixture = ServiceFixture::new().await;
    let client = fixture.customer();
    let (bought, path) = pair(&fixture, &client).await;
    let changed = client.patch(&path, &json!({"contact": {"email": "grace@example.org"}})).await.expect(200);
    assert_eq!(
        changed["contact"],
        json!({"email": "grace@example.org", "phone": "+33123456789", "locale": null})
    );
    let changed = client.patch(&path, &json!({"contact": {"phone": null}})).await.expect(200);
    assert_eq!(changed["contact"], json!({"email": "grace@example.org", "phone": null, "locale": null}));
    let elsewhere = json!({"contact": {"email": "Grace@b\u{fc}cher.example"}});
    let changed = client.patch(&path, &elsewhere).await.expect(200);
    assert_eq!(changed["contact"]["email"], "Grace@xn--bcher-kva.example");
    assert_eq!(client.get(&path).await.expect(200), changed);
    assert_eq!(changed["version"].as_i64(), Some(bought["version"].as_i64().unwrap() + 3));
    let wrong =
        client.patch(&path, &json!({"contact": {"email": null, "phone": "12"}, "status": "held"})).await;
    assert_eq!(wrong.invalid(), ["/contact/email", "/contact/phone", "/status"]);
    // What was read before the change is no longer what is changed.
    let old = client.with_header("if-match", "\"1-0\"");
    old.patch(&path, &json!({"contact": {"phone": "+33123456780"}}))
        .await
        .expect_problem(412, "precondition_failed");
    fixture.stop().await;
}

#[actix_web::test]
async fn the_language_of_letters_is_that_of_the_contact_else_of_the_account() {
    let fixture = ServiceFixture::new().await;
    let mut claims = fixture.issuer.claims(UserId::new(), &[]);
    claims.locale = Some("de-AT".parse().unwrap());
    let client = fixture.guest(0).with_token(&fixture.issuer.sign(&claims));
    let mut body = booking(fixture.flight(30).await.id, &[passenger("ADT", "Ada", None)]);
    let of_account = client.post("/api/v1/bookings", &body).await.expect(201);
    assert_eq!(of_account["contact"]["locale"], "de-AT");

    body = booking(fixture.flight(31).await.id, &[passenger("ADT", "Ada", None)]);
    body["contact"]["locale"] = "en-GB".into();
    let of_contact = client.post("/api/v1/bookings", &body).await.expect(201);
    assert_eq!(of_contact["contact"]["locale"], "en-GB");
    let told =
        "events WHERE kind = 'booking.held' AND data::jsonb->'contact'->>'locale' IN ('de-AT', 'en-GB')";
    assert_eq!(fixture.count(told).await, 2);

    let path = format!("/api/v1/bookings/{}", of_contact["id"].as_str().unwrap());
    for (wanted, locale) in [(json!("fr"), "fr"), (Value::Null, "de-AT")] {
        let changed = client.patch(&path, &json!({"contact": {"locale": wanted}})).await.expect(200);
        assert_eq!(changed["contact"]["locale"], locale);
        assert_eq!(client.get(&path).await.expect(200), changed);
    }
    let wrong = client.patch(&path, &json!({"contact": {"locale": "english"}})).await;
    assert_eq!(wrong.invalid(), ["/contact/locale"]);
    fixture.stop().await;
}

#[actix_web::test]
async fn names_are_corrected_by_three_letters() {
    let fixture = ServiceFixture::new().await;
    let client = fixture.customer();
    let (bought, path) = pair(&fixture, &client).await;
    let of =
        |number: usize| format!("{path}/passengers/{}", bought["passengers"][number]["id"].as_str().unwrap());
    let corrected =
        client.patch(&of(0), &json!({"given_name": "Adah", "family_name": "Lovelaze"})).await.expect(200);
    assert_eq!(
        (&corrected["passengers"][0]["given_name"], &corrected["passengers"][0]["family_name"]),
        (&json!("Adah"), &json!("Lovelaze"))
    );
    assert_eq!(corrected["passengers"][0]["ticket_number"], bought["passengers"][0]["ticket_number"]);
    // Two letters are used up; from the name as it was booked only one is left.
    assert_eq!(client.patch(&of(0), &json!({"given_name": "Adahan"})).await.invalid(), ["/given_name"]);
    let address = json!({"family_name": "www.claims.example"});
    assert_eq!(client.patch(&of(0), &address).await.invalid(), ["/family_name"]);
    client.patch(&of(0), &json!({"given_name": "Adahn"})).await.expect(200);
    assert_eq!(
        client.patch(&of(1), &json!({"given_name": "😀", "born_on": "1990-01-01"})).await.invalid(),
        ["/given_name", "/born_on"]
    );
    client
        .patch(&format!("{path}/passengers/{}", UserId::new()), &json!({}))
        .await
        .expect_problem(404, "not_found");
    // The person is known under the new name: nobody else of the account travels under it.
    let flight = bought["segments"][0]["flight_id"].clone();
    let mut same = passenger("ADT", "Adahn", None);
    same["family_name"] = json!("Lovelaze");
    let twice = json!({
        "segments": [{"flight_id": flight, "cabin": "economy", "brand": "standard"}],
        "passengers": [same], "contact": {"email": "ada@example.org"},
    });
    client.post("/api/v1/bookings", &twice).await.expect_problem(409, "passenger_already_booked");
    assert_eq!(fixture.count("travellers").await, 2);
    fixture.stop().await;
}

#[actix_web::test]
async fn a_quote_is_kept_and_good_once() {
    let fixture = ServiceFixture::new().await;
    let client = fixture.customer();
    let (bought, path) = pair(&fixture, &client).await;
    fixture.sql("UPDATE bookings SET confirmed_at = now() - interval '25 hours'").await;
    let quote_path = format!("{path}/cancellation-quote");
    let keyed = client.with_header("idempotency-key", "quote-1");
    let quote = keyed.post(&quote_path, &json!({})).await.expect(200);
    let again = keyed.post(&quote_path, &json!({})).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.expect(200), quote);
    assert_eq!(quote["refund"], bought["price"]["taxes"], "a standard fare gives back the taxes");
    assert_eq!(quote["penalty"], bought["price"]["fare"]);
    let cancel = |quote: &Value| json!({"quote_id": quote["quote_id"]});
    let path = format!("{path}/cancel");
    client.post(&path, &json!({"quote_id": UserId::new()})).await.expect_problem(409, "quote_expired");
    assert_eq!(client.post(&path, &json!({"quote_id": "x"})).await.invalid(), ["/quote_id"]);
    let old = client.post(&quote_path, &json!({})).await.expect(200);
    let id = old["quote_id"].as_str().unwrap();
    fixture.sql(&format!("UPDATE cancellation_quotes SET expires_at = now() WHERE id = '{id}'")).await;
    client.post(&path, &cancel(&old)).await.expect_problem(409, "quote_expired");
    let cancelled = client.post(&path, &cancel(&quote)).await.expect(200);
    assert_eq!(cancelled["refunds"][0]["amount"], quote["refund"]);
    client.post(&path, &cancel(&quote)).await.expect_problem(409, "already_cancelled");
    client.post(&quote_path, &json!({})).await.expect_problem(409, "already_cancelled");
    fixture.stop().await;
}

#[actix_web::test]
async fn a_booking_lists_its_available_actions() {
    let fixture = ServiceFixture::new().await;
    let client = fixture.customer();
    let flight = fixture.flight(30).await;
    let held = client
        .post("/api/v1/bookings", &booking(flight.id, &[passenger("ADT", "Ada", None)]))
        .await
        .expect(201);
    assert_eq!(
        held["available_actions"],
        json!(["pay", "cancel", "change_seats", "change_contact", "change_names"])
    );
    let path = format!("/api/v1/bookings/{}", held["id"].as_str().unwrap());
    let pay = json!({"method": "card", "token": "tok_visa"});
    let confirmed = client.post(&format!("{path}/payments"), &pay).await.expect(200);
    assert_eq!(
        confirmed["available_actions"],
        json!(["cancel", "change_seats", "change_contact", "change_names"])
    );
    fixture.stop().await;
}
