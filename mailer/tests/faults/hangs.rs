//! A mail server that falls silent, at each point of a session.

use crate::{
    bookings::{confirmation, confirmed},
    fault_world::{ANSWER_TIMEOUT_MS, FaultWorld},
};
use testkit::{
    SinkEncryption, SmtpBehaviour, SmtpFault, SmtpPhase, SmtpSink, SmtpSinkOptions, TestAuthority,
    UnansweredPort,
};

/// What an attempt names that waits for the answer to a mail.
const WHOLE: &str = "whole mail";

/// What an attempt ends with that waits at a point, and the step that its words name.
const POINTS: [(SmtpPhase, &str, &str); 10] = [
    (SmtpPhase::Greeting, "unreachable", "greeting"),
    (SmtpPhase::Ehlo, "unreachable", "greeting"),
    (SmtpPhase::StartTls, "unreachable", "STARTTLS"),
    (SmtpPhase::Handshake, "unreachable", "STARTTLS"),
    (SmtpPhase::Auth, "unreachable", "AUTH"),
    (SmtpPhase::Mail, "deferred", "MAIL"),
    (SmtpPhase::Rcpt, "deferred", "RCPT"),
    (SmtpPhase::Data, "deferred", "DATA"),
    (SmtpPhase::Body, "deferred", WHOLE),
    (SmtpPhase::End, "deferred", WHOLE),
];

/// A server that encrypts and wants credentials, so that a session has every point.
async fn world() -> FaultWorld {
    let authority = TestAuthority::new();
    let sink = SmtpSink::start_with(SmtpSinkOptions {
        encryption: SinkEncryption::StartTls(authority.clone()),
        credentials: Some(("nina".to_owned(), "hush".to_owned())),
    });
    let mut world = FaultWorld::with(sink).await;
    let url = format!("smtp://nina:hush@{}?tls=required", world.sink.address());
    world.set("MAILER_SMTP_URL", url);
    world.set("MAILER_SMTP_CA", authority.pem());
    world.set("MAILER_ANSWER_TIMEOUT_MS", ANSWER_TIMEOUT_MS);
    world
}

async fn hang(phase: SmtpPhase, outcome: &str, step: &str) {
    let mut world = world().await;
    if step == WHOLE {
        world.set("MAILER_SEND_TIMEOUT_MS", 3 * ANSWER_TIMEOUT_MS);
    }
    world.sink.behave(SmtpBehaviour::At(phase, SmtpFault::Hang));
    let _mailer = world.start();
    world.publish(&confirmation(&confirmed())).await;
    // Others may come before it: a busy machine is slow as well.
    let silent = format!(
        "(SELECT coalesce(max(outcome), '') FROM letter_attempts WHERE message LIKE '{step}: no answer within %')"
    );
    world.once(&silent, |found| found == outcome).await;
    assert_eq!(world.received(), (0, 0));
    // What hangs must not go on with a mail that nobody waits for any more.
    world.sink.stop();
    world.sink.behave(SmtpBehaviour::Accept);
    world.sink.start_again();
    world.pass_time().await;
    world.letters_once(|letters| letters.starts_with("booking_confirmed sent: ")).await;
    assert_eq!(world.received(), (1, 1));
}

macro_rules! hangs {
    ($($name:ident = $number:literal),+ $(,)?) => {
        $(
            #[actix_web::test]
            async fn $name() {
                let (phase, outcome, step) = POINTS[$number];
                hang(phase, outcome, step).await;
            }
        )+

        #[test]
        fn each_point_has_its_test() {
            assert_eq!([$($number),+].len(), POINTS.len());
        }
    };
}

hangs! {
    silent_at_the_greeting = 0,
    silent_at_ehlo = 1,
    silent_at_starttls = 2,
    silent_in_the_handshake = 3,
    silent_at_auth = 4,
    silent_at_mail = 5,
    silent_at_rcpt = 6,
    silent_at_data = 7,
    silent_in_data = 8,
    silent_at_the_end_of_data = 9,
}

#[actix_web::test]
async fn silent_at_connect() {
    let mut world = FaultWorld::new().await;
    let port = UnansweredPort::start().await;
    world.set("MAILER_CONNECT_TIMEOUT_MS", ANSWER_TIMEOUT_MS);
    world.set("MAILER_SMTP_URL", port.url());
    let mailer = world.start();
    world.publish(&confirmation(&confirmed())).await;
    world.letters_once(|letters| letters.starts_with("booking_confirmed queued: unreachable")).await;
    assert!(world.words().await.starts_with("connect: no answer within "), "{}", world.words().await);
    // An operator names another server.
    mailer.kill();
    world.set("MAILER_SMTP_URL", world.sink.url());
    let _mailer = world.start();
    world.end_leases().await;
    world.pass_time().await;
    world.letters_once(|letters| letters.starts_with("booking_confirmed sent: ")).await;
    assert_eq!(world.received(), (1, 1));
}

#[actix_web::test]
async fn silent_in_the_handshake_of_implicit_tls() {
    let authority = TestAuthority::new();
    let sink = SmtpSink::start_with(SmtpSinkOptions {
        encryption: SinkEncryption::Implicit(authority.clone()),
        credentials: None,
    });
    let mut world = FaultWorld::with(sink).await;
    world.set("MAILER_SMTP_CA", authority.pem());
    world.set("MAILER_ANSWER_TIMEOUT_MS", ANSWER_TIMEOUT_MS);
    world.sink.behave(SmtpBehaviour::At(SmtpPhase::Connected, SmtpFault::Hang));
    let _mailer = world.start();
    world.publish(&confirmation(&confirmed())).await;
    world.letters_once(|letters| letters.starts_with("booking_confirmed queued: unreachable")).await;
    assert!(world.words().await.starts_with("TLS: no answer within "), "{}", world.words().await);
    world.sink.behave(SmtpBehaviour::Accept);
    world.pass_time().await;
    world.letters_once(|letters| letters.starts_with("booking_confirmed sent: ")).await;
    assert_eq!(world.received(), (1, 1));
}
