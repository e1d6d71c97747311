//! The waits for a ledger, and their limits.

use super::{
    LedgerAnswer, LedgerError, LedgerFixture, LedgerQueue, Ledgers, Outcome, QueueBounds, SubmitTerms, claim,
    envelope,
};
use booking_engine::samples;
use diesel_async::{AnsiTransactionManager, TransactionManager};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::time::Duration;
use std::time::Instant;

#[actix::test]
async fn commands_past_their_deadline_are_not_begun() {
    let fixture = LedgerFixture::new().await;
    let mut processor = fixture.deps.processor();
    let (mut late, answer) = envelope(claim(fixture.booking(&["4A"])));
    late.deadline = Instant::now();
    processor.process(vec![late]).await;
    assert!(matches!(answer.await.unwrap(), Err(LedgerError::Overloaded)));
    assert_eq!(fixture.count("bookings").await, 0);
    fixture.stop();
}

#[actix::test]
async fn a_ledger_takes_on_no_more_than_its_bound_and_answers_what_it_took() {
    let fixture = LedgerFixture::new().await;
    let bounds = QueueBounds { batch: 4, waiting: 8 };
    // Nobody is refused for having waited too long.
    let admission_timeout = Duration::from_secs(3600);
    let ledgers = Ledgers::start(&fixture.shards, &fixture.deps, bounds, admission_timeout);
    let mut somebody = fixture.lock(fixture.flight.id).await;
    let seats: Vec<String> = (4..=9)
        .flat_map(|row| ["A", "B", "C", "D", "E", "F"].map(|letter| format!("{row}{letter}")))
        .collect();
    let commands = seats.iter().map(|seat| {
        ledgers.submit(
            fixture.flight.id,
            claim(fixture.booking(&[seat])),
            SubmitTerms::by(ledgers.deadline()),
        )
    });
    let mut answers: FuturesUnordered<_> = commands.collect();
    let most = bounds.batch + bounds.waiting;
    for _ in most..seats.len() {
        let answer = tokio::time::timeout(Duration::from_secs(30), answers.next()).await;
        let answer = answer.expect("what is too much is refused while nothing is done").unwrap();
        assert!(matches!(answer, Err(LedgerError::Overloaded)), "{answer:?}");
    }
    AnsiTransactionManager::rollback_transaction(&mut somebody).await.unwrap();
    let rest: Vec<LedgerAnswer> = answers.collect().await;
    let done = rest.iter().filter(|answer| matches!(answer, Ok(Outcome::Done(_)))).count();
    let refused = rest.iter().filter(|answer| matches!(answer, Err(LedgerError::Overloaded))).count();
    assert_eq!(done + refused, most);
    assert!(done >= bounds.waiting, "what was taken on was done: {done}");
    ledgers.drain().await;
    assert_eq!(fixture.count("bookings").await, i64::try_from(done).unwrap());
    fixture.stop();
}

#[actix::test]
async fn commands_that_lock_timed_out_are_retried_and_block_no_others() {
    let fixture = LedgerFixture::new().await;
    let mut processor = fixture.deps.processor();
    let other = fixture.further_flight().await;
    let mut somebody = fixture.lock(fixture.flight.id).await;
    let claims = [
        claim(fixture.booking(&["4A"])),
        claim(samples::booking(other, &["4A"])),
        claim(fixture.booking(&["4B"])),
    ];
    let (envelopes, mut answers): (Vec<_>, Vec<_>) = claims.into_iter().map(envelope).unzip();
    let mut retried = processor.process(envelopes).await;
    let free = answers.remove(1).await.unwrap();
    assert!(matches!(free, Ok(Outcome::Done(_))), "another flight's go on: {free:?}");
    assert_eq!(retried.len(), 2, "those of the locked flight stay in the queue");
    // They are retried until their deadline; commands that came meanwhile go first.
    let (fresh, fresh_answer) = envelope(claim(samples::booking(other, &["4B"])));
    retried.push(fresh);
    let mut retried = processor.process(retried).await;
    assert!(matches!(fresh_answer.await.unwrap(), Ok(Outcome::Done(_))));
    assert_eq!(retried.len(), 2);
    // One has no more time; the other one gets its locks.
    retried[0].deadline = Instant::now();
    AnsiTransactionManager::rollback_transaction(&mut somebody).await.unwrap();
    assert!(processor.process(retried).await.is_empty());
    let late = answers.remove(0).await.unwrap();
    assert!(matches!(late, Err(LedgerError::Overloaded)), "{late:?}");
    let last = answers.remove(0).await.unwrap();
    assert!(matches!(last, Ok(Outcome::Done(_))), "{last:?}");
    assert_eq!(fixture.count("bookings").await, 3);
    fixture.stop();
}
