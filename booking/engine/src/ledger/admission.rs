//! Admission control before the ledgers of an instance: it limits the claims that wait for them, or are on their way
//! there.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The queue slots of the ledgers of an instance. Clones share them.
#[derive(Debug, Clone)]
pub struct AdmissionControl {
    taken: Arc<AtomicUsize>,
    slots: usize,
}

/// A slot in the queues of the ledgers. Its drop frees the slot: when its claim begins, or can no longer begin.
#[derive(Debug)]
pub struct QueueSlot(Arc<AtomicUsize>);

impl Drop for QueueSlot {
    fn drop(&mut self) {
        let before = self.0.fetch_sub(1, Ordering::Relaxed);
        assert!(before > 0, "a slot that was taken is given back once");
    }
}

impl AdmissionControl {
    /// Admission control with this number of slots.
    pub fn new(slots: usize) -> Self {
        Self { taken: Arc::default(), slots }
    }

    /// Takes a slot; `None`: all are taken.
    pub fn admit(&self) -> Option<QueueSlot> {
        let one_more = |taken| (taken < self.slots).then_some(taken + 1);
        let admitted = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        admitted.ok().map(|_| QueueSlot(self.taken.clone()))
    }

    /// Takes a slot for a claim that was not admitted before, even beyond the limit.
    pub fn admit_always(&self) -> QueueSlot {
        self.taken.fetch_add(1, Ordering::Relaxed);
        QueueSlot(self.taken.clone())
    }

    /// The number of taken slots.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_slots_are_free_again() {
        let admission = AdmissionControl::new(2);
        let (first, second) = (admission.admit().unwrap(), admission.admit().unwrap());
        assert!(admission.admit().is_none(), "there are two");
        drop(first);
        let third = admission.admit().unwrap();
        assert!(admission.admit().is_none());
        drop((second, third));
        let _beyond = [(); 3].map(|()| admission.admit_always());
        assert_eq!(admission.taken(), 3);
        assert!(admission.admit().is_none(), "slots beyond the limit count, too");
    }
}
