//! Starts workers again that have died. What they had in memory is lost and need not be had: the
//! database knows it.

use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The pause before the first restart; it doubles with each further one.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);
/// Who has lived this long does not die of the start: the pauses begin anew.
const HEALTHY: Duration = Duration::from_secs(30);

/// How a worker has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It is not needed any more.
    Done,
    /// It should not have; a panic is the same.
    Died,
}

/// Runs a worker on the present arbiter until it is done; whenever it dies, a fresh one takes its place.
pub(super) fn keep<W>(name: &'static str, mut start: impl FnMut() -> W + 'static)
where
    W: Future<Output = End> + 'static,
{
    actix::spawn(async move {
        let mut pause = FIRST;
        loop {
            let begun = Instant::now();
            match actix::spawn(start()).await {
                Ok(End::Done) => return,
                Ok(End::Died) => {}
                // The arbiter stops.
                Err(error) if error.is_cancelled() => return,
                Err(_) => {}
            }
            metrics::counter!("booking_restarts_total", "worker" => name).increment(1);
            tracing::error!(worker.name = name, "A worker has died and is started again");
            if begun.elapsed() >= HEALTHY {
                pause = FIRST;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
    });
}
