//! Letters about accounts, and the tokens that they bring.

use crate::mailer_fixture::{DEADLINE, RunningMailer, is};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::{
    events::{AlertReason, Event, EventType, LetterToken, SessionAlert, TokenRequest, UserState},
    ids::{EventId, UserId},
};
use testkit::SmtpBehaviour;

const TOKEN: &str = "tHe_tOkEn-0123456789";

pub(crate) fn user() -> UserState {
    UserState {
        id: UserId::new(),
        email: "ada@example.org".to_owned(),
        given_name: "Ada".to_owned(),
        family_name: "Lovelace".to_owned(),
        locale: "en".to_owned(),
    }
}

/// An alert of an account.
pub(crate) fn alert(user: &UserState) -> Event {
    alert_of(user, AlertReason::NewDevice)
}

fn alert_of(user: &UserState, reason: AlertReason) -> Event {
    let alert = SessionAlert {
        user: user.clone(),
        reason,
        at: "2026-12-01T09:30:00Z".parse().expect("an instant"),
        user_agent: Some("Firefox/140.0 (https://evil.example)".to_owned()),
        address: Some("192.0.2.7".to_owned()),
    };
    Event::new("gateway", EventType::SessionAlert, EventId::new(), 1, &alert)
}

fn request(kind: EventType, user: &UserState, number: i64, expires_at: DateTime<Utc>) -> Event {
    let token = Some(LetterToken(format!("{TOKEN}{number}")));
    Event::new("gateway", kind, user.id, number, &TokenRequest { user: user.clone(), token, expires_at })
}

fn verification(user: &UserState, number: i64) -> Event {
    request(EventType::UserVerificationRequested, user, number, Utc::now() + TimeDelta::hours(24))
}

fn reset(user: &UserState, number: i64) -> Event {
    request(EventType::UserPasswordResetRequested, user, number, Utc::now() + TimeDelta::hours(1))
}

/// How many letters of a template have a status, once there are that many.
async fn wait_for(mailer: &RunningMailer, template: &str, status: &str, count: usize) -> Vec<Value> {
    let matches = |letter: &Value| letter["template"] == template && letter["status"] == status;
    let wanted = |letters: &[Value]| letters.iter().filter(|letter| matches(letter)).count() == count;
    mailer.letters_once(wanted).await.into_iter().filter(matches).collect()
}

/// Whether the database of the mailer holds a token anywhere.
async fn tokens(mailer: &RunningMailer) -> usize {
    mailer
        .world
        .sql(&format!(
            "SELECT 1 FROM letter_tokens UNION ALL SELECT 1 FROM letters WHERE letters::text LIKE '%{TOKEN}%' \
             UNION ALL SELECT 1 FROM letter_attempts WHERE letter_attempts::text LIKE '%{TOKEN}%'"
        ))
        .await
}

#[actix_web::test]
async fn a_letter_brings_its_token_as_a_code_and_behind_the_hash_of_a_link() {
    let mailer = RunningMailer::start().await;
    let user = user();
    for (event, subject, link) in [
        (verification(&user, 1), "Confirm your e-mail address", "/verify#token="),
        (reset(&user, 2), "Set a new password", "/reset#token="),
    ] {
        let token = format!("{TOKEN}{}", event.version);
        mailer.world.publish(&event).await;
        let received = mailer.sink.next(DEADLINE).await;
        assert_eq!(received.to, ["ada@example.org"]);
        let mail = crate::mailer_fixture::Mail::of(&received);
        assert_eq!(mail.subject, subject);
        for part in [&mail.text, &mail.html] {
            assert!(part.contains(&format!("http://localhost:8080{link}{token}")), "{part}");
            assert_eq!(part.matches(&token).count(), 2, "{part}");
            assert!(part.contains(" UTC") && !part.contains("Ada") && !part.contains("booking"), "{part}");
        }
        assert!(!mail.message_id.contains(&token));
    }
    wait_for(&mailer, "verify_email", "sent", 1).await;
    let sent = wait_for(&mailer, "password_reset", "sent", 1).await;
    assert!(!json!(sent).to_string().contains(TOKEN));
    assert_eq!(tokens(&mailer).await, 0, "it is erased with the record of the attempt");

    // Staff see what it says, and the token nowhere.
    let path = format!("/api/v1/admin/mail/{}", sent[0]["id"].as_str().unwrap());
    let read = mailer.admin.get(&path).await.expect(200);
    for part in ["html", "text"] {
        let said = read["content"][part].as_str().unwrap();
        assert!(said.contains("/reset#token=***") && !said.contains(TOKEN), "{said}");
    }
    // Staff cannot have it sent again: there is nothing left to send.
    mailer.admin.post(&format!("{path}/resend"), &json!({})).await.expect_problem(409, "conflict");
    assert_eq!(mailer.sink.mails().len(), 2);
}

#[actix_web::test]
async fn the_same_event_again_sends_no_second_letter_and_keeps_no_token() {
    let mailer = RunningMailer::start().await;
    let event = verification(&user(), 1);
    mailer.world.publish(&event).await;
    mailer.next_mail().await;
    mailer.letter_with("sent", 1).await;
    mailer.world.publish(&event).await;
    assert_eq!(mailer.letters().await.len(), 1);
    assert_eq!(tokens(&mailer).await, 0);
}

#[actix_web::test]
async fn a_newer_letter_supersedes_an_older_one_of_its_kind_only() {
    let mailer = RunningMailer::start().await;
    mailer.sink.behave(SmtpBehaviour::RefuseRecipient(450));
    let (ada, bob) = (user(), user());
    let first = verification(&ada, 1);
    mailer.world.publish(&first).await;
    mailer.letter_with("queued", 1).await;
    for event in [&reset(&ada, 2), &verification(&bob, 3), &verification(&ada, 5), &verification(&ada, 4)] {
        mailer.world.publish(event).await;
    }
    // Only now each letter that waits has been refused once.
    let refused = |letters: &[Value]| letters.iter().filter(|letter| is(letter, "queued", 1)).count() == 3;
    mailer.letters_once(refused).await;
    assert_eq!(mailer.world.sql("SELECT 1 FROM letter_tokens").await, 3);
    let superseded = wait_for(&mailer, "verify_email", "superseded", 2).await;
    mailer.sink.behave(SmtpBehaviour::Accept);
    mailer.world.pass_time().await;
    let mut texts = Vec::new();
    for _ in 0..3 {
        texts.push(mailer.next_mail().await.text);
    }
    for (number, sent) in [(1, false), (2, true), (3, true), (4, false), (5, true)] {
        let token = format!("{TOKEN}{number}");
        assert_eq!(texts.iter().any(|text| text.contains(&token)), sent, "{number}");
    }
    wait_for(&mailer, "verify_email", "sent", 2).await;
    let path = format!("/api/v1/admin/mail/{}/resend", superseded[0]["id"].as_str().unwrap());
    mailer.admin.post(&path, &json!({})).await.expect_problem(409, "conflict");
    assert_eq!(tokens(&mailer).await, 0);
}

#[actix_web::test]
async fn a_token_that_was_replaced_while_its_letter_was_being_sent_is_not_sent_again() {
    let mailer = RunningMailer::start().await;
    mailer.sink.behave(SmtpBehaviour::RefuseRecipient(450));
    let ada = user();
    mailer.world.publish(&verification(&ada, 1)).await;
    let first = mailer.letter_with("queued", 1).await;
    // As it stands while an instance is at it.
    mailer
        .world
        .sql("UPDATE letter_queue SET sending = true, next_attempt_at = now() + interval '1 hour'")
        .await;
    mailer.world.publish(&verification(&ada, 2)).await;
    mailer.letters_once(|letters| letters.iter().any(|letter| is(letter, "queued", 1))).await;
    mailer.sink.behave(SmtpBehaviour::Accept);
    mailer.world.pass_time().await;
    assert!(mailer.next_mail().await.text.contains(&format!("{TOKEN}2")));
    let end_lease = format!(
        "UPDATE letter_queue SET next_attempt_at = now() WHERE letter_id = '{}'",
        first["id"].as_str().unwrap()
    );
    assert_eq!(mailer.world.sql(&end_lease).await, 1);
    wait_for(&mailer, "verify_email", "superseded", 1).await;
    assert_eq!(mailer.sink.mails().len(), 1);
}

#[actix_web::test]
async fn a_letter_whose_token_has_expired_is_not_sent() {
    let mailer = RunningMailer::start().await;
    mailer.sink.behave(SmtpBehaviour::RefuseRecipient(450));
    let ada = user();
    mailer.world.publish(&verification(&ada, 1)).await;
    let waiting = mailer.letter_with("queued", 1).await;
    let path = format!("/api/v1/admin/mail/{}/resend", waiting["id"].as_str().unwrap());
    let _ = mailer.admin.post(&path, &json!({})).await.expect(200);
    mailer.letter_with("queued", 2).await;

    mailer.world.sql("UPDATE letter_tokens SET expires_at = now()").await;
    mailer.admin.post(&path, &json!({})).await.expect_problem(409, "conflict");
    mailer.sink.behave(SmtpBehaviour::Accept);
    mailer.world.pass_time().await;
    mailer.letter_with("superseded", 2).await;
    assert_eq!(tokens(&mailer).await, 0);

    // Events that come too late: with an old token, and without one.
    let late = request(EventType::UserPasswordResetRequested, &ada, 2, Utc::now());
    mailer.world.publish(&late).await;
    let erased =
        TokenRequest { user: ada.clone(), token: None, expires_at: Utc::now() + TimeDelta::hours(1) };
    mailer.world.publish(&Event::new("gateway", late.kind, ada.id, 3, &erased)).await;
    wait_for(&mailer, "password_reset", "superseded", 2).await;
    assert_eq!((tokens(&mailer).await, mailer.sink.mails().len()), (0, 0));
}

#[actix_web::test]
async fn a_letter_that_is_refused_for_good_keeps_no_token() {
    let mailer = RunningMailer::start().await;
    mailer.sink.behave(SmtpBehaviour::RefuseRecipient(550));
    mailer.world.publish(&reset(&user(), 1)).await;
    let failed = mailer.letter_with("failed", 1).await;
    assert_eq!(tokens(&mailer).await, 0);
    let path = format!("/api/v1/admin/mail/{}/resend", failed["id"].as_str().unwrap());
    let answer = mailer.admin.post(&path, &json!({})).await;
    answer.expect_problem(409, "conflict");
}

#[actix_web::test]
async fn staff_see_no_token_in_what_was_given_up() {
    let mailer = RunningMailer::start().await;
    let broken =
        json!({"user": {"id": "x"}, "token": format!("{TOKEN}1"), "expires_at": "2026-12-01T00:00:00Z"});
    mailer.world.publish(&Event::new("gateway", EventType::UserVerificationRequested, "x", 1, &broken)).await;
    let dead = mailer.admin.get("/api/v1/admin/mail/dead-letters").await.expect(200);
    assert_eq!(dead["data"][0]["event"]["data"]["token"], "***");
    assert!(!dead.to_string().contains(TOKEN));
    let path = format!("/api/v1/admin/mail/dead-letters/{}/replay", dead["data"][0]["id"].as_str().unwrap());
    let again = mailer.admin.post(&path, &json!({})).await;
    again.expect_problem(409, "conflict");
    assert!(!again.json.to_string().contains(TOKEN));
}

#[actix_web::test]
async fn an_alert_tells_what_happened_and_where() {
    let mailer = RunningMailer::start().await;
    let user = user();
    let (mut subjects, mut ids) = (Vec::new(), Vec::new());
    for reason in [
        AlertReason::NewDevice,
        AlertReason::PasswordChanged,
        AlertReason::TotpChanged,
        AlertReason::ApiKeysChanged,
        AlertReason::RefreshTokenReused,
    ] {
        mailer.world.publish(&alert_of(&user, reason)).await;
        let mail = mailer.next_mail().await;
        for part in [&mail.text, &mail.html] {
            for said in
                ["Tue, 1 Dec 2026, 09:30 UTC", "192.0.2.7", "Firefox/140.0", "http://localhost:8080/reset"]
            {
                assert!(part.contains(said), "{said} is missing in {part}");
            }
            assert!(!part.contains("evil.example"), "{part}");
        }
        subjects.push(mail.subject);
        ids.push(mail.message_id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5, "{ids:?}");
    subjects.sort();
    subjects.dedup();
    assert_eq!(subjects.len(), 5, "{subjects:?}");
}
