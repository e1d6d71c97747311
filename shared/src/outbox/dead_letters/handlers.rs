//! The consumers that dead letters are replayed to.

use crate::bus::Handler;
use actix_rt::ArbiterHandle;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

/// Who consumes a queue, and on which thread.
#[derive(Clone)]
pub(super) struct QueueHandler {
    pub(super) handler: Arc<dyn Handler>,
    pub(super) arbiter: Option<ArbiterHandle>,
}

/// The handlers of a service by the names of their subscriptions. Clones share it.
#[derive(Clone, Default)]
pub(super) struct QueueHandlers(Arc<RwLock<HashMap<String, QueueHandler>>>);

impl QueueHandlers {
    pub(super) fn insert(&self, queue: &str, handler: QueueHandler) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(queue.to_owned(), handler);
    }

    pub(super) fn of(&self, queue: &str) -> Option<QueueHandler> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(queue).cloned()
    }
}
