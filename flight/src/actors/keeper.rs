//! Supervision: the address of an actor that is made anew when it has died.

use actix::{Actor, Addr, Arbiter, ArbiterHandle, Context, Handler, MailboxError, Message, dev::ToEnvelope};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Why an actor did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// It died over the message, or just before; the next message meets a new one.
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

/// Longer than a statement of the database may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(20);

/// The address of an actor, and how to make another.
pub(super) struct Keeper<A: Actor<Context = Context<A>>> {
    name: &'static str,
    arbiter: ArbiterHandle,
    make: Arc<dyn Fn() -> A + Send + Sync>,
    address: Mutex<Addr<A>>,
}

impl<A: Actor<Context = Context<A>>> Keeper<A> {
    /// Starts an actor on the present arbiter.
    pub(super) fn start(name: &'static str, make: impl Fn() -> A + Send + Sync + 'static) -> Self {
        let (arbiter, make) = (Arbiter::current(), Arc::new(make));
        let address = Mutex::new(make().start());
        Self { name, arbiter, make, address }
    }

    /// The address of an actor that lives.
    fn address(&self) -> Addr<A> {
        // Nothing that holds the lock can panic halfway.
        let mut address = self.address.lock().unwrap_or_else(PoisonError::into_inner);
        if !address.connected() {
            tracing::error!(actor.name = self.name, "An actor has died and is made anew");
            let make = self.make.clone();
            *address = A::start_in_arbiter(&self.arbiter, move |_| make());
        }
        address.clone()
    }

    /// Asks the actor.
    pub(super) async fn ask<M>(&self, message: M) -> Result<M::Result, AskError>
    where
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        M: Message<Result: Send> + Send + 'static,
    {
        Ok(self.address().send(message).timeout(ASK_TIMEOUT).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts what it is told, and dies of a zero.
    struct Counter(u32);

    #[derive(Message)]
    #[rtype(result = "u32")]
    struct Add(u32);

    impl Actor for Counter {
        type Context = Context<Self>;
    }

    impl Handler<Add> for Counter {
        type Result = u32;

        fn handle(&mut self, Add(number): Add, _: &mut Context<Self>) -> u32 {
            assert_ne!(number, 0, "of the test");
            self.0 += number;
            self.0
        }
    }

    #[actix::test]
    async fn a_dead_actor_is_made_anew_without_its_memory() {
        let keeper = Keeper::start("counter", || Counter(0));
        assert_eq!(keeper.ask(Add(2)).await, Ok(2));
        assert_eq!(keeper.ask(Add(3)).await, Ok(5));
        assert_eq!(keeper.ask(Add(0)).await, Err(AskError::Stopped));
        assert_eq!(keeper.ask(Add(1)).await, Ok(1));
    }
}
