//! A signal between a task that reads something again and again and those who need a fresh reading.

use std::{sync::Arc, time::Duration};
use tokio::sync::{Notify, Semaphore, watch};

/// How many may wait at once. Whoever makes up key ids must not keep any number of requests waiting.
const WAITING: usize = 1024;

/// A cloneable handle of the signal.
#[derive(Debug, Clone)]
pub(super) struct RefreshSignal {
    asked: Arc<Notify>,
    /// Odd while a run is under way.
    phase: Arc<watch::Sender<u64>>,
    places: Arc<Semaphore>,
}

impl Default for RefreshSignal {
    fn default() -> Self {
        Self { asked: Arc::default(), phase: Arc::default(), places: Arc::new(Semaphore::new(WAITING)) }
    }
}

impl RefreshSignal {
    /// Asks for a run.
    pub(super) fn ask(&self) {
        self.asked.notify_one();
    }

    /// Ready when somebody has asked since the last call.
    pub(super) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Carries out a run.
    pub(super) async fn run<T>(&self, run: impl Future<Output = T>) -> T {
        self.phase.send_modify(|phase| *phase = (*phase | 1) + 2 * (*phase & 1));
        let result = run.await;
        self.phase.send_modify(|phase| *phase = (*phase | 1) + 1);
        result
    }

    /// Asks for a run, and waits until one that began after this call has ended. Gives up after `patience`, and at once
    /// where too many wait already.
    pub(super) async fn fresh(&self, patience: Duration) {
        let Ok(_place) = self.places.try_acquire() else { return };
        let mut phase = self.phase.subscribe();
        let now = *phase.borrow_and_update();
        // A run that is under way may have read before this call.
        let wanted = now + 2 + now % 2;
        self.ask();
        // Late or never: the caller looks at what there is.
        let _ = tokio::time::timeout(patience, phase.wait_for(|phase| *phase >= wanted)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::oneshot;

    const LONG: Duration = Duration::from_secs(60);

    #[actix_web::test]
    async fn a_run_that_has_begun_before_is_not_fresh() {
        let signal = RefreshSignal::default();
        let (go_on, gate) = oneshot::channel::<()>();
        let runs = Arc::new(AtomicU32::new(0));
        let (of_task, counted) = (signal.clone(), runs.clone());
        actix_rt::spawn(async move {
            of_task.run(gate).await.expect("it goes on");
            loop {
                of_task.asked().await;
                of_task.run(async { counted.fetch_add(1, Ordering::Relaxed) }).await;
            }
        });
        tokio::task::yield_now().await;
        let waiting = signal.fresh(LONG);
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        go_on.send(()).expect("the first run waits");
        waiting.await;
        assert_eq!(runs.load(Ordering::Relaxed), 1, "the run after the first one");
        signal.fresh(LONG).await;
        assert_eq!(runs.load(Ordering::Relaxed), 2);
    }

    #[actix_web::test]
    async fn a_crowd_does_not_wait() {
        let signal = RefreshSignal::default();
        let mut crowd: Vec<_> = (0..WAITING).map(|_| Box::pin(signal.fresh(LONG))).collect();
        for one in &mut crowd {
            assert!(futures_util::poll!(one).is_pending());
        }
        signal.fresh(LONG).await;
        crowd.pop();
        assert!(futures_util::poll!(Box::pin(signal.fresh(LONG))).is_pending(), "there is a place again");
    }
}
