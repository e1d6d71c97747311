//! Commits whose connections are lost: committed commands are answered, the others are carried out once.

use super::{BookingRef, Command, LedgerFixture, Outcome, claim, end_in_commit, envelope, process};
use booking_engine::booking::idempotency::Key;

#[actix::test]
async fn a_batch_whose_connection_is_lost_in_its_commit_is_carried_out_once() {
    let fixture = LedgerFixture::new().await;
    fixture.superuser(&end_in_commit("")).await;
    let mut processor = fixture.deps.processor();
    let answers =
        process(&mut processor, vec![claim(fixture.booking(&["4A"])), claim(fixture.booking(&["4B"]))]).await;
    for answer in &answers {
        assert!(matches!(answer, Ok(Outcome::Done(_))), "{answer:?}");
    }
    assert_eq!(fixture.count("bookings").await, 2);
    assert_eq!(fixture.count("seats").await, 2);
    assert_eq!(fixture.count("events WHERE kind = 'booking.held'").await, 2);
    fixture.stop();
}

#[actix::test]
async fn a_commit_whose_answer_was_lost_is_found_by_its_claim() {
    let fixture = LedgerFixture::new().await;
    let claimed = claim(fixture.booking(&["4A"]));
    fixture.batch(std::slice::from_ref(&claimed)).await;
    let mut processor = fixture.deps.processor();
    let (envelope, answer) = envelope(claimed);
    let rest = processor.resolve_for_test(vec![envelope]).await;
    assert_eq!(rest, 0, "it was committed: nothing is left to do");
    assert!(matches!(answer.await.unwrap(), Ok(Outcome::Done(_))));
    assert_eq!(fixture.count("bookings").await, 1);
    fixture.stop();
}

#[actix::test]
async fn a_cancellation_with_a_key_is_found_by_its_key() {
    let fixture = LedgerFixture::new().await;
    let booking = fixture.booking(&["4A"]);
    let id = booking.id;
    // Somebody else has cancelled it: our key is not bound, and must not be answered for.
    fixture.batch(&[claim(booking)]).await;
    fixture
        .batch(&[Command::Cancel { at: BookingRef { booking: id, version: None }, quote: None, key: None }])
        .await;
    let mut processor = fixture.deps.processor();
    let key = Key { scope: vec![1], body: vec![2] };
    let (with_key, _answer) = envelope(Command::Cancel {
        at: BookingRef { booking: id, version: None },
        quote: None,
        key: Some(key),
    });
    assert_eq!(processor.resolve_for_test(vec![with_key]).await, 1, "it is retried, and refused");
    let (without, answer) =
        envelope(Command::Cancel { at: BookingRef { booking: id, version: None }, quote: None, key: None });
    assert_eq!(processor.resolve_for_test(vec![without]).await, 0);
    assert!(matches!(answer.await.unwrap(), Ok(Outcome::Done(_))), "it is cancelled, whoever did it");
    fixture.stop();
}
