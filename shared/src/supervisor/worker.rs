//! Workers: futures that run until they are done.

use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The pause before the first restart; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A worker that has lived this long does not die of its start: the pauses begin anew.
const HEALTHY: Duration = Duration::from_secs(30);

/// How a worker has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerEnd {
    /// It is not needed any more.
    Done,
    /// It should not have ended. A panic counts as the same.
    Died,
}

/// Runs a worker on the present arbiter until it is done. When it dies, `start` makes a fresh one.
///
/// Restarts are counted in the metric `<service>_restarts_total` under the worker's name.
pub fn supervise<W>(service: &'static str, name: &'static str, mut start: impl FnMut() -> W + 'static)
where
    W: Future<Output = WorkerEnd> + 'static,
{
    actix_rt::spawn(async move {
        let mut pause = FIRST_PAUSE;
        loop {
            let begun = Instant::now();
            match actix_rt::spawn(start()).await {
                Ok(WorkerEnd::Done) => return,
                Ok(WorkerEnd::Died) => {}
                // The arbiter stops.
                Err(error) if error.is_cancelled() => return,
                Err(_) => {}
            }
            metrics::counter!(format!("{service}_restarts_total"), "worker" => name).increment(1);
            tracing::error!(worker.name = name, "A worker has died and is started again");
            if begun.elapsed() >= HEALTHY {
                pause = FIRST_PAUSE;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };
    use tokio::sync::Notify;

    #[actix_web::test]
    async fn a_worker_that_dies_is_started_again_and_one_that_is_done_is_not() {
        let (starts, done) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let (counted, told) = (starts.clone(), done.clone());
        supervise("test", "worker", move || {
            let (start, done) = (counted.fetch_add(1, Ordering::SeqCst), told.clone());
            async move {
                match start {
                    0 => panic!("on purpose"),
                    1 => WorkerEnd::Died,
                    _ => {
                        done.notify_one();
                        WorkerEnd::Done
                    }
                }
            }
        });
        done.notified().await;
        tokio::task::yield_now().await;
        assert_eq!(starts.load(Ordering::SeqCst), 3);
    }
}
