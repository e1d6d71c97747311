//! How tokens leave the database.

use super::{
    MIGRATIONS, dead_letters, letter_queue, letter_tokens,
    letters::{self, NewLetter},
};
use crate::domain::{DraftToken, LetterDraft, LetterTemplate};
use chrono::{TimeDelta, Utc};
use diesel::{
    dsl::sql,
    sql_types::{Array, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{db::Plans, events::LetterToken, ids::EventId};
use std::time::Duration;
use testkit::TestDatabase;

/// A connection as those of the batches are, and the database that it needs.
async fn connection() -> (AsyncPgConnection, TestDatabase) {
    let database = TestDatabase::of("mailer", MIGRATIONS).await;
    let connection = database.config("mailer").planned(Plans::ByIndex).connect().await.unwrap();
    (connection, database)
}

fn letter(aggregate: &str) -> NewLetter {
    let token = LetterToken(format!("secret of {aggregate}"));
    NewLetter {
        event: EventId::new(),
        aggregate: aggregate.to_owned(),
        version: 1,
        draft: LetterDraft {
            template: LetterTemplate::PasswordReset,
            about: None,
            reference: None,
            recipient: "ada@example.org".to_owned(),
            locale: "en",
            subject: "The subject".to_owned(),
            data: "{}".to_owned(),
            token: Some(DraftToken { token, expires_at: Utc::now() + TimeDelta::hours(1) }),
        },
    }
}

async fn run(connection: &mut AsyncPgConnection, statement: &str) -> usize {
    diesel::sql_query(statement).execute(connection).await.unwrap()
}

/// The texts that a query gives, in order.
async fn texts(connection: &mut AsyncPgConnection, query: &str) -> Vec<String> {
    let all = sql::<Array<Text>>(&format!(
        "(SELECT coalesce(array_agg(t ORDER BY t), '{{}}') FROM ({query}) AS q (t))"
    ));
    diesel::select(all).first(connection).await.unwrap()
}

const WITH_TOKEN: &str = "SELECT aggregate FROM letters JOIN letter_tokens ON letter_id = id";
const WAITING: &str = "SELECT l.aggregate FROM letters l JOIN letter_queue ON letter_id = id";
const SUPERSEDED: &str = "SELECT aggregate FROM letters WHERE given_up = 'superseded'";

#[tokio::test]
async fn a_sweep_erases_what_has_expired_or_was_left_behind() {
    let (mut connection, _database) = connection().await;
    let all = ["crashed", "expired", "good", "sending"];
    letters::store(&connection, all.map(letter).into(), "aerobus.example").await.unwrap();
    let of =
        |aggregate: &str| format!("letter_id = (SELECT id FROM letters WHERE aggregate = '{aggregate}')");
    letter_tokens::sweep(&connection).await.unwrap();
    assert_eq!(texts(&mut connection, WITH_TOKEN).await, all, "all of them wait, and work");

    run(&mut connection, &format!("DELETE FROM letter_queue WHERE {}", of("crashed"))).await;
    for late in ["expired", "sending"] {
        run(&mut connection, &format!("UPDATE letter_tokens SET expires_at = now() WHERE {}", of(late)))
            .await;
    }
    run(&mut connection, &format!("UPDATE letter_queue SET sending = true WHERE {}", of("sending"))).await;
    letter_tokens::sweep(&connection).await.unwrap();
    assert_eq!(texts(&mut connection, WITH_TOKEN).await, ["good"]);
    assert_eq!(
        texts(&mut connection, WAITING).await,
        ["good", "sending"],
        "an attempt under way has its end"
    );
    assert_eq!(texts(&mut connection, SUPERSEDED).await, ["expired"], "the other one was sent");
}

#[tokio::test]
async fn a_claimed_letter_gets_its_token_or_is_superseded() {
    let (mut connection, _database) = connection().await;
    letters::store(&connection, ["good", "late"].map(letter).into(), "aerobus.example").await.unwrap();
    let late = "UPDATE letter_tokens SET expires_at = now() WHERE token = 'secret of late'";
    assert_eq!(run(&mut connection, late).await, 1);
    let claimed = letter_queue::claim(&connection, 9, Duration::from_secs(60)).await.unwrap().letters;
    assert!(claimed.len() == 2 && claimed.iter().all(|letter| letter.token.is_none()));
    let ready = letter_tokens::attach(&connection, claimed).await.unwrap();
    let tokens: Vec<_> = ready.iter().map(|letter| letter.token.clone()).collect();
    assert_eq!(tokens, [Some(LetterToken("secret of good".to_owned()))]);
    assert!(!format!("{ready:?}").contains("secret of good"), "nothing prints it");
    assert_eq!(texts(&mut connection, WITH_TOKEN).await, ["good"]);
    assert_eq!(texts(&mut connection, WAITING).await, ["good"]);
    assert_eq!(texts(&mut connection, SUPERSEDED).await, ["late"]);
}

#[tokio::test]
async fn dead_letters_keep_tokens_for_a_replay_and_no_longer_than_they_last() {
    let (mut connection, _database) = connection().await;
    for (reason, created, replayed, payload) in [
        ("new", "1 hour", "NULL", r#"{"token":"a"}"#),
        ("old", "25 hours", "NULL", r#"{"token":"b","x":1}"#),
        ("replayed", "1 hour", "now()", r#"{"token":"c"}"#),
        ("other", "25 hours", "NULL", r#"{"locator":"K7XQ2M"}"#),
    ] {
        let insert = format!(
            "INSERT INTO dead_letters (id, queue, payload, reason, attempts, created_at, replayed_at) VALUES \
             (gen_random_uuid(), 'q', '{payload}', '{reason}', 1, now() - interval '{created}', {replayed})"
        );
        run(&mut connection, &insert).await;
    }
    dead_letters::erase_tokens(&connection).await.unwrap();
    let payloads = "SELECT reason || ' ' || convert_from(payload, 'UTF8') FROM dead_letters";
    assert_eq!(
        texts(&mut connection, payloads).await,
        [
            r#"new {"token":"a"}"#,
            r#"old {"token":null,"x":1}"#,
            r#"other {"locator":"K7XQ2M"}"#,
            r#"replayed {"token":null}"#,
        ]
    );
}
