//! Sends letters that are due: claims them in the database, delivers several at once, and slows down
//! to one probe at a time while there is no mail server.
//!
//! **Invariant.** No more letters are claimed than there is room to deliver now, so a claim is always
//! being worked on, and its lease ends only where an instance has crashed.

use super::delivery::Desk;
use super::renderer::RendererHandle;
use crate::{
    domain::{Outcome, delay},
    outlet::Outlet,
    store::letters::ClaimedLetter,
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
pub struct SenderSettings {
    /// Letters under way at once.
    pub concurrency: usize,
    /// The longest that sending one may take.
    pub send_timeout: Duration,
}

/// There may be letters to send.
#[derive(Message)]
#[rtype(result = "()")]
struct Nudge {
    /// Somebody has reason to believe that the mail server is back.
    hopeful: bool,
}

/// Stop when what is under way is done.
#[derive(Message)]
#[rtype(result = "()")]
struct Stop;

/// The actor.
pub struct EmailSender {
    desk: Desk,
    concurrency: usize,
    nudged: Arc<AtomicBool>,
    under_way: usize,
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
pub struct SenderHandle {
    sender: Addr<EmailSender>,
    nudged: Arc<AtomicBool>,
}

impl SenderHandle {
    /// Tells that letters were stored. Never blocks, never fails: the sender also polls.
    pub fn nudge(&self) {
        // One nudge under way says it all.
        if !self.nudged.swap(true, Ordering::AcqRel)
            && self.sender.try_send(Nudge { hopeful: false }).is_err()
        {
            self.nudged.store(false, Ordering::Release);
        }
    }

    /// Tells that somebody wants a letter sent now: does not wait for the next probe of an outage.
    pub fn hurry(&self) {
        // A mailbox that is full or closed: the sender polls, or is gone.
        let _ = self.sender.try_send(Nudge { hopeful: true });
    }

    /// Stops; ready when what is under way is done and recorded.
    pub async fn stop(&self) {
        // An error means that it has stopped before.
        let _ = self.sender.send(Stop).await;
    }
}

impl EmailSender {
    /// Starts it on the present arbiter.
    #[must_use]
    pub fn start(
        pool: Pool,
        renderer: RendererHandle,
        outlet: Outlet,
        settings: SenderSettings,
    ) -> SenderHandle {
        let nudged = Arc::new(AtomicBool::new(false));
        let desk = Desk { pool, renderer, outlet: Arc::new(outlet), send_timeout: settings.send_timeout };
        let sender = Self {
            desk,
            concurrency: settings.concurrency.max(1),
            nudged: Arc::clone(&nudged),
            under_way: 0,
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
        if paused { 0 } else { bound.saturating_sub(self.under_way) }
    }

    fn go_on(&mut self, ctx: &mut Context<Self>) {
        if !self.stopping.is_empty() {
            return self.go_on_stopping(ctx);
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
        let desk = self.desk.clone();
        // A task of its own: nobody drops a future with an open transaction.
        let claim = actix_web::rt::spawn(async move { desk.claim(room).await });
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
                    self.go_on(ctx);
                }
            }
            // The next poll tries again.
            Err(error) => tracing::warn!(%error, "Letters cannot be claimed"),
        }
        if !self.stopping.is_empty() {
            self.go_on_stopping(ctx);
        }
    }

    fn deliver(&mut self, letter: ClaimedLetter, ctx: &mut Context<Self>) {
        self.under_way += 1;
        let desk = self.desk.clone();
        // A task of its own: a mail that is being sent is not cut off when this actor stops.
        let delivery = actix_web::rt::spawn(async move { desk.deliver(letter).await });
        let delivered = delivery.into_actor(self).map(|outcome, sender, ctx| {
            sender.under_way -= 1;
            match outcome {
                Ok(outcome) => sender.learn(outcome, ctx),
                // The lease brings the letter back.
                Err(panic) => tracing::error!(error.message = %panic, "A delivery failed"),
            }
            sender.go_on(ctx);
        });
        ctx.spawn(delivered);
    }

    /// Whether there is a mail server, as far as this outcome tells.
    fn learn(&mut self, outcome: Outcome, ctx: &mut Context<Self>) {
        if outcome != Outcome::Unreachable {
            (self.outage, self.probe_at) = (0, None);
            return;
        }
        self.outage = self.outage.saturating_add(1);
        let pause = delay(self.outage, PROBE.0, PROBE.1, rand::random_range(0.0..=1.0));
        tracing::warn!(
            mail.failures = self.outage,
            delay_ms = pause.as_millis(),
            "There is no mail server to speak of"
        );
        self.probe_at = Some(Instant::now() + pause);
        ctx.run_later(pause, Self::go_on);
    }

    fn go_on_stopping(&mut self, ctx: &mut Context<Self>) {
        if self.claiming || self.under_way > 0 {
            return;
        }
        let outlet = Arc::clone(&self.desk.outlet);
        actix_web::rt::spawn(async move { outlet.close().await });
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
        self.go_on(ctx);
        ctx.run_interval(POLL, Self::go_on);
    }
}

impl Handler<Nudge> for EmailSender {
    type Result = ();

    fn handle(&mut self, Nudge { hopeful }: Nudge, ctx: &mut Self::Context) {
        // Before the claim: what is committed after it nudges again.
        self.nudged.store(false, Ordering::Release);
        if hopeful {
            self.probe_at = None;
        }
        self.go_on(ctx);
    }
}

impl Handler<Stop> for EmailSender {
    // The answer waits outside of the actor, which goes on.
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Stop: Stop, ctx: &mut Self::Context) -> Self::Result {
        let (stop, stopped) = oneshot::channel();
        self.stopping.push(stop);
        self.go_on_stopping(ctx);
        Box::pin(async move { drop(stopped.await) })
    }
}
