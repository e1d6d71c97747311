//! The statements of letters, on a database.

use super::{
    MIGRATIONS, letter_queue,
    letter_queue::{ClaimedLetter, EndedAttempt},
    letters::{self, NewLetter},
};
use crate::domain::{DeliveryAttempt, DeliveryOutcome, LetterDraft, LetterTemplate};
use diesel::{
    connection::InstrumentationEvent,
    dsl::sql,
    sql_types::{BigInt, Text},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use shared::{db::Plans, ids::EventId};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use testkit::TestDatabase;

pub(super) const LEASE: Duration = Duration::from_secs(60);

/// How long letters are tried.
pub(super) const RETRY: Duration = Duration::from_secs(24 * 3600);

/// A connection as those of the batches are, and the database that it needs.
pub(super) async fn connection() -> (AsyncPgConnection, TestDatabase) {
    let database = TestDatabase::of("mailer", MIGRATIONS).await;
    let connection = database.config("mailer").planned(Plans::ByIndex).connect().await.unwrap();
    (connection, database)
}

pub(super) fn letter(template: LetterTemplate, aggregate: &str, version: i64) -> NewLetter {
    NewLetter {
        event: EventId::new(),
        aggregate: aggregate.to_owned(),
        version,
        draft: LetterDraft {
            template,
            about: None,
            reference: Some("K7XQ2M".to_owned()),
            recipient: "ada@example.org".to_owned(),
            locale: "en",
            subject: "The subject".to_owned(),
            data: r#"{"locator": "K7XQ2M"}"#.to_owned(),
            token: None,
        },
    }
}

fn held(aggregate: &str) -> NewLetter {
    letter(LetterTemplate::BookingHeld, aggregate, 1)
}

fn confirmed(aggregate: &str) -> NewLetter {
    letter(LetterTemplate::BookingConfirmed, aggregate, 2)
}

/// A letter of the same event.
fn again(letter: &NewLetter) -> NewLetter {
    NewLetter { event: letter.event, ..confirmed(&letter.aggregate) }
}

pub(super) async fn store(connection: &AsyncPgConnection, batch: Vec<NewLetter>) -> usize {
    letters::store(connection, batch, "aerobus.example").await.unwrap()
}

pub(super) async fn claim(connection: &AsyncPgConnection, limit: usize) -> Vec<ClaimedLetter> {
    letter_queue::claim(connection, limit, LEASE).await.unwrap().letters
}

pub(super) fn ended(letter: &ClaimedLetter, outcome: DeliveryOutcome) -> EndedAttempt {
    let attempt = DeliveryAttempt::new(outcome, Some(250), "the words of the server");
    EndedAttempt {
        letter: letter.id,
        number: letter.attempts,
        attempt,
        delay: LEASE,
        carries_token: letter.token.is_some(),
    }
}

/// What a query says of one row.
pub(super) async fn text(connection: &mut AsyncPgConnection, query: &str) -> String {
    let query = sql::<Text>(&format!("({query})::text"));
    diesel::select(query).first(connection).await.unwrap()
}

/// The queued and the superseded letters, by template and aggregate.
async fn letters_now(connection: &mut AsyncPgConnection) -> String {
    let all = "SELECT coalesce(string_agg(coalesce(given_up, 'queued') || ' ' || template || ' ' || letters.aggregate, ', ' ORDER BY letters.aggregate, template), '') \
               FROM letters LEFT JOIN letter_queue ON letter_id = id WHERE (letter_id IS NULL) = (given_up IS NOT NULL)";
    text(connection, all).await
}

/// Counts the statements that a connection executes from now on.
fn count_statements(connection: &mut AsyncPgConnection) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counting = count.clone();
    connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if matches!(event, InstrumentationEvent::StartQuery { .. }) {
            counting.fetch_add(1, Ordering::SeqCst);
        }
    });
    count
}

#[tokio::test]
async fn a_batch_makes_each_letter_once() {
    let (mut connection, _database) = connection().await;
    let (first, second) = (confirmed("a"), confirmed("b"));
    let batch = vec![again(&first), again(&second), again(&first)];
    assert_eq!(store(&connection, batch).await, 2);
    let next = vec![again(&second), confirmed("c"), again(&first)];
    assert_eq!(store(&connection, next).await, 1);
    let expected = "queued booking_confirmed a, queued booking_confirmed b, queued booking_confirmed c";
    assert_eq!(letters_now(&mut connection).await, expected);
    assert_eq!(claim(&connection, 10).await.len(), 3);
}

#[tokio::test]
async fn a_batch_is_one_statement_however_large_it_is() {
    let (mut connection, _database) = connection().await;
    let count = count_statements(&mut connection);
    let batch = (0..512).map(|number| confirmed(&number.to_string())).collect();
    assert_eq!(store(&connection, batch).await, 512);
    assert_eq!(count.swap(0, Ordering::SeqCst), 1);
    let claimed = claim(&connection, 512).await;
    assert_eq!((claimed.len(), count.swap(0, Ordering::SeqCst)), (512, 1));
    let sent: Vec<_> = claimed.iter().map(|letter| ended(letter, DeliveryOutcome::Sent)).collect();
    assert_eq!(letter_queue::record(&connection, &sent, RETRY).await.unwrap().len(), 512);
    assert_eq!(count.swap(0, Ordering::SeqCst), 1);
    let counts = "SELECT (SELECT count(*) FROM letter_queue) || ' ' || (SELECT count(*) FROM letter_attempts WHERE outcome = 'sent')";
    assert_eq!(text(&mut connection, counts).await, "0 512");
}

#[tokio::test]
async fn news_supersede_a_letter_in_whatever_order_they_come() {
    let (mut connection, _database) = connection().await;
    // Within a batch, in either order.
    store(&connection, vec![held("a"), confirmed("a"), confirmed("b"), held("b")]).await;
    // In batches of their own, in either order; the news may have been sent by then.
    assert_eq!(store(&connection, vec![held("c"), held("e")]).await, 2);
    store(&connection, vec![confirmed("c"), confirmed("d")]).await;
    let sent: Vec<_> = claim(&connection, 10).await;
    let sent: Vec<_> = sent
        .iter()
        .filter(|letter| letter.template == "booking_confirmed")
        .map(|letter| ended(letter, DeliveryOutcome::Sent))
        .collect();
    assert_eq!(sent.len(), 4);
    letter_queue::record(&connection, &sent, RETRY).await.unwrap();
    assert_eq!(store(&connection, vec![held("d")]).await, 0);
    let superseded = "SELECT string_agg(aggregate, '' ORDER BY aggregate) FROM letters WHERE given_up = 'superseded' AND template = 'booking_held'";
    assert_eq!(text(&mut connection, superseded).await, "abcd");
    let waiting = "SELECT string_agg(aggregate, '') FROM letter_queue";
    assert_eq!(text(&mut connection, waiting).await, "e", "it has no news");
}

#[tokio::test]
async fn a_letter_that_is_being_sent_and_an_older_version_supersede_nothing() {
    let (mut connection, _database) = connection().await;
    store(&connection, vec![held("a"), letter(LetterTemplate::BookingHeld, "b", 3)]).await;
    let claimed = claim(&connection, 1).await;
    store(&connection, vec![confirmed("a"), confirmed("b")]).await;
    let waiting = "SELECT string_agg(template, ' ' ORDER BY letters.aggregate, template) FROM letters JOIN letter_queue ON letter_id = id";
    let all = "booking_confirmed booking_held booking_confirmed booking_held";
    assert_eq!((claimed.len(), text(&mut connection, waiting).await.as_str()), (1, all));
}

#[tokio::test]
async fn outcomes_decide_what_becomes_of_letters() {
    let (mut connection, _database) = connection().await;
    store(&connection, ["a", "b", "c", "d", "e"].map(confirmed).into()).await;
    let mut claimed = claim(&connection, 10).await;
    claimed.sort_by_key(|letter| letter.message_id.clone());
    assert!(claim(&connection, 10).await.is_empty(), "under a lease");
    diesel::sql_query("UPDATE letter_queue SET queued_at = now() - interval '25 hours' WHERE letter_id = (SELECT id FROM letters WHERE aggregate = 'd')")
        .execute(&mut connection)
        .await
        .unwrap();
    // The last one was claimed by another instance meanwhile.
    diesel::sql_query("UPDATE letter_queue SET attempts = 2 WHERE letter_id = (SELECT id FROM letters WHERE aggregate = 'e')")
        .execute(&mut connection)
        .await
        .unwrap();
    let outcomes = [
        DeliveryOutcome::Sent,
        DeliveryOutcome::Refused,
        DeliveryOutcome::Unreachable,
        DeliveryOutcome::Deferred,
        DeliveryOutcome::Deferred,
    ];
    let attempts: Vec<_> =
        claimed.iter().zip(outcomes).map(|(letter, outcome)| ended(letter, outcome)).collect();
    let held = letter_queue::record(&connection, &attempts, RETRY).await.unwrap();
    assert_eq!(held.len(), 4);
    assert!(!held.contains(&claimed[4].id), "it belongs to the other one");
    let letters = "SELECT string_agg(concat_ws(' ', letters.aggregate, given_up, q.sending, q.failures, outcome), ', ' ORDER BY letters.aggregate) \
                   FROM letters LEFT JOIN letter_queue q ON q.letter_id = id JOIN letter_attempts a ON a.letter_id = id";
    let expected = "a sent, b failed refused, c f 1 unreachable, d failed deferred, e t 0 deferred";
    assert_eq!(text(&mut connection, letters).await, expected);
    // After an unknown end of a statement it is repeated.
    assert!(letter_queue::record(&connection, &attempts, RETRY).await.unwrap().is_empty());
    assert_eq!(text(&mut connection, letters).await, expected);
}

#[tokio::test]
async fn the_queue_tells_when_the_next_letter_is_due() {
    let (mut connection, _database) = connection().await;
    assert_eq!(letter_queue::next_due(&connection).await.unwrap(), None);
    store(&connection, vec![confirmed("a")]).await;
    assert_eq!(letter_queue::next_due(&connection).await.unwrap(), Some(Duration::ZERO));
    let claimed = claim(&connection, 1).await;
    letter_queue::record(&connection, &[ended(&claimed[0], DeliveryOutcome::Deferred)], RETRY).await.unwrap();
    let due = letter_queue::next_due(&connection).await.unwrap().unwrap();
    assert!(due > LEASE / 2 && due <= LEASE, "{due:?}");
    assert_eq!(text(&mut connection, "SELECT count(*) FROM letter_queue WHERE NOT sending").await, "1");
}

/// Entries of indexes that this connection has looked at.
async fn looked_at(connection: &mut AsyncPgConnection) -> i64 {
    let entries = "(SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid))::bigint FROM pg_index \
                   WHERE indrelid IN ('letters'::regclass, 'letter_queue'::regclass, 'letter_attempts'::regclass))";
    diesel::select(sql::<BigInt>(entries)).first(connection).await.unwrap()
}

#[tokio::test]
async fn of_other_letters_nothing_is_read() {
    let (mut connection, _database) = connection().await;
    // The server knows that the tables are empty when it makes its plans.
    diesel::sql_query("ANALYZE").execute(&mut connection).await.unwrap();
    // What is counted is given up now and then, but not within a transaction.
    connection.begin_test_transaction().await.unwrap();
    let holds = |from: usize, to: usize| (from..to).map(|number| held(&format!("{number:03}"))).collect();
    assert_eq!(store(&connection, holds(0, 1)).await, 1);
    let claimed = claim(&connection, 1).await;
    letter_queue::record(&connection, &[ended(&claimed[0], DeliveryOutcome::Unreachable)], RETRY)
        .await
        .unwrap();
    assert_eq!(store(&connection, holds(1, 500)).await, 499);

    let before = looked_at(&mut connection).await;
    let news = (0..10).map(|number| confirmed(&format!("{number:03}"))).collect();
    assert_eq!(store(&connection, news).await, 10);
    let stored = looked_at(&mut connection).await;
    let claimed = claim(&connection, 10).await;
    assert_eq!(claimed.len(), 10);
    let claims = looked_at(&mut connection).await;
    let outcome = |number| if number % 2 == 0 { DeliveryOutcome::Sent } else { DeliveryOutcome::Deferred };
    let attempts: Vec<_> =
        claimed.iter().enumerate().map(|(number, letter)| ended(letter, outcome(number))).collect();
    assert_eq!(letter_queue::record(&connection, &attempts, RETRY).await.unwrap().len(), 10);
    let recorded = looked_at(&mut connection).await;
    let looks = [stored - before, claims - stored, recorded - claims];
    assert!(looks.iter().all(|looks| *looks <= 60), "{looks:?} for ten letters each");
}
