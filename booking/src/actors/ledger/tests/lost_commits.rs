//! Commits whose connections are lost: what was committed is found out, the rest is carried out once.

use super::{BookingRef, Command, Outcome, Scene, claim, end_in_commit, envelope, process};
use booking_engine::booking::idempotency::Key;

#[actix::test]
async fn a_batch_whose_connection_is_lost_in_its_commit_is_carried_out_once() {
    let scene = Scene::new().await;
    scene.superuser(&end_in_commit("")).await;
    let mut processor = scene.deps.processor();
    let answers =
        process(&mut processor, vec![claim(scene.booking(&["4A"])), claim(scene.booking(&["4B"]))]).await;
    for answer in &answers {
        assert!(matches!(answer, Ok(Outcome::Done(_))), "{answer:?}");
    }
    assert_eq!(scene.count("bookings").await, 2);
    assert_eq!(scene.count("seats").await, 2);
    assert_eq!(scene.count("events WHERE kind = 'booking.held'").await, 2);
    scene.stop();
}

#[actix::test]
async fn a_commit_whose_answer_was_lost_is_found_by_its_claim() {
    let scene = Scene::new().await;
    let claimed = claim(scene.booking(&["4A"]));
    scene.batch(std::slice::from_ref(&claimed)).await;
    let mut processor = scene.deps.processor();
    let (envelope, answer) = envelope(claimed);
    let rest = processor.resolve_for_test(vec![envelope]).await;
    assert_eq!(rest, 0, "it was committed: nothing is left to do");
    assert!(matches!(answer.await.unwrap(), Ok(Outcome::Done(_))));
    assert_eq!(scene.count("bookings").await, 1);
    scene.stop();
}

#[actix::test]
async fn a_cancellation_with_a_key_is_found_by_its_key() {
    let scene = Scene::new().await;
    let booking = scene.booking(&["4A"]);
    let id = booking.id;
    // Somebody else has cancelled it: our key is not bound, and must not be answered for.
    scene.batch(&[claim(booking)]).await;
    scene
        .batch(&[Command::Cancel { at: BookingRef { booking: id, version: None }, quote: None, key: None }])
        .await;
    let mut processor = scene.deps.processor();
    let key = Key { scope: vec![1], body: vec![2] };
    let (with_key, _answer) = envelope(Command::Cancel {
        at: BookingRef { booking: id, version: None },
        quote: None,
        key: Some(key),
    });
    assert_eq!(processor.resolve_for_test(vec![with_key]).await, 1, "it is tried again, and refused");
    let (without, answer) =
        envelope(Command::Cancel { at: BookingRef { booking: id, version: None }, quote: None, key: None });
    assert_eq!(processor.resolve_for_test(vec![without]).await, 0);
    assert!(matches!(answer.await.unwrap(), Ok(Outcome::Done(_))), "it is cancelled, whoever did it");
    scene.stop();
}
