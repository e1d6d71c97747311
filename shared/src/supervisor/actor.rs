//! Actors: the address of one that is made anew when it has died.

use super::worker::{WorkerEnd, supervise};
use actix::{Actor, Addr, Context, Handler, MailboxError, Message, dev::ToEnvelope};
use std::{rc::Rc, time::Duration};
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

/// Longer than a statement of the database may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(20);

/// Why an actor did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// It died over the message; a later message meets a new one.
    #[error("the actor has stopped")]
    Stopped,
    /// It is busy, or what it asked is.
    #[error("the actor did not answer in time")]
    Timeout,
}

impl From<MailboxError> for AskError {
    fn from(error: MailboxError) -> Self {
        match error {
            MailboxError::Closed => Self::Stopped,
            MailboxError::Timeout => Self::Timeout,
        }
    }
}

/// Kept by a supervised actor as long as it lives: its drop tells the supervisor of the actor's death.
#[derive(Debug)]
pub struct Lifeline(Option<oneshot::Sender<WorkerEnd>>);

impl Lifeline {
    /// Tells the supervisor that the actor is not needed any more. No other takes its place.
    pub fn done(&mut self) {
        if let Some(end) = self.0.take() {
            // An error means that the supervisor has ended before.
            let _ = end.send(WorkerEnd::Done);
        }
    }
}

/// A cloneable handle of an actor that is made anew when it has died. The actor ends with the last handle.
pub struct SupervisedActor<A: Actor<Context = Context<A>>>(watch::Receiver<Option<Addr<A>>>);

impl<A: Actor<Context = Context<A>>> Clone for SupervisedActor<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Actor<Context = Context<A>>> SupervisedActor<A> {
    /// Starts an actor on the present arbiter. `make` makes it, and each later one; the actor must keep its lifeline.
    #[must_use]
    pub fn start(
        service: &'static str,
        name: &'static str,
        mut make: impl FnMut(Lifeline) -> A + 'static,
    ) -> Self {
        let (sender, receiver) = watch::channel(None);
        let addresses = Rc::new(sender);
        supervise(service, name, move || {
            let (end, ended) = oneshot::channel();
            addresses.send_replace(Some(make(Lifeline(Some(end))).start()));
            let addresses = addresses.clone();
            async move {
                let end = tokio::select! {
                    // A lifeline that was dropped has sent nothing.
                    end = ended => end.unwrap_or(WorkerEnd::Died),
                    () = addresses.closed() => WorkerEnd::Done,
                };
                // An actor lives as long as there is an address of it.
                addresses.send_replace(None);
                end
            }
        });
        Self(receiver)
    }

    /// The address of the actor that lives now; none while another is made.
    #[must_use]
    pub fn address(&self) -> Option<Addr<A>> {
        self.0.borrow().clone().filter(Addr::connected)
    }

    /// Asks the actor; while another is made, waits for that one.
    ///
    /// # Errors
    /// [`AskError`], within 40 seconds.
    pub async fn ask<M>(&self, message: M) -> Result<M::Result, AskError>
    where
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        M: Message<Result: Send> + Send + 'static,
    {
        let address = match self.address() {
            Some(address) => address,
            None => self.next_address().await?,
        };
        Ok(address.send(message).timeout(ASK_TIMEOUT).await?)
    }

    async fn next_address(&self) -> Result<Addr<A>, AskError> {
        let mut addresses = self.0.clone();
        let lives = |address: &Option<Addr<A>>| address.as_ref().is_some_and(Addr::connected);
        let next = timeout(ASK_TIMEOUT, addresses.wait_for(lives)).await;
        let address = next.map_err(|_| AskError::Timeout)?.map_err(|_| AskError::Stopped)?.clone();
        address.ok_or(AskError::Stopped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Weak};

    /// Counts what it is told, and dies of a zero.
    struct SupervisedCounter {
        sum: u32,
        _alive: Arc<()>,
        lifeline: Lifeline,
    }

    #[derive(Message)]
    #[rtype(result = "u32")]
    struct Add(u32);

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Finish;

    impl Actor for SupervisedCounter {
        type Context = Context<Self>;
    }

    impl Handler<Add> for SupervisedCounter {
        type Result = u32;

        fn handle(&mut self, Add(number): Add, _: &mut Context<Self>) -> u32 {
            assert_ne!(number, 0, "of the test");
            self.sum += number;
            self.sum
        }
    }

    impl Handler<Finish> for SupervisedCounter {
        type Result = ();

        fn handle(&mut self, _: Finish, _: &mut Context<Self>) {
            self.lifeline.done();
        }
    }

    /// A counter, and what is alive as long as its actor.
    fn counter() -> (SupervisedActor<SupervisedCounter>, Weak<()>) {
        let alive = Arc::new(());
        let weak = Arc::downgrade(&alive);
        let mut first = Some(alive);
        let make =
            move |lifeline| SupervisedCounter { sum: 0, _alive: first.take().unwrap_or_default(), lifeline };
        (SupervisedActor::start("test", "counter", make), weak)
    }

    async fn ended(alive: &Weak<()>) {
        while alive.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[actix_web::test]
    async fn a_dead_actor_is_made_anew_without_its_memory() {
        let (counter, _) = counter();
        assert_eq!(counter.ask(Add(2)).await, Ok(2));
        assert_eq!(counter.ask(Add(3)).await, Ok(5));
        assert_eq!(counter.ask(Add(0)).await, Err(AskError::Stopped));
        assert_eq!(counter.ask(Add(1)).await, Ok(1));
    }

    #[actix_web::test]
    async fn an_actor_that_is_done_is_not_made_anew() {
        let (counter, alive) = counter();
        assert_eq!(counter.ask(Finish).await, Ok(()));
        ended(&alive).await;
        assert_eq!(counter.ask(Add(1)).await, Err(AskError::Stopped));
    }

    #[actix_web::test]
    async fn an_actor_ends_with_its_last_handle() {
        let (counter, alive) = counter();
        assert_eq!(counter.ask(Add(1)).await, Ok(1));
        drop(counter);
        ended(&alive).await;
    }
}
