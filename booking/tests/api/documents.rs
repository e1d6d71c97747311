//! `GET /bookings/{id}/ticket.pdf` and `GET /bookings/{id}/calendar.ics`.

use crate::fixture::{ServiceFixture, booking, paid, passenger};
use diesel_async::RunQueryDsl;
use documents::{DocumentIssuer, DocumentLanguage};
use serde_json::{Value, json};
use shared::{auth::Permission, events::BookingState, ids::UserId};
use testkit::{Answer, Client};

/// A confirmed booking, and its path.
async fn bought(fixture: &ServiceFixture, client: &Client) -> (Value, String) {
    let flight = fixture.flight(30).await;
    let party = [passenger("ADT", "Ada", Some("4A")), passenger("INF", "Byron", None)];
    let body = paid(booking(flight.id, &party), "tok_visa");
    let bought = client.post("/api/v1/bookings", &body).await.expect(201);
    let path = path(&bought);
    (bought, path)
}

fn path(booking: &Value) -> String {
    format!("/api/v1/bookings/{}", booking["id"].as_str().unwrap())
}

/// The booking in the last event of a kind: what the mailer knows of it.
async fn told(fixture: &ServiceFixture, kind: &str) -> BookingState {
    #[derive(diesel::QueryableByName)]
    struct Told {
        #[diesel(sql_type = diesel::sql_types::Text)]
        data: String,
    }
    let query =
        format!("SELECT data::text AS data FROM events WHERE kind = '{kind}' ORDER BY time DESC LIMIT 1");
    let told: Told = diesel::sql_query(query).get_result(&mut fixture.connection().await).await.unwrap();
    serde_json::from_str(&told.data).unwrap()
}

fn check_document(answer: &Answer, content_type: &str, name: &str) {
    assert_eq!(answer.status, 200, "{}", answer.code());
    assert_eq!(answer.header("content-type"), content_type);
    assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"{name}\""));
    assert_eq!(answer.header("cache-control"), "private, no-store");
    assert_eq!(answer.header("vary"), "Accept-Language");
}

#[actix_web::test]
async fn documents_are_those_of_the_confirmation_letter() {
    let fixture =
        ServiceFixture::with(1, |config| "https://fly.example/".clone_into(&mut config.public_url)).await;
    let owner = fixture.customer();
    let (booking, path) = bought(&fixture, &owner).await;
    let locator = booking["locator"].as_str().unwrap();
    let issuer = DocumentIssuer::new("https://fly.example");
    let of_letter = issuer.ticket(&told(&fixture, "booking.confirmed").await, DocumentLanguage::English);

    let pdf = owner.get(&format!("{path}/ticket.pdf")).await;
    check_document(&pdf, "application/pdf", &format!("e-ticket-{locator}.pdf"));
    assert!(pdf.bytes == documents::ticket_pdf(&of_letter).unwrap(), "other bytes than those of the letter");
    assert_eq!(pdf.header("content-language"), "en");

    let calendar = owner.get(&format!("{path}/calendar.ics")).await;
    let content_type = "text/calendar; charset=utf-8; method=PUBLISH";
    check_document(&calendar, content_type, &format!("flights-{locator}.ics"));
    let text = String::from_utf8(calendar.bytes.clone()).unwrap();
    assert_eq!(text, documents::calendar(&of_letter));
    assert!(text.contains("URL:https://fly.example/manage\r\n"), "{text}");
    assert!(text.contains(&format!("SEQUENCE:{}\r\n", booking["version"])), "{text}");

    for (answer, name) in [(&pdf, "ticket.pdf"), (&calendar, "calendar.ics")] {
        let known = owner.with_header("if-none-match", answer.header("etag"));
        let again = known.get(&format!("{path}/{name}")).await;
        assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0));
        let german = known.with_header("accept-language", "fr, de-AT;q=0.8, en;q=0.5");
        let german = german.get(&format!("{path}/{name}")).await;
        assert_eq!((german.status.as_u16(), german.header("content-language")), (200, "de"));
        assert!(german.bytes != answer.bytes && german.header("etag") != answer.header("etag"));
    }
    fixture.stop().await;
}

#[actix_web::test]
async fn documents_are_for_those_who_may_read_the_booking() {
    let fixture = ServiceFixture::new().await;
    let owner = fixture.customer();
    let (booking, path) = bought(&fixture, &owner).await;
    let lookup = json!({"locator": booking["locator"], "family_name": "Lovelace"});
    let found = fixture.guest(0).post("/api/v1/bookings/lookup", &lookup).await.expect(200);
    let guest = fixture.guest(0).with_token(found["access_token"].as_str().unwrap());
    let staff = fixture.user(0, UserId::new(), &[Permission::BookingReadAny]);
    for name in ["ticket.pdf", "calendar.ics"] {
        let document = format!("{path}/{name}");
        let own = owner.get(&document).await;
        for reader in [&guest, &staff] {
            assert!(reader.get(&document).await.bytes == own.bytes, "{name}");
        }
        fixture.customer().get(&document).await.expect_problem(404, "not_found");
        fixture.guest(0).get(&document).await.expect_problem(401, "unauthenticated");
        owner.get(&format!("/api/v1/bookings/zebra/{name}")).await.expect_problem(404, "not_found");
        owner.get(&format!("{document}?colour=red")).await.expect_problem(422, "validation_failed");
        owner.post(&document, &json!({})).await.expect_problem(405, "method_not_allowed");
    }
    fixture.stop().await;
}

#[actix_web::test]
async fn only_what_was_bought_has_documents() {
    let fixture = ServiceFixture::new().await;
    let owner = fixture.customer();
    let flight = fixture.flight(30).await;
    let hold = booking(flight.id, &[passenger("ADT", "Grace", Some("5A"))]);
    let held = path(&owner.post("/api/v1/bookings", &hold).await.expect(201));
    for name in ["ticket.pdf", "calendar.ics"] {
        owner.get(&format!("{held}/{name}")).await.expect_problem(409, "conflict");
    }
    fixture.sql("UPDATE bookings SET hold_expires_at = now() - interval '1 second'").await;
    for name in ["ticket.pdf", "calendar.ics"] {
        owner.get(&format!("{held}/{name}")).await.expect_problem(409, "hold_expired");
    }

    let (booking, path) = bought(&fixture, &owner).await;
    let before = owner.get(&format!("{path}/calendar.ics")).await;
    let cancelled = owner.post(&format!("{path}/cancel"), &json!({})).await.expect(200);
    owner.get(&format!("{path}/ticket.pdf")).await.expect_problem(409, "already_cancelled");
    let after = owner.get(&format!("{path}/calendar.ics")).await;
    let (before, after) = (String::from_utf8(before.bytes), String::from_utf8(after.bytes.clone()));
    let (before, after) = (before.unwrap(), after.unwrap());
    let uid = |text: &str| text.lines().find(|line| line.starts_with("UID:")).unwrap().to_owned();
    assert_eq!(uid(&before), uid(&after));
    assert!(before.contains("STATUS:CONFIRMED") && after.contains("STATUS:CANCELLED"), "{after}");
    assert!(cancelled["version"].as_i64() > booking["version"].as_i64());
    assert!(after.contains(&format!("SEQUENCE:{}\r\n", cancelled["version"])), "{after}");
    fixture.stop().await;
}
