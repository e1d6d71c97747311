//! `/internal/letters`: what is kept of a person, and its erasure.

use crate::{
    accounts::{alert, user},
    bookings::{confirmation, confirmed, event},
    mailer_fixture::RunningMailer,
};
use serde_json::{Value, json};
use shared::{auth::ServiceTokens, events::EventType};
use testkit::{Client, SERVICE_TOKEN_SECRET};

const EXPORT: &str = "/internal/letters/export";
const ERASE: &str = "/internal/letters/erase";

/// The gateway.
fn service(mailer: &RunningMailer) -> Client {
    let tokens = ServiceTokens::new(SERVICE_TOKEN_SECRET.to_owned().into());
    let token = tokens.authorization("gateway").expect("a token");
    Client::new(format!("http://{}", mailer.running.address)).with_header("authorization", &token)
}

#[actix_web::test]
async fn letters_to_an_address_and_about_a_booking_are_told_and_erased() {
    let mailer = RunningMailer::start().await;
    let (mine, mut friends, mut anothers) = (confirmed(), confirmed(), confirmed());
    friends["id"] = json!("0190f2b0-0000-7000-8000-00000000000f");
    friends["contact"]["email"] = json!("friend@example.net");
    anothers["id"] = json!("0190f2b0-0000-7000-8000-0000000000aa");
    anothers["contact"]["email"] = json!("other@example.net");
    let told = [&mine, &friends, &anothers].map(confirmation);
    for event in &told {
        mailer.world.publish(event).await;
    }
    let broken = json!({"id": friends["id"], "version": 1, "locator": "K7XQ2M"});
    mailer.world.publish(&event(EventType::BookingConfirmed, &broken)).await;
    for _ in 0..3 {
        mailer.next_mail().await;
    }
    let sent = |letter: &Value| letter["status"] == "sent";
    mailer.letters_once(|letters| letters.iter().all(sent)).await;

    let gateway = service(&mailer);
    let whose = json!({"email": "ADA@example.org", "subjects": [friends["id"]]});
    mailer.admin.post(EXPORT, &whose).await.expect_problem(401, "unauthenticated");
    mailer.admin.post(ERASE, &whose).await.expect_problem(401, "unauthenticated");
    let export = gateway.post(EXPORT, &whose).await.expect(200);
    let named: Vec<_> =
        export["letters"].as_array().unwrap().iter().map(|letter| &letter["recipient"]).cloned().collect();
    assert_eq!(named, ["friend@example.net", "ada@example.org"]);

    for _ in 0..2 {
        assert_eq!(gateway.post(ERASE, &whose).await.expect(200), json!({"sending": 0}));
    }
    assert_eq!(
        gateway.post(EXPORT, &json!({"email": "ada@example.org", "subjects": []})).await.expect(200),
        json!({"letters": []})
    );
    let left = gateway.post(EXPORT, &whose).await.expect(200).to_string();
    for personal in ["Ada", "Lovelace", "friend@", "ada@"] {
        assert!(!left.contains(personal), "{personal} in {left}");
    }
    let letters = mailer.letters().await;
    let recipients: Vec<_> = letters.iter().map(|letter| letter["recipient"].as_str().unwrap()).collect();
    assert_eq!(recipients, ["other@example.net", "erased@aerobus.invalid", "erased@aerobus.invalid"]);
    let erased = letters.iter().find(|letter| letter["recipient"] == "erased@aerobus.invalid").unwrap();
    let path = format!("/api/v1/admin/mail/{}", erased["id"].as_str().unwrap());
    assert_eq!(mailer.admin.get(&path).await.expect(200)["content"], json!(null));
    let path = format!("/api/v1/admin/mail/{}/resend", letters[1]["id"].as_str().unwrap());
    mailer.admin.post(&path, &json!({})).await.expect_problem(409, "conflict");
    let dead = mailer.admin.get("/api/v1/admin/mail/dead-letters").await.expect(200);
    assert_eq!(dead["data"], json!([]));
    // A repeated event has no further letter.
    mailer.world.publish(&told[0]).await;
    assert_eq!(mailer.letters().await.len(), 3);
}

/// The gateway names no address that was never verified: it may be a stranger's.
#[actix_web::test]
async fn without_an_address_only_what_belongs_to_the_person_is_told_and_erased() {
    let mailer = RunningMailer::start().await;
    mailer
        .world
        .sql("ALTER TABLE letter_queue ALTER COLUMN next_attempt_at SET DEFAULT now() + interval '1 day'")
        .await;
    let (mine, strangers) = (user(), confirmed());
    mailer.world.publish(&alert(&mine)).await;
    mailer.world.publish(&confirmation(&strangers)).await;
    let gateway = service(&mailer);
    let whose = json!({"email": null, "subjects": [mine.id]});
    let export = gateway.post(EXPORT, &whose).await.expect(200);
    let templates: Vec<_> =
        export["letters"].as_array().unwrap().iter().map(|letter| letter["template"].clone()).collect();
    assert_eq!(templates, ["session_alert"], "an alert is about the account");
    assert_eq!(gateway.post(ERASE, &whose).await.expect(200), json!({"sending": 0}));
    let mut states: Vec<_> = mailer
        .letters()
        .await
        .iter()
        .map(|letter| (letter["template"].to_string(), letter["status"].to_string()))
        .collect();
    states.sort();
    let state = |template: &str, status: &str| (format!("\"{template}\""), format!("\"{status}\""));
    assert_eq!(states, [state("booking_confirmed", "queued"), state("session_alert", "superseded")]);
}

/// The address of a deleted account may be that of another account by then.
#[actix_web::test]
async fn letters_to_an_address_from_after_an_instant_stay() {
    let mailer = RunningMailer::start().await;
    mailer.world.publish(&confirmation(&confirmed())).await;
    mailer.next_mail().await;
    mailer.letter_with("sent", 1).await;
    let gateway = service(&mailer);
    let erase = async |before: &str| {
        let whose = json!({"email": "ada@example.org", "before": before, "subjects": []});
        assert_eq!(gateway.post(ERASE, &whose).await.expect(200), json!({"sending": 0}));
        mailer.letters().await[0]["recipient"].clone()
    };
    let broken = json!({"version": 1, "contact": {"email": "ada@example.org"}});
    mailer.world.publish(&event(EventType::BookingConfirmed, &broken)).await;
    let dead = "SELECT 1 FROM dead_letters";
    assert_eq!(erase("2020-01-01T00:00:00Z").await, "ada@example.org");
    assert_eq!(mailer.world.sql(dead).await, 1);
    assert_eq!(erase("2100-01-01T00:00:00Z").await, "erased@aerobus.invalid");
    assert_eq!(mailer.world.sql(dead).await, 0);
    let bad = gateway.post(ERASE, &json!({"email": "a@b.example", "before": "noon", "subjects": []})).await;
    assert_eq!(bad.invalid(), ["/before"]);
}

#[actix_web::test]
async fn a_letter_that_waits_is_never_sent() {
    let mailer = RunningMailer::start().await;
    mailer
        .world
        .sql("ALTER TABLE letter_queue ALTER COLUMN next_attempt_at SET DEFAULT now() + interval '1 day'")
        .await;
    mailer.world.publish(&confirmation(&confirmed())).await;
    assert_eq!(mailer.letters().await[0]["status"], "queued");
    let whose = json!({"email": "ada@example.org", "subjects": []});
    assert_eq!(service(&mailer).post(ERASE, &whose).await.expect(200), json!({"sending": 0}));
    assert_eq!(mailer.letters().await[0]["status"], "superseded");
    assert_eq!(mailer.world.sql("SELECT 1 FROM letter_queue").await, 0);
}

#[actix_web::test]
async fn a_letter_that_is_being_sent_is_told() {
    let mailer = RunningMailer::start().await;
    mailer.world.publish(&confirmation(&confirmed())).await;
    mailer.next_mail().await;
    mailer.letter_with("sent", 1).await;
    let again = "INSERT INTO letter_queue (letter_id, sending, next_attempt_at) SELECT id, true, now() + interval '1 day' FROM letters";
    assert_eq!(mailer.world.sql(again).await, 1);
    let whose = json!({"email": "ada@example.org", "subjects": []});
    let gateway = service(&mailer);
    assert_eq!(gateway.post(ERASE, &whose).await.expect(200), json!({"sending": 1}));
    assert_eq!(gateway.post(EXPORT, &whose).await.expect(200)["letters"].as_array().unwrap().len(), 1);
    let bad = gateway.post(ERASE, &json!({"email": 1, "subjects": ["x"], "all": true})).await;
    assert_eq!(bad.invalid(), ["/email", "/subjects", "/all"]);
}
