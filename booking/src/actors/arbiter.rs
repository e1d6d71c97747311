//! `LastingArbiter`: a thread for actors that is replaced when it has ended.
//!
//! A thread ends when its arbiter is stopped, or when a fault ends its loop. All actors on it end with it at once, in
//! the middle of their work. No supervisor observes the thread: the code that starts an actor asks for a
//! [handle](LastingArbiter::handle), which replaces a thread that has ended. So the next request restarts an actor that
//! was lost with its thread, as it restarts one that died by itself.

use actix::{Arbiter, ArbiterHandle};
use shared::threads::{self, Priority};
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// See the module. Clones share the thread.
#[derive(Clone)]
pub(crate) struct LastingArbiter(Arc<Mutex<ArbiterSlot>>);

struct ArbiterSlot {
    /// The name of the thread.
    name: String,
    arbiter: Arbiter,
    /// It was stopped on purpose.
    stopped: bool,
}

impl LastingArbiter {
    /// Starts a thread in the present system; later calls for a handle come from the same system.
    ///
    /// # Errors
    /// Those of starting a thread.
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        let name = name.to_owned();
        let arbiter = threads::arbiter(name.clone(), Priority::Requests)?;
        Ok(Self(Arc::new(Mutex::new(ArbiterSlot { name, arbiter, stopped: false }))))
    }

    /// The slot. A poisoned lock guards a whole one: an arbiter is replaced in one step.
    fn slot(&self) -> MutexGuard<'_, ArbiterSlot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The arbiter as it is now; a fresh one where it has ended, unless that was on purpose.
    pub(crate) fn handle(&self) -> ArbiterHandle {
        let mut slot = self.slot();
        if !slot.stopped && !slot.arbiter.alive() {
            match threads::arbiter(slot.name.clone(), Priority::Requests) {
                Ok(fresh) => {
                    metrics::counter!("booking_restarts_total", "worker" => "arbiter").increment(1);
                    tracing::error!("A thread of actors has ended and is replaced");
                    slot.arbiter = fresh;
                }
                // The next call tries again.
                Err(error) => tracing::error!(%error, "A thread of actors has ended and cannot be replaced"),
            }
        }
        slot.arbiter.handle()
    }

    /// Ends the thread for good; everything on it is over.
    pub(crate) fn stop(&self) {
        let mut slot = self.slot();
        slot.stopped = true;
        // False where it has ended by itself.
        slot.arbiter.stop();
    }

    /// Ends the thread as a fault would; ready when it is dead.
    #[cfg(test)]
    pub(crate) async fn kill(&self) {
        let arbiter = self.handle();
        arbiter.stop();
        while arbiter.alive() {
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::{self, ThreadId};
    use tokio::sync::oneshot;

    /// The thread behind a handle, if it runs.
    async fn thread_of(handle: &ArbiterHandle) -> Option<ThreadId> {
        let (sender, receiver) = oneshot::channel();
        handle.spawn_fn(move || sender.send(thread::current().id()).unwrap());
        receiver.await.ok()
    }

    #[actix::test]
    async fn a_thread_is_replaced_when_it_has_ended_and_only_then() {
        let arbiter = LastingArbiter::start("test").unwrap();
        let first = thread_of(&arbiter.handle()).await;
        assert!(first.is_some());
        assert_eq!(thread_of(&arbiter.clone().handle()).await, first);
        arbiter.kill().await;
        let second = thread_of(&arbiter.handle()).await;
        assert!(second.is_some());
        assert_ne!(second, first);
        assert_eq!(thread_of(&arbiter.clone().handle()).await, second);
        arbiter.stop();
    }

    #[actix::test]
    async fn what_was_stopped_stays_so_and_leaves_nothing_behind() {
        let arbiter = LastingArbiter::start("test").unwrap();
        // Held by each thread as long as it lives.
        let held = Arc::new(());
        for _ in 0..3 {
            let on_thread = held.clone();
            arbiter.handle().spawn(async move {
                let _held = on_thread;
                std::future::pending::<()>().await;
            });
            arbiter.kill().await;
        }
        arbiter.handle();
        arbiter.stop();
        while arbiter.handle().alive() {
            tokio::task::yield_now().await;
        }
        assert_eq!(thread_of(&arbiter.handle()).await, None);
        while Arc::strong_count(&held) > 1 {
            tokio::task::yield_now().await;
        }
    }
}
