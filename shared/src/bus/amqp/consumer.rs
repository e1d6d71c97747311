//! The actor that keeps one subscription alive across links.
//!
//! It owns the [session](super::session) of the present link, a task rather than an actor: reading,
//! asking the handler, and acknowledging are one strict sequence of waits, which a mailbox would only
//! cut into pieces. What is an actor's is here: state that outlives the sessions, and supervision.
//!
//! Invariant: at most one session at a time; its handler is never cut off in the midst of a batch
//! (a transaction could be open), so the next session begins only when the former has ended.

use super::{
    connection::ConnectionHandle,
    link::Link,
    session::{Ended, SessionWork},
};
use crate::bus::{Backoff, BusError};
use actix::prelude::*;
use std::{sync::Arc, time::Duration};
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Keeps a session on every link.
pub(super) struct Consumer {
    connection: ConnectionHandle,
    work: Arc<SessionWork>,
    /// Told when the queue was bound for the first time.
    bound: Option<oneshot::Sender<Result<(), BusError>>>,
    backoff: Backoff,
    stop: CancellationToken,
    /// Cancels the handle's second token when this actor is gone, in whatever way.
    _stopped: DropGuard,
}

impl Consumer {
    /// A consumer that works until `stop` is cancelled, tells when its queue was bound for the first
    /// time, and cancels `stopped` when it has ended.
    pub(super) fn new(
        connection: ConnectionHandle,
        work: SessionWork,
        bound: oneshot::Sender<Result<(), BusError>>,
        stop: CancellationToken,
        stopped: CancellationToken,
    ) -> Self {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
        let stopped = stopped.drop_guard();
        Self { connection, work: Arc::new(work), bound: Some(bound), backoff, stop, _stopped: stopped }
    }

    /// Waits for a link. Interleaves, as all below: there is nothing else to do meanwhile.
    fn follow(&mut self, ctx: &mut Context<Self>) {
        let (connection, stop) = (self.connection.clone(), self.stop.clone());
        let waiting = async move {
            tokio::select! {
                link = connection.link() => link,
                () = stop.cancelled() => None,
            }
        };
        ctx.spawn(waiting.into_actor(self).map(|link, consumer, ctx| match link {
            Some(link) => consumer.begin(link, ctx),
            // Told to stop, or the connection was closed for good.
            None => ctx.stop(),
        }));
    }

    /// Runs a session until it ends. It is a task of its own, so that stopping the actor does not cut
    /// off its handler.
    fn begin(&mut self, link: Link, ctx: &mut Context<Self>) {
        let (bind, bound) = oneshot::channel();
        let session = tokio::spawn(Arc::clone(&self.work).run(link, self.stop.clone(), bind));
        ctx.spawn(bound.into_actor(self).map(|bound, consumer, _| {
            if bound.is_ok() {
                consumer.backoff.reset();
                if let Some(first) = consumer.bound.take() {
                    let _ = first.send(Ok(()));
                }
            }
        }));
        ctx.spawn(session.into_actor(self).map(|ended, consumer, ctx| match ended {
            Ok(Ended::Stopped) => ctx.stop(),
            Ok(Ended::Broken(error)) => consumer.begin_later(&error, ctx),
            Err(error) => consumer.begin_later(&error, ctx),
        }));
    }

    fn begin_later(&mut self, error: &dyn std::fmt::Display, ctx: &mut Context<Self>) {
        let delay = self.backoff.delay();
        tracing::warn!(
            bus.queue = self.work.subscription.queue, %error, delay_ms = delay.as_millis(),
            "Consumption was interrupted"
        );
        ctx.run_later(delay, Self::follow);
    }
}

impl Actor for Consumer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.follow(ctx);
    }
}
