//! The order of letters to one recipient about one aggregate, on a database.

use super::{
    letter_queue::{self, Claimed},
    tests::{LEASE, RETRY, claim, connection, ended, letter, store, text},
};
use crate::{
    domain::{DeliveryOutcome, LetterTemplate},
    store::letters::NewLetter,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

fn changed(aggregate: &str, version: i64) -> NewLetter {
    letter(LetterTemplate::BookingConfirmed, aggregate, version)
}

async fn sql(connection: &mut AsyncPgConnection, statement: &str) {
    diesel::sql_query(statement).execute(connection).await.unwrap();
}

/// The versions of aggregate `a` that a claim takes, and how many letters it holds back.
async fn versions(connection: &AsyncPgConnection) -> (Vec<String>, usize) {
    let Claimed { letters, held_back } = letter_queue::claim(connection, 10, LEASE).await.unwrap();
    let mut versions: Vec<_> =
        letters.iter().map(|one| one.message_id.split(['.', '@']).nth(2).unwrap().to_owned()).collect();
    versions.sort();
    (versions, held_back)
}

#[tokio::test]
async fn a_letter_waits_for_older_ones_to_the_same_recipient_about_the_same() {
    let (mut connection, _database) = connection().await;
    let mut to_another = changed("a", 9);
    to_another.draft.recipient = "byron@example.org".to_owned();
    let about_another = changed("b", 3);
    store(&connection, vec![changed("a", 2), changed("a", 3), to_another, about_another]).await;
    assert_eq!(versions(&connection).await, (vec!["2".to_owned(), "3".to_owned(), "9".to_owned()], 1));
    // It is not looked at again at once, and the end of the older one makes it due.
    assert_eq!(versions(&connection).await, (Vec::new(), 0));
    let id = "SELECT l.id::text FROM letters l JOIN letter_queue ON letter_id = l.id WHERE l.aggregate = 'a' AND l.aggregate_version = 2";
    let id: uuid::Uuid = text(&mut connection, id).await.parse().unwrap();
    let older = letter_queue::EndedAttempt {
        letter: id,
        number: 1,
        attempt: crate::domain::DeliveryAttempt::new(DeliveryOutcome::Sent, Some(250), "kept"),
        delay: LEASE,
        carries_token: false,
    };
    letter_queue::record(&connection, &[older], RETRY).await.unwrap();
    assert_eq!(versions(&connection).await, (vec!["3".to_owned()], 0));
}

#[tokio::test]
async fn a_letter_waits_while_an_older_one_is_retried_and_an_hour_at_most() {
    let (mut connection, _database) = connection().await;
    store(&connection, vec![changed("a", 2)]).await;
    let older = claim(&connection, 1).await;
    // Of another case is the same recipient.
    let mut newer = changed("a", 3);
    newer.draft.recipient = "Ada@Example.org".to_owned();
    store(&connection, vec![newer]).await;
    let deferred = ended(&older[0], DeliveryOutcome::Deferred);
    letter_queue::record(&connection, &[deferred], RETRY).await.unwrap();
    assert_eq!(versions(&connection).await, (Vec::new(), 1));
    let soon = "SELECT next_attempt_at <= now() + interval '30 seconds' FROM letter_queue WHERE aggregate_version = 3";
    assert_eq!(text(&mut connection, soon).await, "true", "the older one may leave the queue by another way");
    // The older one is given up.
    sql(&mut connection, "UPDATE letter_queue SET next_attempt_at = now() WHERE aggregate_version = 2").await;
    let older = claim(&connection, 1).await;
    assert_eq!(older.len(), 1);
    letter_queue::record(&connection, &[ended(&older[0], DeliveryOutcome::Refused)], RETRY).await.unwrap();
    assert_eq!(versions(&connection).await, (vec!["3".to_owned()], 0));

    store(&connection, vec![changed("b", 2), changed("b", 3)]).await;
    let old = "UPDATE letter_queue SET queued_at = now() - interval '61 minutes' WHERE aggregate = 'b'";
    sql(&mut connection, old).await;
    assert_eq!(versions(&connection).await, (vec!["2".to_owned(), "3".to_owned()], 0));
}

#[tokio::test]
async fn what_became_pointless_while_it_was_sent_is_not_tried_again() {
    let (mut connection, _database) = connection().await;
    let status = "SELECT string_agg(concat_ws(' ', l.aggregate, l.template, given_up, sending), ', ' ORDER BY l.aggregate, l.template) \
                  FROM letters l LEFT JOIN letter_queue ON letter_id = id";
    let held = |aggregate| letter(LetterTemplate::BookingHeld, aggregate, 1);
    store(&connection, vec![held("a"), held("b"), held("c")]).await;
    let mut holds = claim(&connection, 3).await;
    holds.sort_by(|one, other| one.message_id.cmp(&other.message_id));
    store(&connection, vec![changed("a", 2), changed("b", 2), changed("c", 2)]).await;
    // One is deferred, one was taken after all, and the third one's instance has crashed.
    let attempts = [ended(&holds[0], DeliveryOutcome::Deferred), ended(&holds[1], DeliveryOutcome::Sent)];
    assert_eq!(letter_queue::record(&connection, &attempts, RETRY).await.unwrap().len(), 2);
    let expected = "a booking_confirmed f, a booking_held superseded, b booking_confirmed f, b booking_held, \
                    c booking_confirmed f, c booking_held t";
    assert_eq!(text(&mut connection, status).await, expected);
    sql(&mut connection, "UPDATE letter_queue SET next_attempt_at = now() WHERE sending").await;
    let claimed = claim(&connection, 10).await;
    assert!(claimed.iter().all(|one| one.template == "booking_confirmed"), "{claimed:?}");
    let superseded = "SELECT given_up FROM letters WHERE aggregate = 'c' AND template = 'booking_held'";
    assert_eq!(text(&mut connection, superseded).await, "superseded");
}

#[tokio::test]
async fn a_letter_is_tried_for_a_day() {
    let (mut connection, _database) = connection().await;
    store(&connection, vec![changed("a", 1), changed("b", 1), changed("c", 1)]).await;
    let claimed = claim(&connection, 10).await;
    let age = "UPDATE letter_queue SET queued_at = now() - interval '25 hours' WHERE aggregate <> 'c'";
    sql(&mut connection, age).await;
    let outcome = |one: &letter_queue::ClaimedLetter| match one.message_id.contains(".a.") {
        true => DeliveryOutcome::Unreachable,
        false => DeliveryOutcome::Deferred,
    };
    let attempts: Vec<_> = claimed.iter().map(|one| ended(one, outcome(one))).collect();
    letter_queue::record(&connection, &attempts, RETRY).await.unwrap();
    let failed = "SELECT string_agg(aggregate, '' ORDER BY aggregate) FROM letters WHERE given_up = 'failed'";
    assert_eq!(text(&mut connection, failed).await, "ab");
}
