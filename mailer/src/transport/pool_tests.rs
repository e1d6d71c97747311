//! Why the pool is our own (ADR 0073). When the first test fails, look at lettre's again.

use super::{SmtpEndpoint, SmtpTimeouts, SmtpTransport};
use crate::{domain::DeliveryOutcome, render::RenderedMail};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor, address::Envelope};
use std::time::Duration;
use testkit::{SmtpBehaviour, SmtpFault, SmtpPhase, SmtpSink};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

fn mail() -> RenderedMail {
    let address = || "ada@aerobus.example".parse().unwrap();
    let envelope = Envelope::new(Some(address()), vec![address()]).unwrap();
    RenderedMail { envelope, bytes: b"Subject: x\r\n\r\nDear Ada\r\n".to_vec() }
}

/// A server that takes a mail, whose sender does not wait for the answer, and refuses the next one.
async fn cut_off<T>(sink: &SmtpSink, sending: impl Future<Output = T>) {
    sink.behave(SmtpBehaviour::At(SmtpPhase::Kept, SmtpFault::Hang));
    tokio::select! {
        _ = sending => panic!("there was no answer"),
        () = sink.met(1, DEADLINE) => {}
    }
    // Only now the answer comes.
    sink.behave(SmtpBehaviour::At(SmtpPhase::End, SmtpFault::Answer(554)));
    // The connection goes back to its pool in a task.
    tokio::task::yield_now().await;
}

#[tokio::test]
async fn lettres_pool_takes_the_answer_to_one_mail_for_the_answer_to_the_next() {
    let sink = SmtpSink::start();
    let address = sink.address();
    let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string())
        .port(address.port())
        .build();
    let mail = mail();
    cut_off(&sink, transport.send_raw(&mail.envelope, &mail.bytes)).await;
    let second = tokio::time::timeout(DEADLINE, transport.send_raw(&mail.envelope, &mail.bytes)).await;
    assert!(second.is_ok_and(|sent| sent.is_ok()), "the refused mail counts as sent");
    assert_eq!(sink.mails().len(), 1);
}

#[tokio::test]
async fn our_pool_does_not() {
    let sink = SmtpSink::start();
    let server = SmtpEndpoint::parse(&sink.url().into(), None).unwrap();
    let timeouts = SmtpTimeouts { connect: DEADLINE, answer: DEADLINE };
    let transport = SmtpTransport::new(server, 1, timeouts);
    let mail = mail();
    Box::pin(cut_off(&sink, transport.send(&mail, DEADLINE))).await;
    let attempt = transport.send(&mail, DEADLINE).await;
    assert_eq!((attempt.outcome, attempt.smtp_code), (DeliveryOutcome::Refused, Some(554)));
    assert_eq!(sink.mails().len(), 1);
}
