//! Arbiters that die with the transactions of their ledgers.

use super::{
    LedgerAnswer, LedgerFixture, LedgerQueue, Ledgers, Outcome, QueueBounds, SubmitTerms, claim, envelope,
    process,
};
use std::time::Duration;
use tokio::time::timeout;

/// The first commit takes longer than any caller waits; it ends with its process.
const SLOW_COMMIT: &str = "DO $do$ BEGIN
    CREATE SEQUENCE strikes;
    GRANT ALL ON SEQUENCE strikes TO PUBLIC;
    CREATE FUNCTION strike() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $fn$ BEGIN
        IF nextval('booking.strikes') = 1 THEN PERFORM pg_sleep(14); END IF;
        RETURN NULL;
    END $fn$;
    CREATE CONSTRAINT TRIGGER strike AFTER INSERT ON bookings DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION strike();
END $do$";

/// Waits until the first commit is on its way.
async fn commit_begins(fixture: &LedgerFixture) {
    let slow = "pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    while fixture.count(slow).await == 0 {
        tokio::task::yield_now().await;
    }
}

fn is_done(answer: &LedgerAnswer) -> bool {
    matches!(answer, Ok(Outcome::Done(_)))
}

#[actix::test]
async fn a_transaction_whose_arbiter_has_died_is_over_before_the_next_begins() {
    let fixture = LedgerFixture::new().await;
    fixture.superuser(SLOW_COMMIT).await;
    let ledgers = Ledgers::start(
        &fixture.shards,
        &fixture.deps,
        QueueBounds { batch: 4, waiting: 8 },
        Duration::from_secs(10),
    );
    let (first, second) = (claim(fixture.booking(&["4A"])), claim(fixture.booking(&["4A"])));
    let (flight, other) = (fixture.flight.id, ledgers.clone());
    let terms = SubmitTerms::by(ledgers.deadline());
    let asked = actix::spawn(async move { other.submit(flight, first, terms).await });
    commit_begins(&fixture).await;
    ledgers.kill_arbiter(flight).await;
    // Its callers get an error, and no effect of its work is left.
    let answer = asked.await.unwrap();
    assert!(answer.is_err(), "{answer:?}");
    let answer =
        timeout(Duration::from_secs(10), ledgers.submit(flight, second, SubmitTerms::by(ledgers.deadline())))
            .await;
    let answer = answer.expect("nobody waits for the commit that nobody wants any more");
    assert!(is_done(&answer), "the seat is free: {answer:?}");
    assert_eq!(fixture.count("bookings").await, 1);
    // While nothing is done.
    ledgers.kill_arbiter(flight).await;
    let answer =
        ledgers.submit(flight, claim(fixture.booking(&["4B"])), SubmitTerms::by(ledgers.deadline())).await;
    assert!(is_done(&answer), "{answer:?}");
    assert_eq!(fixture.count("seats").await, 2);
    fixture.stop();
}

#[actix::test]
async fn a_batch_that_is_broken_off_is_over_before_the_next_begins() {
    let fixture = LedgerFixture::new().await;
    fixture.superuser(SLOW_COMMIT).await;
    let mut processor = fixture.deps.processor();
    let (first, _answer) = envelope(claim(fixture.booking(&["4A"])));
    tokio::select! {
        _ = processor.process(vec![first]) => panic!("it is slow"),
        () = commit_begins(&fixture) => {}
    }
    let answers = process(&mut processor, vec![claim(fixture.booking(&["4A"]))]).await;
    assert!(is_done(&answers[0]), "{answers:?}");
    assert_eq!(fixture.count("bookings").await, 1);
    fixture.stop();
}
