//! Several mailers over one database and one broker.

use crate::{
    bookings::{confirmation, confirmed},
    fault_world::{DEADLINE, FaultWorld},
};
use testkit::SmtpBehaviour;

const LETTERS: usize = 60;

#[actix_web::test]
async fn two_instances_send_each_letter_once() {
    let world = FaultWorld::new().await;
    let (_one, other) = (world.start(), world.start());
    let sent = "(SELECT count(*) FROM letter_attempts WHERE outcome = 'sent')";
    for _ in 0..LETTERS {
        world.publish(&confirmation(&confirmed())).await;
    }
    world.once(sent, |count| count == LETTERS.to_string()).await;
    assert_eq!(world.received(), (LETTERS, LETTERS));
    // The one that is left does all of it.
    other.kill();
    for _ in 0..LETTERS {
        world.publish(&confirmation(&confirmed())).await;
    }
    world.once(sent, |count| count == (2 * LETTERS).to_string()).await;
    assert_eq!(world.received(), (2 * LETTERS, 2 * LETTERS));
}

#[actix_web::test]
async fn a_graceful_stop_finishes_what_is_being_sent() {
    let world = FaultWorld::new().await;
    world.sink.behave(SmtpBehaviour::Silent);
    let mut mailer = world.start();
    world.publish(&confirmation(&confirmed())).await;
    world.sink.met(1, DEADLINE).await;
    mailer.terminate();
    // It waits for the answer to the letter that it is sending.
    world.sink.behave(SmtpBehaviour::Accept);
    assert!(mailer.ended().await.success());
    world.letters_are("booking_confirmed sent: sent 250").await;
    assert_eq!(world.received(), (1, 1));
}
