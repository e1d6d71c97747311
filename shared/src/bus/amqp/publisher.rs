//! The actor that publishes, and turns the broker's confirms into futures.
//!
//! Invariants:
//! - The actor alone sends on its channel, so the delivery tags that it counts are the broker's.
//! - Every publish gets an answer: the broker's, or [`BusError::Unconfirmed`] at once when its link dies.
//! - **Shared fate.** After an event was refused or left unconfirmed, no event is taken until the
//!   caller has let go of every future that failed. So a caller who stops at the first failure and
//!   starts again from there (the relay) never has a later event overtake an earlier one across a
//!   reconnect, whatever the threads do.
//!
//! Events are not mandatory: one that nobody is bound to is dropped by the broker and confirmed, and
//! that is right, since nobody wants it: the work queues are [declared](super::topology::Published)
//! before the first publish on a link, whether their consumers have ever run or not. Retries are mandatory: their queue must be there.

use super::{
    callbacks::OnChannel,
    confirms::{Confirms, PublisherConfirm},
    connection::ConnectionHandle,
    link::{InRuntime, Link, LinkError},
    topology::PublishingTopology,
};
use crate::bus::{Backoff, BusError};
use actix::{ArbiterHandle, prelude::*};
use amqprs::{
    BasicProperties,
    channel::{BasicPublishArguments, Channel, ConfirmSelectArguments},
};
use futures_util::{FutureExt, future::BoxFuture};
use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};

/// Publishes without a confirm, at most. Below the buffer of `amqprs` (8192), so handing over a
/// message never has to wait; above the relay's window and what consumers can retry at once.
const MOST_PENDING: usize = 4096;
/// Messages to the actor, at most.
const MAILBOX: usize = 4096;
/// How often a stall of confirms is looked for.
const LOOK: Duration = Duration::from_millis(250);

/// A message for the broker.
pub(super) struct OutgoingMessage {
    pub(super) exchange: String,
    pub(super) routing_key: String,
    /// Whether a queue must be there, and the message is none of the ordered events.
    pub(super) mandatory: bool,
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
}

/// Whoever waits for the answer to a publish.
struct PublishCaller {
    answer: oneshot::Sender<Result<(), BusError>>,
    /// Of an ordered event: alive as long as the caller holds the future.
    interest: Option<Weak<()>>,
}

/// Sends a message.
#[derive(Message)]
#[rtype(result = "()")]
struct PublishMessage {
    outgoing: OutgoingMessage,
    caller: PublishCaller,
}

/// The failures that their callers may not have noticed yet.
#[derive(Clone, Default)]
struct Unnoticed(Arc<Mutex<Vec<Weak<()>>>>);

impl Unnoticed {
    fn add(&self, interest: Weak<()>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(interest);
    }

    fn is_empty(&self) -> bool {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.retain(|interest| interest.strong_count() > 0);
        failures.is_empty()
    }
}

/// A channel in confirm mode on one link.
struct PublishingSession {
    link: Link,
    channel: InRuntime<Channel>,
    confirms: Confirms<PublishCaller>,
    /// When the broker last had something to confirm and did, or had nothing to confirm.
    progress_at: Instant,
}

/// Publishes on one channel of the publishing connection.
pub(super) struct Publisher {
    connection: ConnectionHandle,
    needs: PublishingTopology,
    /// This long without any confirm while some are due means that the link is dead or blocked.
    stall: Duration,
    session: Option<PublishingSession>,
    ready: Arc<AtomicBool>,
    unnoticed: Unnoticed,
    backoff: Backoff,
}

/// A cloneable handle of a [`Publisher`].
#[derive(Clone)]
pub(super) struct PublisherHandle {
    publisher: Addr<Publisher>,
    ready: Arc<AtomicBool>,
    unnoticed: Unnoticed,
}

impl PublisherHandle {
    /// Publishes a message. Its place in the order is taken now; the future is the broker's answer.
    pub(super) fn publish(&self, outgoing: OutgoingMessage) -> BoxFuture<'static, Result<(), BusError>> {
        let (answer, answered) = oneshot::channel();
        let interest = Arc::new(());
        let weak = (!outgoing.mandatory).then(|| Arc::downgrade(&interest));
        let caller = PublishCaller { answer, interest: weak.clone() };
        if self.publisher.try_send(PublishMessage { outgoing, caller }).is_err() {
            weak.into_iter().for_each(|interest| self.unnoticed.add(interest));
        }
        Box::pin(async move {
            let answer = answered.await;
            drop(interest);
            // No answer: the mailbox is full, or the actor has stopped.
            answer.unwrap_or_else(|_| Err(unconfirmed("the publisher is overloaded or closed")))
        })
    }

    /// Whether messages can be published now.
    pub(super) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }
}

impl Publisher {
    /// Starts on this arbiter.
    pub(super) fn open(
        arbiter: &ArbiterHandle,
        connection: ConnectionHandle,
        needs: PublishingTopology,
        stall: Duration,
    ) -> PublisherHandle {
        let (ready, unnoticed) = (Arc::new(AtomicBool::new(false)), Unnoticed::default());
        let publisher = Self {
            connection,
            needs,
            stall,
            session: None,
            ready: ready.clone(),
            unnoticed: unnoticed.clone(),
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(5)),
        };
        let publisher = Self::start_in_arbiter(arbiter, |ctx| {
            ctx.set_mailbox_capacity(MAILBOX);
            publisher
        });
        PublisherHandle { publisher, ready, unnoticed }
    }

    /// Waits for a link and opens a channel on it. Interleaves: publishes are refused meanwhile.
    fn follow(&mut self, ctx: &mut Context<Self>) {
        let (connection, needs, publisher) = (self.connection.clone(), self.needs.clone(), ctx.address());
        let opening = async move {
            let link = connection.link().await?;
            let channel = open_channel(&link, &needs, publisher).await;
            Some((link, channel))
        };
        ctx.spawn(opening.into_actor(self).map(|opened, publisher, ctx| match opened {
            Some((link, Ok(channel))) => publisher.begin(link, channel, ctx),
            Some((link, Err(error))) => {
                let delay = publisher.backoff.delay();
                tracing::warn!(
                    bus.generation = link.generation(), %error, delay_ms = delay.as_millis(),
                    "No channel to publish on"
                );
                ctx.run_later(delay, Self::follow);
            }
            // The connection was closed for good.
            None => ctx.stop(),
        }));
    }

    fn begin(&mut self, link: Link, channel: InRuntime<Channel>, ctx: &mut Context<Self>) {
        assert!(self.session.is_none(), "one channel at a time");
        let lost = link.lost().clone();
        self.session = Some(PublishingSession {
            link,
            channel,
            confirms: Confirms::default(),
            progress_at: Instant::now(),
        });
        self.backoff.reset();
        self.ready.store(true, Ordering::Release);
        let death = async move { lost.cancelled().await };
        ctx.spawn(death.into_actor(self).map(|(), publisher, ctx| publisher.end(ctx)));
    }

    /// The link is dead: everything pending fails at once, before there can be another link.
    fn end(&mut self, ctx: &mut Context<Self>) {
        self.ready.store(false, Ordering::Release);
        let Some(mut session) = self.session.take() else { return };
        let reason = session.link.reason();
        for caller in session.confirms.give_up() {
            self.fail(caller, &reason);
        }
        self.follow(ctx);
    }

    fn fail(&self, caller: PublishCaller, reason: &str) {
        metrics::counter!("bus_publish_failures_total").increment(1);
        // Before the answer: the caller may act on it at once.
        if let Some(interest) = caller.interest {
            self.unnoticed.add(interest);
        }
        let _ = caller.answer.send(Err(unconfirmed(reason)));
    }

    /// Ends the link when the broker owes confirms for too long. It is also how a broker looks that
    /// has blocked its publishers for lack of memory or disk.
    fn look_for_a_stall(&mut self) {
        let Some(session) = &mut self.session else { return };
        if session.confirms.is_empty() {
            session.progress_at = Instant::now();
        } else if session.progress_at.elapsed() >= self.stall {
            session.link.lose("the broker confirmed nothing for too long");
        }
    }
}

/// Opens the publishing channel when there is all that must be there.
async fn open_channel(
    link: &Link,
    needs: &PublishingTopology,
    publisher: Addr<Publisher>,
) -> Result<InRuntime<Channel>, LinkError> {
    needs.declare(link).await?;
    let channel = link.open_channel().await?;
    let publisher = Some(publisher.recipient());
    link.call(channel.register_callback(OnChannel { link: link.clone(), publisher })).await?;
    link.call(channel.confirm_select(ConfirmSelectArguments::default())).await?;
    Ok(channel)
}

fn unconfirmed(reason: &str) -> BusError {
    BusError::Unconfirmed(reason.to_owned())
}

impl PublishingSession {
    /// Hands a message over to `amqprs`; gives the caller back where that is impossible.
    fn send(
        &mut self,
        mut outgoing: OutgoingMessage,
        caller: PublishCaller,
    ) -> Result<(), (PublishCaller, String)> {
        if self.link.is_lost() {
            return Err((caller, self.link.reason()));
        }
        if self.confirms.len() >= MOST_PENDING {
            return Err((caller, "too many publishes wait for their confirms".to_owned()));
        }
        if self.confirms.is_empty() {
            self.progress_at = Instant::now();
        }
        if outgoing.mandatory {
            outgoing.properties.with_correlation_id(&self.confirms.next_tag().to_string());
        }
        let mut target = BasicPublishArguments::new(&outgoing.exchange, &outgoing.routing_key);
        target.mandatory(outgoing.mandatory);
        let sending = self.channel.basic_publish(outgoing.properties, outgoing.body, target);
        // There is room in the buffer of amqprs, see MOST_PENDING, so this does not wait; unless
        // tokio's budget of this turn was used up, hence `unconstrained`.
        match tokio::task::unconstrained(sending).now_or_never() {
            Some(Ok(())) => {
                self.confirms.sent(caller);
                Ok(())
            }
            Some(Err(error)) => {
                self.link.lose(error.to_string());
                Err((caller, error.to_string()))
            }
            None => {
                self.link.lose("the network takes no more messages");
                Err((caller, self.link.reason()))
            }
        }
    }
}

impl Actor for Publisher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.follow(ctx);
        ctx.run_interval(LOOK, |publisher, _| publisher.look_for_a_stall());
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.ready.store(false, Ordering::Release);
    }
}

impl Handler<PublishMessage> for Publisher {
    type Result = ();

    fn handle(&mut self, PublishMessage { outgoing, caller }: PublishMessage, _: &mut Self::Context) {
        if caller.interest.is_some() && !self.unnoticed.is_empty() {
            self.fail(caller, "an earlier event was not confirmed");
            return;
        }
        let Some(session) = &mut self.session else {
            self.fail(caller, "there is no connection to the broker");
            return;
        };
        if let Err((caller, reason)) = session.send(outgoing, caller) {
            self.fail(caller, &reason);
        }
    }
}

impl Handler<PublisherConfirm> for Publisher {
    type Result = ();

    fn handle(&mut self, confirm: PublisherConfirm, _: &mut Self::Context) {
        let Some(session) =
            self.session.as_mut().filter(|session| session.link.generation() == confirm.generation)
        else {
            // About messages that have failed already.
            return;
        };
        session.progress_at = Instant::now();
        let decided = session.confirms.decide(confirm);
        for (caller, safe) in decided {
            if safe {
                let _ = caller.answer.send(Ok(()));
                continue;
            }
            // Later events may be on their way to the queues: end the link, so that all fail alike.
            if caller.interest.is_some()
                && let Some(session) = &self.session
            {
                session.link.lose("the broker refused an event");
            }
            self.fail(caller, "the broker did not take the message");
        }
    }
}
