//! What the publisher of an event waits for.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::oneshot;

/// The receipt of an event, shared by the queues that have it. When the last of them is done with it, its publisher
/// learns whether all of them have settled it.
#[derive(Debug)]
pub(super) struct Receipt {
    lost: AtomicBool,
    /// There until the receipt is dropped.
    confirm: Option<oneshot::Sender<()>>,
}

impl Receipt {
    /// A receipt, and what its publisher waits for: an error means that it was lost.
    pub(super) fn new() -> (Arc<Self>, oneshot::Receiver<()>) {
        let (confirm, confirmed) = oneshot::channel();
        (Arc::new(Self { lost: AtomicBool::new(false), confirm: Some(confirm) }), confirmed)
    }

    /// A queue has dropped the event without having settled it.
    pub(super) fn lose(&self) {
        self.lost.store(true, Ordering::Release);
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if !*self.lost.get_mut()
            && let Some(confirm) = self.confirm.take()
        {
            // A publisher that no longer waits is fine.
            let _ = confirm.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot::error::TryRecvError;

    #[test]
    fn a_receipt_is_given_when_the_last_queue_is_done() {
        let (receipt, mut confirmed) = Receipt::new();
        let other = receipt.clone();
        drop(receipt);
        assert_eq!(confirmed.try_recv(), Err(TryRecvError::Empty));
        drop(other);
        assert_eq!(confirmed.try_recv(), Ok(()));
    }

    #[test]
    fn a_receipt_that_one_queue_has_lost_is_not_given() {
        let (receipt, mut confirmed) = Receipt::new();
        let other = receipt.clone();
        receipt.lose();
        drop(receipt);
        drop(other);
        assert_eq!(confirmed.try_recv(), Err(TryRecvError::Closed));
    }
}
