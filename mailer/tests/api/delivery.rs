//! How letters reach the mail server: once, through its moods and absences.

use crate::{
    bookings::{confirmation, confirmed, event, held},
    mailer_fixture::{MailerFixture, RunningMailer, is},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use mailer::config::{Config, Destination};
use serde_json::Value;
use shared::{bus::in_process::InProcess, events::EventType};
use testkit::{SmtpBehaviour, SmtpSink};

#[actix_web::test]
async fn a_repeated_event_makes_no_second_letter() {
    let mailer = RunningMailer::start().await;
    let confirmation_of_one = confirmation(&confirmed());
    for _ in 0..3 {
        mailer.world.publish(&confirmation_of_one).await;
    }
    mailer.world.publish(&confirmation(&confirmed())).await;
    let (first, second) = (mailer.next_mail().await, mailer.next_mail().await);
    assert_ne!(first.message_id, second.message_id);
    assert_eq!(mailer.letters().await.len(), 2);
    assert_eq!(mailer.sink.mails().len(), 2);
}

#[actix_web::test]
async fn a_deferred_letter_is_sent_once_the_server_wants_it() {
    let mailer = RunningMailer::start().await;
    mailer.sink.behave(SmtpBehaviour::RefuseRecipient(450));
    mailer.world.publish(&confirmation(&confirmed())).await;
    let letter = mailer.letter_with("queued", 1).await;
    let attempt = &letter["attempts"][0];
    assert_eq!((&attempt["outcome"], &attempt["smtp_code"]), (&"deferred".into(), &450.into()));
    assert!(letter["next_attempt_at"].is_string() && letter["last_error"].is_string());
    mailer.sink.behave(SmtpBehaviour::RefuseData(451));
    mailer.world.pass_time().await;
    assert_eq!(mailer.letter_with("queued", 2).await["attempts"][1]["smtp_code"], 451);
    mailer.sink.behave(SmtpBehaviour::Accept);
    mailer.world.pass_time().await;
    let letter = mailer.letter_with("sent", 3).await;
    assert!(
        letter["sent_at"].is_string()
            && letter["last_error"].is_null()
            && letter["next_attempt_at"].is_null()
    );
    assert_eq!(mailer.sink.mails().len(), 1);
}

#[actix_web::test]
async fn a_letter_that_is_deferred_for_a_day_is_given_up() {
    let mailer = RunningMailer::start().await;
    mailer.sink.behave(SmtpBehaviour::RefuseRecipient(450));
    mailer.world.publish(&confirmation(&confirmed())).await;
    mailer.letter_with("queued", 1).await;
    mailer.world.sql("UPDATE letter_queue SET queued_at = now() - interval '25 hours'").await;
    mailer.world.pass_time().await;
    mailer.letter_with("failed", 2).await;
}

#[actix_web::test]
async fn a_refused_letter_fails_and_is_sent_again_only_on_demand() {
    let mailer = RunningMailer::start().await;
    mailer.sink.behave(SmtpBehaviour::RefuseRecipient(550));
    mailer.world.publish(&confirmation(&confirmed())).await;
    let letter = mailer.letter_with("failed", 1).await;
    assert_eq!(letter["attempts"][0]["outcome"], "refused");
    assert_eq!(letter["attempts"][0]["smtp_code"], 550);
    let failed = mailer.admin.get("/api/v1/admin/mail?status=failed").await.expect(200);
    assert_eq!(failed["data"][0]["id"], letter["id"]);

    mailer.sink.behave(SmtpBehaviour::Accept);
    let path = format!("/api/v1/admin/mail/{}/resend", letter["id"].as_str().unwrap());
    let queued = mailer.admin.post(&path, &serde_json::json!({})).await.expect(200);
    assert_eq!(queued["status"], "queued");
    let mail = mailer.next_mail().await;
    assert_eq!(format!("<{}>", mail.message_id), letter["message_id"]);
    mailer.letter_with("sent", 2).await;
    // What was sent can be sent again too.
    let _ = mailer.admin.post(&path, &serde_json::json!({})).await.expect(200);
    assert_eq!(mailer.next_mail().await.message_id, mail.message_id);
}

#[actix_web::test]
async fn an_address_that_is_none_fails_its_letter_only() {
    let mailer = RunningMailer::start().await;
    let mut booking = confirmed();
    // The second one was an address to an earlier release of booking.
    for (number, address) in
        ["ada@example.org\r\nRCPT TO:<all@example.org>", "n..ina@example.org"].iter().enumerate()
    {
        booking["contact"]["email"] = (*address).into();
        mailer.world.publish(&confirmation(&booking)).await;
        let failed =
            |letters: &[Value]| letters.iter().filter(|one| is(one, "failed", 1)).count() == number + 1;
        let letters = mailer.letters_once(failed).await;
        assert_eq!(letters[0]["attempts"][0]["outcome"], "refused");
        let reason = letters[0]["last_error"].as_str().unwrap();
        assert!(reason.starts_with("the recipient's address is not valid"), "{reason}");
    }
    mailer.world.publish(&confirmation(&confirmed())).await;
    mailer.next_mail().await;
    let failed = mailer.admin.get("/api/v1/admin/mail?status=failed").await.expect(200);
    assert_eq!(failed["data"].as_array().unwrap().len(), 2, "neither is tried again");
}

#[actix_web::test]
async fn a_domain_of_another_script_gets_its_letters_by_its_labels_in_ascii() {
    let mailer = RunningMailer::start().await;
    let mut booking = confirmed();
    booking["contact"]["email"] = "nina@b\u{fc}cher.example".into();
    mailer.world.publish(&confirmation(&booking)).await;
    assert_eq!(mailer.next_mail().await.header("To"), Some("nina@xn--bcher-kva.example"));
    for recipient in ["Nina@b%C3%BCcher.example", "nina@XN--BCHER-KVA.example"] {
        let path = format!("/api/v1/admin/mail?recipient={recipient}");
        let found = mailer.admin.get(&path).await.expect(200);
        assert_eq!(found["data"][0]["recipient"], "nina@xn--bcher-kva.example", "{recipient}");
    }
}

#[actix_web::test]
async fn letters_wait_for_a_server_that_is_down() {
    let mailer = RunningMailer::start().await;
    mailer.sink.stop();
    for _ in 0..5 {
        mailer.world.publish(&confirmation(&confirmed())).await;
    }
    assert_eq!(mailer.letters().await.len(), 5, "letters are kept while nobody takes them");
    mailer.sink.start_again();
    for _ in 0..5 {
        mailer.next_mail().await;
    }
    assert_eq!(mailer.sink.mails().len(), 5, "each of them once");
}

#[actix_web::test]
async fn a_server_that_takes_no_connection_is_no_letters_fault() {
    let (world, sink) = (MailerFixture::new().await, SmtpSink::start());
    let config = Config { send_timeout_ms: 1000, ..world.config(Destination::Smtp(sink.url().into())) };
    let mailer = RunningMailer::with(world, sink, config).await;
    let attempts = |letters: &[Value]| letters[0]["attempts"].as_array().cloned().unwrap_or_default();
    mailer.sink.behave(SmtpBehaviour::RefuseConnection(554));
    mailer.world.publish(&confirmation(&confirmed())).await;
    let refused = |letters: &[Value]| attempts(letters).iter().any(|one| one["smtp_code"] == 554);
    mailer.letters_once(refused).await;
    mailer.sink.behave(SmtpBehaviour::Speechless);
    let silent = |letters: &[Value]| attempts(letters).last().is_some_and(|one| one["smtp_code"].is_null());
    let letters = mailer.letters_once(silent).await;
    assert!(attempts(&letters).iter().all(|one| one["outcome"] == "unreachable"), "{letters:?}");
    mailer.sink.behave(SmtpBehaviour::Accept);
    mailer.next_mail().await;
}

#[actix_web::test]
async fn a_server_that_falls_silent_holds_up_a_letter_for_the_timeout_only() {
    let (world, sink) = (MailerFixture::new().await, SmtpSink::start());
    let config = Config { send_timeout_ms: 300, ..world.config(Destination::Smtp(sink.url().into())) };
    let mailer = RunningMailer::with(world, sink, config).await;
    mailer.sink.behave(SmtpBehaviour::Silent);
    mailer.world.publish(&confirmation(&confirmed())).await;
    assert_eq!(mailer.letter_with("queued", 1).await["attempts"][0]["outcome"], "deferred");
    mailer.sink.behave(SmtpBehaviour::Accept);
    mailer.world.pass_time().await;
    // At least once: the silent server had kept it.
    let (first, again) = (mailer.next_mail().await, mailer.next_mail().await);
    assert_eq!(first.message_id, again.message_id);
}

#[actix_web::test]
async fn two_instances_send_each_letter_once() {
    let mailer = RunningMailer::start().await;
    let config = mailer.world.config(Destination::Smtp(mailer.sink.url().into()));
    // The second one hears nothing by itself: it finds letters in the database.
    let _second = mailer.world.start_on(&InProcess::new(), config.clone()).await;
    let third = mailer.world.start(config).await;
    for _ in 0..40 {
        mailer.world.publish(&confirmation(&confirmed())).await;
    }
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..40 {
        ids.insert(mailer.next_mail().await.message_id);
    }
    assert_eq!(ids.len(), 40);
    third.stop().await;
    assert_eq!(mailer.sink.mails().len(), 40);
}

#[actix_web::test]
async fn the_letters_of_a_crashed_instance_are_taken_over() {
    let mailer = RunningMailer::start().await;
    mailer.sink.behave(SmtpBehaviour::RefuseRecipient(450));
    mailer.world.publish(&confirmation(&confirmed())).await;
    mailer.letter_with("queued", 1).await;
    mailer.sink.behave(SmtpBehaviour::Accept);
    // As it is left by an instance that crashed while it was sending: under a lease that has not ended.
    let crash =
        "UPDATE letter_queue SET sending = true, attempts = 2, next_attempt_at = now() + interval '1 hour'";
    mailer.world.sql(crash).await;
    let letter = mailer.letters().await.remove(0);
    assert_eq!(letter["status"], "sending");
    mailer.world.sql("UPDATE letter_queue SET next_attempt_at = now()").await;
    mailer.next_mail().await;
    let letter = mailer.letter_with("sent", 2).await;
    let numbers: Vec<_> =
        letter["attempts"].as_array().unwrap().iter().map(|one| one["number"].as_i64()).collect();
    assert_eq!(numbers, [Some(1), Some(3)], "the second attempt was cut off");
}

#[actix_web::test]
async fn a_letter_about_a_hold_is_superseded_by_news_in_whatever_order() {
    let mailer = RunningMailer::start().await;
    mailer.sink.behave(SmtpBehaviour::RefuseRecipient(450));
    let (early, late) = (confirmed(), confirmed());
    mailer.world.publish(&event(EventType::BookingHeld, &held(&early))).await;
    mailer.letter_with("queued", 1).await;
    mailer.world.publish(&confirmation(&early)).await;
    mailer.world.publish(&confirmation(&late)).await;
    mailer.world.publish(&event(EventType::BookingHeld, &held(&late))).await;
    // Each confirmation has been refused once before the server changes its mind.
    let refused = |letters: &[Value]| letters.iter().filter(|letter| is(letter, "queued", 1)).count() == 2;
    mailer.letters_once(refused).await;
    mailer.sink.behave(SmtpBehaviour::Accept);
    mailer.world.pass_time().await;
    for _ in 0..2 {
        assert!(mailer.next_mail().await.subject.starts_with("Booking confirmed"));
    }
    let superseded =
        mailer.admin.get("/api/v1/admin/mail?status=superseded&template=booking_held").await.expect(200);
    let superseded = superseded["data"].as_array().expect("a list").clone();
    assert_eq!(superseded.len(), 2);
    let path = format!("/api/v1/admin/mail/{}/resend", superseded[0]["id"].as_str().unwrap());
    mailer.admin.post(&path, &serde_json::json!({})).await.expect_problem(409, "conflict");
}

#[actix_web::test]
async fn a_letter_that_found_no_server_does_not_wait_for_the_next_poll() {
    let (world, sink) = (MailerFixture::new().await, SmtpSink::start());
    let config = Config { queue_poll_ms: 60_000, ..world.config(Destination::Smtp(sink.url().into())) };
    let mailer = RunningMailer::with(world, sink, config).await;
    mailer.sink.stop();
    mailer.world.publish(&confirmation(&confirmed())).await;
    mailer.letter_with("queued", 1).await;
    mailer.sink.start_again();
    mailer.next_mail().await;
}

#[actix_web::test]
async fn an_attempt_waits_for_a_database_that_does_not_record_it() {
    let mailer = RunningMailer::start().await;
    mailer.world.sql("ALTER TABLE letter_attempts RENAME TO elsewhere").await;
    for _ in 0..3 {
        mailer.world.publish(&confirmation(&confirmed())).await;
        mailer.next_mail().await;
    }
    mailer.world.sql("ALTER TABLE elsewhere RENAME TO letter_attempts").await;
    let sent = |letters: &[Value]| letters.iter().filter(|letter| is(letter, "sent", 1)).count() == 3;
    mailer.letters_once(sent).await;
    assert_eq!(mailer.sink.mails().len(), 3, "none is sent again");
}

#[actix_web::test]
async fn events_wait_for_a_database_that_is_away() {
    let mailer = RunningMailer::start().await;
    let superuser = mailer.world.database.superuser_url();
    let (server, name) = superuser.rsplit_once('/').expect("a database URL");
    let mut elsewhere =
        AsyncPgConnection::establish(&format!("{server}/postgres")).await.expect("PostgreSQL");
    for statement in [
        format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"),
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
    ] {
        diesel::sql_query(statement).execute(&mut elsewhere).await.expect("a good statement");
    }
    let confirmation = confirmation(&confirmed());
    let published = mailer.world.publish(&confirmation);
    let back = async {
        mailer.admin.get("/api/v1/admin/mail").await.expect_problem(503, "upstream_unavailable");
        let back = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true");
        diesel::sql_query(back).execute(&mut elsewhere).await.expect("a good statement");
    };
    futures_util::future::join(published, back).await;
    mailer.next_mail().await;
    let dead = mailer.admin.get("/api/v1/admin/mail/dead-letters").await.expect(200);
    assert_eq!(dead["data"], serde_json::json!([]));
}
