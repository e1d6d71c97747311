//! Batch linger: messages that come at nearly the same time are written with one statement.

use std::time::Duration;
use tokio::{sync::mpsc, time::timeout};

/// Adds the messages that come within `time`, up to `most` in the batch, and none after one that cannot wait.
pub(super) async fn linger<T>(
    queue: &mut mpsc::Receiver<T>,
    batch: &mut Vec<T>,
    (most, time): (usize, Duration),
    cannot_wait: impl Fn(&T) -> bool,
) {
    let lingering = async {
        while batch.len() < most && !batch.last().is_some_and(&cannot_wait) {
            let Some(next) = queue.recv().await else { return };
            batch.push(next);
        }
    };
    // The batch keeps its messages when the time is over.
    let _ = timeout(time, lingering).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix::test]
    async fn a_batch_grows_up_to_a_bound_and_to_one_that_cannot_wait() {
        let hour = Duration::from_secs(3600);
        let (sender, mut queue) = mpsc::channel(16);
        for number in 1..=9 {
            sender.try_send(number).unwrap();
        }
        let mut batch = vec![0];
        linger(&mut queue, &mut batch, (4, hour), |_| false).await;
        assert_eq!(batch, [0, 1, 2, 3]);
        linger(&mut queue, &mut batch, (16, hour), |number| *number == 7).await;
        assert_eq!(batch.len(), 8, "nor anything after it");
        linger(&mut queue, &mut batch, (16, hour), |number| *number == 7).await;
        assert_eq!(batch.len(), 8);
        // The time is over, or all senders are gone.
        linger(&mut queue, &mut batch, (16, Duration::from_millis(1)), |_| false).await;
        assert_eq!(batch, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        drop(sender);
        linger(&mut queue, &mut batch, (16, hour), |_| false).await;
        assert_eq!(batch.len(), 10);
    }
}
