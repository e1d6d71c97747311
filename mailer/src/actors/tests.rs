//! The sender with its recorder, on a database and a folder.

use super::{EmailSender, LetterDelivery, Renderer, SenderTimes};
use crate::{
    domain::{LetterDraft, LetterTemplate},
    render::{Letterhead, Templates},
    store::{
        MIGRATIONS,
        batch_connection::{BatchConnection, CommitWait},
        letters::{self, NewLetter},
    },
    transport::{MailFolder, MailTransport},
};
use diesel::{dsl::sql, sql_types::BigInt};
use diesel_async::RunQueryDsl;
use documents::DocumentIssuer;
use shared::ids::EventId;
use std::{sync::Arc, time::Duration};
use testkit::TestDatabase;

const LETTERS: i64 = 100;

fn letter(number: i64) -> NewLetter {
    let data = r#"{"locator": "K7XQ2M", "flights": [], "passengers": [], "price": {"fare": "1", "taxes": "2", "total": "3"}, "hold_expires": null, "refund": null, "structured": []}"#;
    NewLetter {
        event: EventId::new(),
        aggregate: number.to_string(),
        version: 1,
        draft: LetterDraft {
            template: LetterTemplate::BookingConfirmed,
            about: None,
            reference: Some(format!("REF{number}")),
            recipient: "ada@example.org".to_owned(),
            locale: "en",
            subject: "The subject".to_owned(),
            data: data.to_owned(),
            token: None,
        },
    }
}

#[actix_web::test]
async fn many_letters_are_claimed_and_recorded_together() {
    let database = TestDatabase::of("mailer", MIGRATIONS).await;
    let folder = tempfile::tempdir().unwrap();
    let transport = MailTransport::Folder(MailFolder::open(folder.path(), None).unwrap());
    let letterhead = Letterhead {
        from: "Aerobus <no-reply@aerobus.example>".parse().unwrap(),
        reply_to: None,
        dkim: None,
    };
    let delivery = LetterDelivery {
        renderer: Renderer::start(
            Templates::compile("http://localhost:8080").unwrap(),
            letterhead,
            DocumentIssuer::new("http://localhost:8080"),
        ),
        transport: Arc::new(transport),
        send_timeout: Duration::from_secs(30),
    };
    let config = database.config("mailer");
    let mut connection = config.connect().await.unwrap();
    let batch = (0..LETTERS).map(letter).collect();
    letters::store(&connection, batch, "aerobus.example").await.unwrap();

    let batches = BatchConnection::new(&config, CommitWait::Nothing);
    let times = SenderTimes { poll: Duration::from_secs(60), retry: Duration::from_secs(86_400) };
    let sender = EmailSender::start(batches, delivery, times);
    let count =
        |what: &str| diesel::select(sql::<BigInt>(&format!("(SELECT count({what}) FROM letter_attempts)")));
    let all = async { while count("*").first::<i64>(&mut connection).await.unwrap() < LETTERS {} };
    tokio::time::timeout(Duration::from_secs(20), all).await.expect("all are sent");
    sender.stop().await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 100);
    // Letters that are rendered together end together; others may join them.
    let records: i64 = count("DISTINCT at").first(&mut connection).await.unwrap();
    assert!(records <= 7, "{records} records of {LETTERS} attempts");
}
