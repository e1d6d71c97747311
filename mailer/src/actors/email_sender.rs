//! Sends letters that are due: claims them in the database, delivers several at once, and slows down
//! to one probe at a time while there is no mail server.
//!
//! **Invariant.** No more letters are claimed than there is room to deliver now, so a claim is always
//! being worked on, and its lease ends only where an instance has crashed.

use super::delivery::LetterDelivery;
use super::renderer::RendererHandle;
use crate::{
    domain::{DeliveryOutcome, backoff},
    store::letters::ClaimedLetter,
    transport::MailTransport,
};
use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, ResponseFuture,
    WrapFuture,
};
use shared::db::{DbError, Pool};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// How often it looks for letters without being nudged: those whose delay has passed, and those of
/// instances that crashed.
const POLL: Duration = Duration::from_secs(1);

/// The pause between probes for a mail server: the first, and the longest.
const PROBE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// How letters are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SenderSettings {
    /// Letters under way at once.
    pub(crate) concurrency: usize,
    /// The longest that sending one may take.
    pub(crate) send_timeout: Duration,
}

/// There may be letters to send.
#[derive(Message)]
#[rtype(result = "()")]
struct SendDueLetters {
    /// Somebody has reason to believe that the mail server is back.
    ignore_backoff: bool,
}

/// Asks the sender to stop after the letters in flight.
#[derive(Message)]
#[rtype(result = "()")]
struct StopSender;

/// The actor.
pub(crate) struct EmailSender {
    delivery: LetterDelivery,
    concurrency: usize,
    nudged: Arc<AtomicBool>,
    in_flight: usize,
    claiming: bool,
    /// Somebody asked to look while a claim was running.
    again: bool,
    /// Attempts in a row that found no mail server.
    outage: u32,
    /// The next probe, while there is no mail server.
    probe_at: Option<Instant>,
    stopping: Vec<oneshot::Sender<()>>,
}

/// A cloneable handle of an [`EmailSender`].
#[derive(Clone)]
pub(crate) struct SenderHandle {
    sender: Addr<EmailSender>,
    nudged: Arc<AtomicBool>,
}

impl SenderHandle {
    /// Tells that letters were stored. Never blocks, never fails: the sender also polls.
    pub(crate) fn nudge(&self) {
        // One nudge under way says it all.
        if !self.nudged.swap(true, Ordering::AcqRel)
            && self.sender.try_send(SendDueLetters { ignore_backoff: false }).is_err()
        {
            self.nudged.store(false, Ordering::Release);
        }
    }

    /// Tells that somebody wants a letter sent now: does not wait for the next probe of an outage.
    pub(crate) fn send_now(&self) {
        // A mailbox that is full or closed: the sender polls, or is gone.
        let _ = self.sender.try_send(SendDueLetters { ignore_backoff: true });
    }

    /// Stops; ready when what is under way is done and recorded.
    pub(crate) async fn stop(&self) {
        // An error means that it has stopped before.
        let _ = self.sender.send(StopSender).await;
    }
}

impl EmailSender {
    /// Starts it on the present arbiter.
    pub(crate) fn start(
        pool: Pool,
        renderer: RendererHandle,
        transport: MailTransport,
        settings: SenderSettings,
    ) -> SenderHandle {
        let nudged = Arc::new(AtomicBool::new(false));
        let delivery = LetterDelivery {
            pool,
            renderer,
            transport: Arc::new(transport),
            send_timeout: settings.send_timeout,
        };
        let sender = Self {
            delivery,
            concurrency: settings.concurrency.max(1),
            nudged: Arc::clone(&nudged),
            in_flight: 0,
            claiming: false,
            again: false,
            outage: 0,
            probe_at: None,
            stopping: Vec::new(),
        };
        SenderHandle { sender: Actor::start(sender), nudged }
    }

    /// How many letters may be claimed now.
    fn room(&self) -> usize {
        let bound = if self.outage > 0 { 1 } else { self.concurrency };
        let paused = self.probe_at.is_some_and(|at| at > Instant::now());
        if paused { 0 } else { bound.saturating_sub(self.in_flight) }
    }

    fn claim_due(&mut self, ctx: &mut Context<Self>) {
        if !self.stopping.is_empty() {
            return self.continue_stopping(ctx);
        }
        if self.claiming {
            self.again = true;
            return;
        }
        let room = self.room();
        if room == 0 {
            return;
        }
        (self.claiming, self.again) = (true, false);
        let delivery = self.delivery.clone();
        // A task of its own: nobody drops a future with an open transaction.
        let claim = actix_web::rt::spawn(async move { delivery.claim(room).await });
        let claimed = claim.into_actor(self).map(move |claimed, sender, ctx| match claimed {
            Ok(claimed) => sender.claimed(claimed, room, ctx),
            Err(panic) => {
                tracing::error!(error.message = %panic, "Claiming letters failed");
                sender.claiming = false;
            }
        });
        ctx.spawn(claimed);
    }

    fn claimed(
        &mut self,
        claimed: Result<Vec<ClaimedLetter>, DbError>,
        room: usize,
        ctx: &mut Context<Self>,
    ) {
        self.claiming = false;
        match claimed {
            Ok(letters) => {
                debug_assert!(letters.len() <= room, "no more letters are claimed than there is room for");
                // A full claim means that there may be more.
                let more = letters.len() == room;
                for letter in letters {
                    self.deliver(letter, ctx);
                }
                if self.again || more {
                    self.claim_due(ctx);
                }
            }
            // The next poll tries again.
            Err(error) => tracing::warn!(%error, "Letters cannot be claimed"),
        }
        if !self.stopping.is_empty() {
            self.continue_stopping(ctx);
        }
    }

    fn deliver(&mut self, letter: ClaimedLetter, ctx: &mut Context<Self>) {
        self.in_flight += 1;
        let delivery = self.delivery.clone();
        // A task of its own: a mail that is being sent is not cut off when this actor stops.
        let delivery = actix_web::rt::spawn(async move { delivery.deliver(letter).await });
        let delivered = delivery.into_actor(self).map(|outcome, sender, ctx| {
            sender.in_flight -= 1;
            match outcome {
                Ok(outcome) => sender.record_outcome(outcome, ctx),
                // The lease brings the letter back.
                Err(panic) => tracing::error!(error.message = %panic, "A delivery failed"),
            }
            sender.claim_due(ctx);
        });
        ctx.spawn(delivered);
    }

    /// Whether there is a mail server, as far as this outcome tells.
    fn record_outcome(&mut self, outcome: DeliveryOutcome, ctx: &mut Context<Self>) {
        if outcome != DeliveryOutcome::Unreachable {
            (self.outage, self.probe_at) = (0, None);
            return;
        }
        self.outage = self.outage.saturating_add(1);
        let pause = backoff(self.outage, PROBE.0, PROBE.1, rand::random_range(0.0..=1.0));
        tracing::warn!(
            mail.failures = self.outage,
            delay_ms = pause.as_millis(),
            "There is no mail server to speak of"
        );
        self.probe_at = Some(Instant::now() + pause);
        ctx.run_later(pause, Self::claim_due);
    }

    fn continue_stopping(&mut self, ctx: &mut Context<Self>) {
        if self.claiming || self.in_flight > 0 {
            return;
        }
        let transport = Arc::clone(&self.delivery.transport);
        actix_web::rt::spawn(async move { transport.close().await });
        ctx.stop();
        for stopped in self.stopping.drain(..) {
            // Whoever no longer waits need not know.
            let _ = stopped.send(());
        }
    }
}

impl Actor for EmailSender {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.claim_due(ctx);
        ctx.run_interval(POLL, Self::claim_due);
    }
}

impl Handler<SendDueLetters> for EmailSender {
    type Result = ();

    fn handle(&mut self, SendDueLetters { ignore_backoff }: SendDueLetters, ctx: &mut Self::Context) {
        // Before the claim: what is committed after it nudges again.
        self.nudged.store(false, Ordering::Release);
        if ignore_backoff {
            self.probe_at = None;
        }
        self.claim_due(ctx);
    }
}

impl Handler<StopSender> for EmailSender {
    // The answer waits outside of the actor, which goes on.
    type Result = ResponseFuture<()>;

    fn handle(&mut self, StopSender: StopSender, ctx: &mut Self::Context) -> Self::Result {
        let (stop, stopped) = oneshot::channel();
        self.stopping.push(stop);
        self.continue_stopping(ctx);
        Box::pin(async move { drop(stopped.await) })
    }
}
