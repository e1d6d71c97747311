//! Letters that an earlier release has stored.

use crate::mailer_fixture::{DEADLINE, Mail, MailerFixture, RunningMailer, is};
use mailer::config::Destination;
use serde_json::{Value, json};
use shared::ids::{EventId, LetterId};
use testkit::SmtpSink;

const UP: &str = concat!(
    include_str!("../../../migrations/mailer/20261201000000_queue_letters/up.sql"),
    include_str!("../../../migrations/mailer/20261201110000_order_letters/up.sql"),
);
const DOWN: &str = concat!(
    include_str!("../../../migrations/mailer/20261201110000_order_letters/down.sql"),
    include_str!("../../../migrations/mailer/20261201000000_queue_letters/down.sql"),
);

fn data() -> Value {
    json!({
        "locator": "K7XQ2M", "flights": [], "passengers": [], "hold_expires": null, "refund": null,
        "price": {"fare": "1203.40 EUR", "taxes": "120.00 EUR", "total": "1323.40 EUR"},
        "structured": [{"@context": "https://schema.org", "@type": "FlightReservation", "reservationNumber": "K7XQ2M"}],
    })
}

/// Stores a letter as the earlier release did, with an attempt where it has ended.
async fn store(world: &MailerFixture, status: &str, template: &str) -> String {
    let id = LetterId::new().to_string();
    let letter = format!(
        "INSERT INTO letters (id, template, event_id, aggregate, aggregate_version, reference, recipient, locale, subject, data, message_id, status, attempts) \
         VALUES ('{id}', '{template}', '{}', 'a', 1, 'K7XQ2M', 'ada@example.org', 'en', 'The {status} one', '{}', '<{id}@aerobus.example>', '{status}', 1)",
        EventId::new(),
        data(),
    );
    world.sql(&letter).await;
    let outcome = match status {
        "sent" => "sent",
        "failed" => "refused",
        _ => return id,
    };
    world.sql(&format!("INSERT INTO letter_attempts (letter_id, number, outcome, message) VALUES ('{id}', 1, '{outcome}', 'x')")).await;
    id
}

#[actix_web::test]
async fn letters_of_an_earlier_release_keep_their_status_and_are_sent() {
    let (world, sink) = (MailerFixture::new().await, SmtpSink::start());
    world.migrate(DOWN).await;
    let failed = store(&world, "failed", "booking_confirmed").await;
    store(&world, "sent", "booking_confirmed").await;
    store(&world, "superseded", "booking_held").await;
    store(&world, "queued", "booking_confirmed").await;
    store(&world, "sending", "booking_cancelled").await;
    world.migrate(UP).await;

    let config = world.config(Destination::Smtp(sink.url().into()));
    let mailer = RunningMailer::with(world, sink, config).await;
    let mut mails = [mailer.next_mail().await, mailer.next_mail().await];
    mails.sort_by(|one, other| one.subject.cmp(&other.subject));
    assert_eq!(mails.each_ref().map(|mail| mail.subject.as_str()), ["The queued one", "The sending one"]);
    assert!(mails[0].html.contains("1323.40 EUR") && mails[0].html.contains("\"reservationNumber\""));
    let sent = |letters: &[Value]| letters[..2].iter().all(|letter| letter["status"] == "sent");
    let letters = mailer.letters_once(sent).await;
    let statuses: Vec<_> = letters.iter().map(|letter| letter["status"].as_str()).collect();
    assert_eq!(statuses, [Some("sent"), Some("sent"), Some("superseded"), Some("sent"), Some("failed")]);
    let path = format!("/api/v1/admin/mail/{failed}/resend");
    let _ = mailer.admin.post(&path, &json!({})).await.expect(200);
    let again = Mail::of(&mailer.sink.next(DEADLINE).await);
    assert_eq!(again.subject, "The failed one");
    mailer.letters_once(|letters| is(&letters[4], "sent", 2)).await;
}

#[actix_web::test]
async fn an_earlier_release_finds_its_letters_again() {
    let world = MailerFixture::new().await;
    world.migrate(DOWN).await;
    for status in ["failed", "sent", "superseded", "queued", "sending"] {
        store(&world, status, "booking_held").await;
    }
    for migration in [UP, DOWN] {
        world.migrate(migration).await;
    }
    let unchanged = "UPDATE letters SET attempts = 1 WHERE data->>'locator' = 'K7XQ2M' \
                     AND subject = 'The ' || status || ' one' AND (attempts = 1 OR status = 'superseded')";
    assert_eq!(world.sql(unchanged).await, 5);
}
