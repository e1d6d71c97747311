//! The queues and the consumers of an in-process bus.

use super::queue::{MessageQueue, QueuedMessage};
use crate::bus::{BusError, ConsumerHandle, Scope, Subscription, WorkQueue};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a bus has. Clones are the same registry.
#[derive(Debug, Clone, Default)]
pub(super) struct Registry(Arc<Mutex<RegistryState>>);

/// What the lock protects.
#[derive(Debug, Default)]
pub(super) struct RegistryState {
    pub(super) closed: bool,
    pub(super) queues: Vec<Arc<MessageQueue>>,
    pub(super) consumers: Vec<ConsumerHandle>,
}

impl Registry {
    /// A registry that has these queues before their consumers.
    pub(super) fn with_queues(queues: &[WorkQueue]) -> Self {
        let declared = queues.iter().map(|queue| Arc::new(MessageQueue::new(&Subscription::of(queue), true)));
        let state = RegistryState { queues: declared.collect(), ..RegistryState::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, RegistryState> {
        // No code that holds the lock can panic halfway through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue of a subscription, made where it is missing.
    pub(super) fn bind(&self, subscription: &Subscription) -> Result<Arc<MessageQueue>, BusError> {
        let mut state = self.lock();
        if state.closed {
            return Err(BusError::Closed);
        }
        let shared = subscription.scope == Scope::Service;
        let known =
            state.queues.iter().find(|queue| shared && queue.shared && queue.name == subscription.queue);
        if let Some(queue) = known {
            queue.bind(subscription);
            return Ok(queue.clone());
        }
        let queue = Arc::new(MessageQueue::new(subscription, shared));
        state.queues.push(queue.clone());
        Ok(queue)
    }

    /// Forgets the queue of an instance with all that waits in it; a work queue stays.
    pub(super) fn release(&self, queue: &Arc<MessageQueue>) {
        if queue.shared {
            return;
        }
        self.lock().queues.retain(|other| !Arc::ptr_eq(other, queue));
        // As an exclusive queue that is gone: its messages no longer keep their publishers waiting.
        queue.clear().into_iter().for_each(QueuedMessage::settle);
    }
}
