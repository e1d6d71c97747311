//! A queue of the in-process carrier: what waits, what waits for its retry, and in which order it
//! is handed out.

use super::receipt::Receipt;
use crate::{
    bus::{Delivery, Subscription},
    events::{Event, EventType},
};
use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{sync::Notify, time::Instant};

/// A message in a queue. Whoever published it waits for the receipt; dropping the item without
/// settling it tells the publisher that the message was not confirmed.
#[derive(Debug)]
pub(super) struct QueuedMessage {
    event: Arc<Event>,
    attempt: u32,
    receipt: Arc<Receipt>,
    settled: bool,
}

impl QueuedMessage {
    /// A message that nobody has tried yet.
    fn new(event: Arc<Event>, receipt: Arc<Receipt>) -> Self {
        Self { event, attempt: 1, receipt, settled: false }
    }

    /// The message as its handler gets it.
    pub(super) fn delivery(&self) -> Delivery {
        Delivery { event: Arc::clone(&self.event), attempt: self.attempt }
    }

    /// The consumer has committed it, or stored it as a dead letter.
    pub(super) fn settle(mut self) {
        self.settled = true;
    }
}

impl Drop for QueuedMessage {
    fn drop(&mut self) {
        if !self.settled {
            self.receipt.lose();
        }
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

    /// Appends those messages to whose type the queue is bound, each with its receipt. They come at once, so that a
    /// consumer on another thread does not begin with the first one alone.
    pub(super) fn offer<'a>(&self, messages: impl Iterator<Item = (&'a Arc<Event>, &'a Arc<Receipt>)>) {
        let mut state = self.state();
        let before = state.waiting.len();
        for (event, receipt) in messages {
            if state.types.contains(&event.kind) {
                state.waiting.push_back(QueuedMessage::new(Arc::clone(event), Arc::clone(receipt)));
            }
        }
        let grown = state.waiting.len() > before;
        drop(state);
        if grown {
            self.changed.notify_waiters();
        }
    }

    /// Takes up to `limit` messages, in order, without those of a subject that has a message waiting
    /// for its retry.
    pub(super) fn take(&self, limit: usize, now: Instant) -> TakenBatch {
        let mut state = self.state();
        state.recall(now);
        // The rule is that nothing is delayed; then this takes the head of the queue.
        if state.delayed.is_empty() && !state.waiting.is_empty() {
            let count = limit.min(state.waiting.len());
            return TakenBatch::Batch(state.waiting.drain(..count).collect());
        }
        let blocked: HashSet<&str> =
            state.delayed.iter().map(|(_, item)| item.event.subject.as_str()).collect();
        let chosen: Vec<usize> = (0..state.waiting.len())
            .filter(|&at| !blocked.contains(state.waiting[at].event.subject.as_str()))
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
    pub(super) fn delay(&self, mut item: QueuedMessage, due: Instant) {
        item.attempt = item.attempt.saturating_add(1);
        self.state().delayed.push((due, item));
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
        queue.offer([(&Arc::new(event), &Receipt::new().0)].into_iter());
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
        let (receipt, mut confirmed) = Receipt::new();
        queue.offer([(&Arc::new(event), &receipt)].into_iter());
        assert!(matches!(queue.take(1, Instant::now()), TakenBatch::Nothing(None)));
        drop(receipt);
        assert_eq!(confirmed.try_recv(), Ok(()), "no queue has to be waited for");
    }
}
