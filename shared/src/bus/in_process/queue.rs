//! A queue of the in-process carrier: what waits, what waits for its retry, and in which order it
//! is handed out.

use crate::{
    bus::{Delivery, Subscription},
    events::{Event, EventType},
};
use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

/// A message in a queue. Whoever published it waits for the receipt; dropping the item without
/// settling it tells the publisher that the message was not confirmed.
#[derive(Debug)]
pub(super) struct QueuedMessage {
    event: Arc<Event>,
    attempt: u32,
    receipt: oneshot::Sender<()>,
}

impl QueuedMessage {
    /// A message that nobody has tried yet, and what its publisher waits for.
    pub(super) fn new(event: Arc<Event>) -> (Self, oneshot::Receiver<()>) {
        let (receipt, receiver) = oneshot::channel();
        (Self { event, attempt: 1, receipt }, receiver)
    }

    /// The message as its handler gets it.
    pub(super) fn delivery(&self) -> Delivery {
        Delivery { event: Event::clone(&self.event), attempt: self.attempt }
    }

    /// The consumer has committed it, or stored it as a dead letter.
    pub(super) fn settle(self) {
        // A publisher that no longer waits is fine.
        let _ = self.receipt.send(());
    }
}

/// What a consumer finds in its queue.
#[derive(Debug)]
pub(super) enum TakenBatch {
    /// Messages, at least one.
    Batch(VecDeque<QueuedMessage>),
    /// None that may be handed out before this instant (`None`: before something changes).
    Nothing(Option<Instant>),
}

/// A queue, shared by its consumers.
#[derive(Debug)]
pub(super) struct MessageQueue {
    /// The name of its subscription.
    pub(super) name: String,
    /// Whether it outlives its consumers, as a durable work queue does.
    pub(super) shared: bool,
    state: Mutex<QueueState>,
    /// Wakes consumers when something was added.
    changed: Notify,
}

#[derive(Debug, Default)]
struct QueueState {
    types: HashSet<EventType>,
    waiting: VecDeque<QueuedMessage>,
    /// In the order in which they came here, each with the instant from which it is tried again.
    delayed: Vec<(Instant, QueuedMessage)>,
}

impl MessageQueue {
    pub(super) fn new(subscription: &Subscription, shared: bool) -> Self {
        let queue = Self {
            name: subscription.queue.clone(),
            shared,
            state: Mutex::default(),
            changed: Notify::new(),
        };
        queue.bind(subscription);
        queue
    }

    /// Adds the types that a further subscription wants.
    pub(super) fn bind(&self, subscription: &Subscription) {
        self.state().types.extend(&subscription.types);
    }

    /// Appends the message if the queue is bound to its type.
    pub(super) fn offer(&self, event: &Arc<Event>) -> Option<oneshot::Receiver<()>> {
        let mut state = self.state();
        if !state.types.contains(&event.kind) {
            return None;
        }
        let (item, receipt) = QueuedMessage::new(event.clone());
        state.waiting.push_back(item);
        drop(state);
        self.changed.notify_waiters();
        Some(receipt)
    }

    /// Takes up to `limit` messages, in order, without those of a subject that has a message waiting
    /// for its retry.
    pub(super) fn take(&self, limit: usize, now: Instant) -> TakenBatch {
        let mut state = self.state();
        state.recall(now);
        let blocked: HashSet<&str> =
            state.delayed.iter().map(|(_, item)| item.event.subject.as_str()).collect();
        // The rule is that nothing is blocked; then this takes the head of the queue.
        let chosen: Vec<usize> = (0..state.waiting.len())
            .filter(|&at| blocked.is_empty() || !blocked.contains(state.waiting[at].event.subject.as_str()))
            .take(limit)
            .collect();
        if chosen.is_empty() {
            return TakenBatch::Nothing(state.delayed.iter().map(|(due, _)| *due).min());
        }
        // Each one removed shifts those behind it by one.
        let batch =
            chosen.iter().enumerate().filter_map(|(shift, &at)| state.waiting.remove(at - shift)).collect();
        TakenBatch::Batch(batch)
    }

    /// Puts messages back where they were, before everything that waits.
    pub(super) fn put_back(&self, items: impl DoubleEndedIterator<Item = QueuedMessage>) {
        let mut state = self.state();
        for item in items.rev() {
            state.waiting.push_front(item);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Keeps a message that failed until its next attempt.
    pub(super) fn delay(&self, item: QueuedMessage, due: Instant) {
        self.state().delayed.push((due, QueuedMessage { attempt: item.attempt.saturating_add(1), ..item }));
        self.changed.notify_waiters();
    }

    /// Empties the queue: whoever reads the items tells their publishers what became of them.
    pub(super) fn clear(&self) -> Vec<QueuedMessage> {
        let mut state = self.state();
        let delayed = std::mem::take(&mut state.delayed).into_iter().map(|(_, item)| item);
        std::mem::take(&mut state.waiting).into_iter().chain(delayed).collect()
    }

    /// Wakes when something was added after this was called.
    pub(super) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        // No code that holds the lock can panic halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueState {
    /// Moves what is due to the head of the queue: it is older than all that waits there of its
    /// subject.
    fn recall(&mut self, now: Instant) {
        let due: Vec<QueuedMessage> =
            self.delayed.extract_if(.., |(due, _)| *due <= now).map(|(_, item)| item).collect();
        for item in due.into_iter().rev() {
            self.waiting.push_front(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn offer(queue: &MessageQueue, subject: &str, version: i64) {
        let event = Event::new("test", EventType::SeatsChanged, subject, version, &serde_json::Value::Null);
        drop(queue.offer(&Arc::new(event)).expect("bound"));
    }

    fn names(found: &TakenBatch) -> Vec<String> {
        match found {
            TakenBatch::Batch(items) => {
                items.iter().map(|item| format!("{}{}", item.event.subject, item.event.version)).collect()
            }
            TakenBatch::Nothing(_) => Vec::new(),
        }
    }

    #[test]
    fn a_subject_waits_for_its_own_retry_and_for_no_other() {
        let queue = MessageQueue::new(&Subscription::service("q", &[EventType::SeatsChanged]), true);
        for (subject, version) in [("a", 1), ("a", 2), ("b", 1), ("a", 3)] {
            offer(&queue, subject, version);
        }
        let now = Instant::now();
        let TakenBatch::Batch(mut first) = queue.take(1, now) else { panic!("four wait") };
        let due = now + Duration::from_secs(1);
        queue.delay(first.pop_front().expect("one"), due);
        assert_eq!(names(&queue.take(9, now)), ["b1"], "a waits");
        assert!(matches!(queue.take(9, now), TakenBatch::Nothing(Some(until)) if until == due));
        let again = queue.take(9, due);
        assert_eq!(names(&again), ["a1", "a2", "a3"]);
        let TakenBatch::Batch(again) = again else { panic!("three wait") };
        assert_eq!(again.iter().map(|item| item.attempt).collect::<Vec<_>>(), [2, 1, 1]);
        queue.put_back(again.into_iter());
        assert_eq!(names(&queue.take(2, due)), ["a1", "a2"]);
    }

    #[test]
    fn types_that_are_not_bound_pass_by() {
        let queue = MessageQueue::new(&Subscription::service("q", &[EventType::SeatsChanged]), true);
        let event = Event::new("test", EventType::UserRegistered, "u", 1, &serde_json::Value::Null);
        assert!(queue.offer(&Arc::new(event)).is_none());
        assert!(matches!(queue.take(1, Instant::now()), TakenBatch::Nothing(None)));
    }
}
