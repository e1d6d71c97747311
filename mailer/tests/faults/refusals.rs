//! A mail server that says no, or goes away.

use crate::{
    bookings::{confirmation, confirmed},
    fault_world::FaultWorld,
};
use testkit::{SmtpBehaviour, SmtpFault, SmtpPhase};

/// A mailer has met what goes wrong with a first letter, whose attempts are these.
async fn first_attempt(
    behaviour: SmtpBehaviour,
    expected: &str,
) -> (FaultWorld, crate::mailer_process::MailerProcess) {
    let world = FaultWorld::new().await;
    world.sink.behave(behaviour);
    let mailer = world.start();
    world.publish(&confirmation(&confirmed())).await;
    world.letters_once(|letters| letters.starts_with(&format!("booking_confirmed {expected}"))).await;
    assert_eq!(world.received(), (0, 0));
    (world, mailer)
}

/// The server takes the letter from now on: it arrives once.
async fn arrives(world: &FaultWorld, expected: &str) {
    world.sink.behave(SmtpBehaviour::Accept);
    world.pass_time().await;
    let sent = |letters: &str| letters.starts_with("booking_confirmed sent: ") && letters.ends_with(expected);
    world.letters_once(sent).await;
    assert_eq!(world.received(), (1, 1));
}

#[actix_web::test]
async fn refused_connection() {
    let world = FaultWorld::new().await;
    world.sink.stop();
    let _mailer = world.start();
    world.publish(&confirmation(&confirmed())).await;
    world.letters_once(|letters| letters.starts_with("booking_confirmed queued: unreachable")).await;
    assert!(world.words().await.starts_with("connect: "), "{}", world.words().await);
    world.sink.start_again();
    arrives(&world, "unreachable, sent 250").await;
}

#[actix_web::test]
async fn code_421_at_the_greeting() {
    let behaviour = SmtpBehaviour::At(SmtpPhase::Greeting, SmtpFault::Answer(421));
    let (world, _mailer) = first_attempt(behaviour, "queued: unreachable 421").await;
    arrives(&world, "unreachable 421, sent 250").await;
}

#[actix_web::test]
async fn code_451_after_data() {
    let behaviour = SmtpBehaviour::At(SmtpPhase::End, SmtpFault::Answer(451));
    let (world, _mailer) = first_attempt(behaviour, "queued: deferred 451").await;
    world.pass_time().await;
    world.letters_are("booking_confirmed queued: deferred 451, deferred 451").await;
    arrives(&world, ": deferred 451, deferred 451, sent 250").await;
}

#[actix_web::test]
async fn code_550_at_rcpt() {
    let behaviour = SmtpBehaviour::At(SmtpPhase::Rcpt, SmtpFault::Answer(550));
    let (world, _mailer) = first_attempt(behaviour, "failed: refused 550").await;
    // The next letter is no worse for it, and this one is not tried again.
    world.sink.behave(SmtpBehaviour::Accept);
    world.publish(&confirmation(&confirmed())).await;
    world.letters_are("booking_confirmed failed: refused 550; booking_confirmed sent: sent 250").await;
    assert_eq!(world.received(), (1, 1));
}

#[actix_web::test]
async fn code_554_after_data() {
    let behaviour = SmtpBehaviour::At(SmtpPhase::End, SmtpFault::Answer(554));
    let (world, _mailer) = first_attempt(behaviour, "failed: refused 554").await;
    assert_eq!(world.received(), (0, 0));
}

#[actix_web::test]
async fn dropped_in_data() {
    let behaviour = SmtpBehaviour::At(SmtpPhase::Body, SmtpFault::Drop);
    let (world, _mailer) = first_attempt(behaviour, "queued: deferred").await;
    arrives(&world, ": deferred, sent 250").await;
}

#[actix_web::test]
async fn dropped_after_acceptance() {
    let world = FaultWorld::new().await;
    world.sink.behave(SmtpBehaviour::At(SmtpPhase::Kept, SmtpFault::Drop));
    let _mailer = world.start();
    world.publish(&confirmation(&confirmed())).await;
    world.letters_are("booking_confirmed queued: deferred").await;
    world.sink.behave(SmtpBehaviour::Accept);
    world.pass_time().await;
    world.letters_are("booking_confirmed sent: deferred, sent 250").await;
    // The answer was lost, so nobody can tell: it comes twice, as one letter.
    assert_eq!(world.received(), (2, 1));
}

#[actix_web::test]
async fn dropped_by_a_server_that_closes_what_is_idle() {
    let world = FaultWorld::new().await;
    let _mailer = world.start();
    world.publish(&confirmation(&confirmed())).await;
    world.letters_are("booking_confirmed sent: sent 250").await;
    world.sink.stop();
    world.sink.start_again();
    world.publish(&confirmation(&confirmed())).await;
    // A kept connection is dead: that is no failure of a letter.
    world.letters_are("booking_confirmed sent: sent 250; booking_confirmed sent: sent 250").await;
    assert_eq!(world.received(), (2, 2));
}
