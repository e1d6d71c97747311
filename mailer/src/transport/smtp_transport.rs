//! Mails over SMTP, on connections that are kept for the next ones.
//!
//! The pool is our own (ADR 0073): lettre's gives a connection back whose mail was cut off by a timeout, and the next
//! mail would then be answered with the answer to the one before. Here a connection is kept only after its mail was
//! taken, and whatever is cut off takes its connection with it.

use super::{
    smtp_session::{SmtpFailure, SmtpFault, SmtpSession, SmtpStep, SmtpTimeouts},
    smtp_url::SmtpEndpoint,
};
use crate::{
    domain::{DeliveryAttempt, DeliveryOutcome},
    render::RenderedMail,
};
use futures_util::future::join_all;
use lettre::transport::smtp::{extension::ClientId, response::Response};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::Semaphore, time::timeout};

/// Idle connections are not used any more before most servers close them.
const IDLE: Duration = Duration::from_secs(30);

/// A connection that was used so shortly before is not asked whether it still works.
const FRESH: Duration = Duration::from_secs(1);

/// Answers about us and not about a letter: authentication is wanted or fails (530, 534, 535, 538),
/// TLS is not to be had (454), the service closes (421). Each letter would get the same.
const ABOUT_US: [u16; 6] = [421, 454, 530, 534, 535, 538];

/// A mail server.
pub(crate) struct SmtpTransport {
    server: SmtpEndpoint,
    hello: ClientId,
    timeouts: SmtpTimeouts,
    /// Connections at most.
    connections: usize,
    /// The connections that are not in use, open or not.
    free: Semaphore,
    idle: Mutex<Vec<(SmtpSession, Instant)>>,
}

impl SmtpTransport {
    /// Connects only when there is something to send. `connections` is the size of the pool.
    pub(crate) fn new(server: SmtpEndpoint, connections: usize, timeouts: SmtpTimeouts) -> Self {
        let (free, idle) = (Semaphore::new(connections), Mutex::default());
        Self { server, hello: ClientId::default(), timeouts, connections, free, idle }
    }

    /// Connections at most.
    pub(super) fn connections(&self) -> usize {
        self.connections
    }

    /// Sends a mail, as soon as a connection is free. From then on it takes `longest` at most. Dropping the future
    /// closes its connection.
    pub(super) async fn send(&self, mail: &RenderedMail, longest: Duration) -> DeliveryAttempt {
        // Nobody closes the semaphore.
        let _connection = self.free.acquire().await;
        match timeout(longest, self.deliver(mail)).await {
            Ok(Ok(response)) => {
                let words: Vec<&str> = response.message().collect();
                DeliveryAttempt::new(DeliveryOutcome::Sent, code(response.code().into()), &words.join(" "))
            }
            Ok(Err(failure)) => {
                DeliveryAttempt::new(outcome(&failure), failure.code().and_then(code), &failure.to_string())
            }
            Err(_) => DeliveryAttempt::unanswered(longest),
        }
    }

    async fn deliver(&self, mail: &RenderedMail) -> Result<Response, SmtpFailure> {
        let mut session = self.begin(mail).await?;
        match session.finish(mail).await {
            Ok(response) => {
                self.keep(session);
                Ok(response)
            }
            Err(failure) => {
                if failure.code().is_some() {
                    session.quit().await;
                }
                Err(failure)
            }
        }
    }

    /// A connection on which the mail has begun: a kept one, or a new one.
    async fn begin(&self, mail: &RenderedMail) -> Result<SmtpSession, SmtpFailure> {
        while let Some(mut kept) = self.kept().await {
            match kept.begin(mail).await {
                Ok(()) => return Ok(kept),
                // The server has closed it meanwhile: that is no fault of the letter.
                Err(SmtpFailure { fault: SmtpFault::Failed(error), .. }) if error.status().is_none() => {}
                // So it does before a restart.
                Err(failure) if failure.code() == Some(421) => {}
                Err(failure) => return Err(failure),
            }
        }
        let mut session = SmtpSession::connect(&self.server, &self.hello, self.timeouts).await?;
        session.begin(mail).await.map(|()| session)
    }

    /// A kept connection that seems to be good.
    async fn kept(&self) -> Option<SmtpSession> {
        loop {
            let (mut session, since) = self.idle().pop()?;
            let idle = since.elapsed();
            // Older ones lie deeper: they are met, and dropped, in the following rounds.
            if idle < FRESH || idle < IDLE && session.is_alive().await {
                return Some(session);
            }
        }
    }

    fn keep(&self, session: SmtpSession) {
        let mut idle = self.idle();
        if idle.len() < self.connections {
            idle.push((session, Instant::now()));
        }
    }

    /// Closes idle connections.
    pub(super) async fn close(&self) {
        let idle = std::mem::take(&mut *self.idle());
        join_all(idle.into_iter().map(|(session, _)| session.quit())).await;
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(SmtpSession, Instant)>> {
        // Nobody panics while changing it.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn code(code: u16) -> Option<i16> {
    i16::try_from(code).ok()
}

/// What a failure means for the letter.
fn outcome(failure: &SmtpFailure) -> DeliveryOutcome {
    match &failure.fault {
        // The server has not heard of the letter, so whatever it said is about us.
        _ if failure.step < SmtpStep::Sender => DeliveryOutcome::Unreachable,
        _ if failure.code().is_some_and(|code| ABOUT_US.contains(&code)) => DeliveryOutcome::Unreachable,
        SmtpFault::Failed(error) if error.is_permanent() => DeliveryOutcome::Refused,
        // Refused for now, too slow, or cut off. It may be this letter's fault, and must not hold up the others.
        _ => DeliveryOutcome::Deferred,
    }
}
