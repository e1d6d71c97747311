//! Gathers what comes at nearly the same time, to be written with one statement.

use std::time::Duration;
use tokio::{sync::mpsc, time::timeout};

/// Adds what else comes within a time, up to so many, but nothing after one that cannot wait.
pub(super) async fn gather<T>(
    queue: &mut mpsc::Receiver<T>,
    gathered: &mut Vec<T>,
    (most, time): (usize, Duration),
    cannot_wait: impl Fn(&T) -> bool,
) {
    let gathering = async {
        while gathered.len() < most && !gathered.last().is_some_and(&cannot_wait) {
            let Some(next) = queue.recv().await else { return };
            gathered.push(next);
        }
    };
    // At the end of the time what has come is there.
    let _ = timeout(time, gathering).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix::test]
    async fn what_comes_is_gathered_up_to_a_bound_and_to_one_that_cannot_wait() {
        let hour = Duration::from_secs(3600);
        let (sender, mut queue) = mpsc::channel(16);
        for number in 1..=9 {
            sender.try_send(number).unwrap();
        }
        let mut gathered = vec![0];
        gather(&mut queue, &mut gathered, (4, hour), |_| false).await;
        assert_eq!(gathered, [0, 1, 2, 3]);
        gather(&mut queue, &mut gathered, (16, hour), |number| *number == 7).await;
        assert_eq!(gathered.len(), 8, "nor anything after it");
        gather(&mut queue, &mut gathered, (16, hour), |number| *number == 7).await;
        assert_eq!(gathered.len(), 8);
        // The time is over, or nobody is left to send.
        gather(&mut queue, &mut gathered, (16, Duration::from_millis(1)), |_| false).await;
        assert_eq!(gathered, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        drop(sender);
        gather(&mut queue, &mut gathered, (16, hour), |_| false).await;
        assert_eq!(gathered.len(), 10);
    }
}
