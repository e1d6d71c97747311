//! A handler that tells what it gets and answers as the test says.

use crate::fixture::within;
use futures_util::future::BoxFuture;
use shared::bus::{Delivery, Disposition, Handler};
use std::sync::{Arc, Mutex};
use tokio::sync::{Semaphore, mpsc};

/// Answers a batch.
type Answer = Box<dyn Fn(&[Delivery]) -> Vec<Disposition> + Send + Sync>;

/// What a handler was told.
#[derive(Debug)]
pub(crate) enum ProbeEvent {
    /// That its subscription was established.
    Connected,
    /// To handle a batch.
    Batch(Vec<Delivery>),
}

/// The test's side of a handler.
pub(crate) struct Probe {
    told: tokio::sync::Mutex<mpsc::UnboundedReceiver<ProbeEvent>>,
    handler: Arc<Scripted>,
}

struct Scripted {
    tell: mpsc::UnboundedSender<ProbeEvent>,
    answer: Answer,
    /// One permit for each answer.
    gate: Semaphore,
}

/// As many answers as anybody can want.
const OPEN: usize = 1 << 20;

/// Acknowledges all.
pub(crate) fn ack(batch: &[Delivery]) -> Vec<Disposition> {
    vec![Disposition::Ack; batch.len()]
}

impl Probe {
    /// Answers at once.
    pub(crate) fn new(answer: impl Fn(&[Delivery]) -> Vec<Disposition> + Send + Sync + 'static) -> Self {
        Self::with_gate(answer, OPEN)
    }

    /// Tells at once, and answers when it is [let](Self::let_answer).
    pub(crate) fn gated(answer: impl Fn(&[Delivery]) -> Vec<Disposition> + Send + Sync + 'static) -> Self {
        Self::with_gate(answer, 0)
    }

    /// Answers the first batches as the list says, each for all of its deliveries, and acknowledges
    /// the rest.
    pub(crate) fn scripted(answers: impl IntoIterator<Item = Disposition>) -> Self {
        let answers: Mutex<Vec<_>> = Mutex::new(answers.into_iter().collect());
        Self::new(move |batch| {
            let mut answers = answers.lock().expect("no panic holds it");
            let answer = if answers.is_empty() { Disposition::Ack } else { answers.remove(0) };
            vec![answer; batch.len()]
        })
    }

    fn with_gate(
        answer: impl Fn(&[Delivery]) -> Vec<Disposition> + Send + Sync + 'static,
        permits: usize,
    ) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        let handler = Scripted { tell, answer: Box::new(answer), gate: Semaphore::new(permits) };
        Self { told: told.into(), handler: Arc::new(handler) }
    }

    pub(crate) fn handler(&self) -> Arc<dyn Handler> {
        self.handler.clone()
    }

    /// Lets so many batches be answered.
    pub(crate) fn let_answer(&self, batches: usize) {
        self.handler.gate.add_permits(batches);
    }

    /// What the handler is told next.
    pub(crate) async fn told(&self) -> ProbeEvent {
        within(async { self.told.lock().await.recv().await }).await.expect("the handler is here")
    }

    /// The next batch.
    pub(crate) async fn batch(&self) -> Vec<Delivery> {
        loop {
            if let ProbeEvent::Batch(batch) = self.told().await {
                return batch;
            }
        }
    }

    /// The next batch, of one.
    pub(crate) async fn one(&self) -> Delivery {
        let mut batch = self.batch().await;
        assert_eq!(batch.len(), 1, "a batch of one");
        batch.remove(0)
    }

    /// So many deliveries, and not more in the last batch.
    pub(crate) async fn deliveries(&self, count: usize) -> Vec<Delivery> {
        let mut all = Vec::new();
        while all.len() < count {
            all.extend(self.batch().await);
        }
        assert_eq!(all.len(), count);
        all
    }

    /// Whether the handler was told nothing more.
    pub(crate) fn is_quiet(&self) -> bool {
        self.told.try_lock().expect("nobody waits").is_empty()
    }
}

impl Handler for Scripted {
    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Disposition>> {
        Box::pin(async move {
            // A test that has ended no longer listens.
            let _ = self.tell.send(ProbeEvent::Batch(batch.to_vec()));
            self.gate.acquire().await.expect("never closed").forget();
            (self.answer)(batch)
        })
    }

    fn connected(&self) -> BoxFuture<'_, ()> {
        let _ = self.tell.send(ProbeEvent::Connected);
        Box::pin(std::future::ready(()))
    }
}

/// The versions of a subject, in the order in which they came.
pub(crate) fn versions(deliveries: &[Delivery], subject: &str) -> Vec<i64> {
    deliveries.iter().filter(|one| one.event.subject == subject).map(|one| one.event.version).collect()
}
