//! Work that is done again and again: at intervals, and when somebody nudges.

use futures_util::FutureExt;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;

/// How long a stop waits for the run that is under way.
const LONGEST_STOP: Duration = Duration::from_secs(2);

/// A cloneable handle of work that is repeated.
///
/// Invariants: at most one run is under way, and after each nudge a whole run follows. A nudge during a run is kept
/// for the next one. A run that panics is logged, and the next one comes at its time.
#[derive(Debug, Clone)]
pub struct Ticker {
    nudged: Arc<Notify>,
    stopping: CancellationToken,
    ended: CancellationToken,
}

impl Ticker {
    /// Repeats `work` on the present arbiter, the first time after one interval; [nudge](Self::nudge) it to begin at
    /// once. It goes on without its handles, until it is stopped or `is_over` says so before a run.
    pub fn start(
        name: &'static str,
        interval: Duration,
        is_over: impl Fn() -> bool + 'static,
        work: impl AsyncFnMut() + 'static,
    ) -> Self {
        Self::paced(name, move || interval, is_over, work)
    }

    /// The same with an interval that is asked for anew after each run: the time from the end of one run to the next.
    pub fn paced(
        name: &'static str,
        pace: impl Fn() -> Duration + 'static,
        is_over: impl Fn() -> bool + 'static,
        mut work: impl AsyncFnMut() + 'static,
    ) -> Self {
        let ticker = Self {
            nudged: Arc::new(Notify::new()),
            stopping: CancellationToken::new(),
            ended: CancellationToken::new(),
        };
        let Self { nudged, stopping, ended } = ticker.clone();
        actix_rt::spawn(async move {
            let _ended = ended.drop_guard();
            loop {
                tokio::select! {
                    () = sleep(pace()) => {}
                    () = nudged.notified() => {}
                    () = stopping.cancelled() => return,
                }
                if is_over() {
                    return;
                }
                if AssertUnwindSafe(work()).catch_unwind().await.is_err() {
                    tracing::error!(ticker.name = name, "A run of repeated work has panicked");
                }
            }
        });
        ticker
    }

    /// Has a run follow, at once or after the one that is under way. Never blocks, never fails.
    pub fn nudge(&self) {
        self.nudged.notify_one();
    }

    /// Stops after the run that is under way; ready when it has ended, or after two seconds: a database that does not
    /// answer keeps no service from stopping.
    pub async fn stop(&self) {
        self.stopping.cancel();
        let _late = tokio::time::timeout(LONGEST_STOP, self.ended.cancelled()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::Cell, rc::Rc};
    use tokio::{sync::Semaphore, task::yield_now};

    const HOUR: Duration = Duration::from_secs(3600);

    /// Work that counts its runs, each of which needs a permit.
    fn counted(runs: &Rc<Cell<u32>>, permits: &Rc<Semaphore>) -> impl AsyncFnMut() + 'static {
        let (runs, permits) = (runs.clone(), permits.clone());
        async move || {
            runs.set(runs.get() + 1);
            permits.acquire().await.expect("an open semaphore").forget();
        }
    }

    async fn until(condition: impl Fn() -> bool) {
        while !condition() {
            yield_now().await;
        }
    }

    #[actix_web::test]
    async fn nudges_during_a_run_cause_one_more() {
        let (runs, permits) = (Rc::new(Cell::new(0)), Rc::new(Semaphore::new(0)));
        let ticker = Ticker::start("test", HOUR, || false, counted(&runs, &permits));
        ticker.nudge();
        until(|| runs.get() == 1).await;
        ticker.nudge();
        ticker.nudge();
        permits.add_permits(10);
        until(|| runs.get() == 2).await;
        ticker.stop().await;
        assert_eq!(runs.get(), 2);
    }

    #[actix_web::test]
    async fn it_ticks_until_it_is_over_and_outlives_a_panic() {
        let (runs, over) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
        let (counted, is_over) = (runs.clone(), over.clone());
        let ticker = Ticker::start(
            "test",
            Duration::from_millis(1),
            move || is_over.get(),
            async move || {
                counted.set(counted.get() + 1);
                assert_ne!(counted.get(), 1, "on purpose");
            },
        );
        until(|| runs.get() >= 3).await;
        over.set(true);
        ticker.ended.cancelled().await;
    }

    #[actix_web::test]
    async fn a_stop_waits_for_the_run_that_is_under_way() {
        let (runs, permits) = (Rc::new(Cell::new(0)), Rc::new(Semaphore::new(0)));
        let ticker = Ticker::start("test", HOUR, || false, counted(&runs, &permits));
        ticker.nudge();
        until(|| runs.get() == 1).await;
        let stopping = ticker.clone();
        let stopped = actix_rt::spawn(async move { stopping.stop().await });
        yield_now().await;
        assert!(!stopped.is_finished(), "the run is under way");
        permits.add_permits(1);
        stopped.await.expect("no panic");
        assert_eq!(permits.available_permits(), 0);
    }

    #[actix_web::test]
    async fn a_stop_does_not_wait_for_a_run_that_never_ends() {
        let (runs, permits) = (Rc::new(Cell::new(0)), Rc::new(Semaphore::new(0)));
        let ticker = Ticker::start("test", HOUR, || false, counted(&runs, &permits));
        ticker.nudge();
        until(|| runs.get() == 1).await;
        ticker.stop().await;
        assert!(!ticker.ended.is_cancelled(), "the run is still under way");
    }
}
