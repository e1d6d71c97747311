//! Encryption and credentials that are wanted and are not to be had. Nothing then leaves in the clear.

use crate::{
    bookings::{confirmation, confirmed},
    fault_world::FaultWorld,
};
use testkit::{SinkEncryption, SmtpSink, SmtpSinkOptions, TestAuthority};

async fn world(encryption: SinkEncryption, credentials: bool) -> FaultWorld {
    let credentials = credentials.then(|| ("nina".to_owned(), "hush".to_owned()));
    FaultWorld::with(SmtpSink::start_with(SmtpSinkOptions { encryption, credentials })).await
}

/// The letter finds no server for this reason, until the setting is right.
async fn unreachable_until(
    mut world: FaultWorld,
    (url, authority): (String, Option<&TestAuthority>),
    reason: &str,
    (right_url, right_authority): (String, &TestAuthority),
) {
    world.set("MAILER_SMTP_URL", url);
    if let Some(authority) = authority {
        world.set("MAILER_SMTP_CA", authority.pem());
    }
    let mailer = world.start();
    world.publish(&confirmation(&confirmed())).await;
    world.letters_once(|letters| letters.starts_with("booking_confirmed queued: unreachable")).await;
    let words = world.words().await;
    assert!(words.contains(reason), "{words}");
    assert!(!words.contains("hush"), "{words}");
    assert_eq!(world.received(), (0, 0));
    mailer.kill();
    world.set("MAILER_SMTP_URL", right_url);
    world.set("MAILER_SMTP_CA", right_authority.pem());
    let _mailer = world.start();
    world.end_leases().await;
    world.pass_time().await;
    world.letters_once(|letters| letters.ends_with(", sent 250")).await;
    assert_eq!(world.received(), (1, 1));
}

#[actix_web::test]
async fn certificate_of_an_unknown_authority() {
    let authority = TestAuthority::new();
    for encryption in
        [SinkEncryption::StartTls(authority.clone()), SinkEncryption::Implicit(authority.clone())]
    {
        let world = world(encryption, false).await;
        let url = match world.sink.url() {
            url if url.starts_with("smtps:") => url,
            url => format!("{url}?tls=required"),
        };
        let right = (url.clone(), &authority);
        unreachable_until(world, (url, None), "invalid peer certificate: UnknownIssuer", right).await;
    }
}

#[actix_web::test]
async fn certificate_of_another_name() {
    let authority = TestAuthority::new();
    let world = world(SinkEncryption::Implicit(authority.clone()), false).await;
    let wrong = format!("smtps://localhost:{}", world.sink.address().port());
    let right = (world.sink.url(), &authority);
    unreachable_until(
        world,
        (wrong, Some(&authority)),
        "invalid peer certificate: certificate not valid for name",
        right,
    )
    .await;
}

#[actix_web::test]
async fn starttls_that_is_not_offered() {
    let authority = TestAuthority::new();
    let world = world(SinkEncryption::None, false).await;
    // Whoever removes the offer on the way gets nothing.
    let wrong = format!("{}?tls=required", world.sink.url());
    let right = (world.sink.url(), &authority);
    unreachable_until(world, (wrong, None), "STARTTLS is not supported", right).await;
}

#[actix_web::test]
async fn wrong_credentials() {
    let authority = TestAuthority::new();
    let world = world(SinkEncryption::StartTls(authority.clone()), true).await;
    let url = |password: &str| format!("smtp://nina:{password}@{}?tls=required", world.sink.address());
    let (wrong, right) = (url("loud"), url("hush"));
    unreachable_until(world, (wrong, Some(&authority)), "AUTH: permanent error (535)", (right, &authority))
        .await;
}
