//! Admission control before the ledgers of an instance: how many claims wait for them, or are on their way there.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// See the module. Clones share it.
#[derive(Debug, Clone)]
pub struct AdmissionControl {
    taken: Arc<AtomicUsize>,
    slots: usize,
}

/// A slot in the queues of the ledgers; free again when it is dropped, which is when its claim begins, or will never
/// begin.
#[derive(Debug)]
pub struct QueueSlot(Arc<AtomicUsize>);

impl Drop for QueueSlot {
    fn drop(&mut self) {
        let before = self.0.fetch_sub(1, Ordering::Relaxed);
        assert!(before > 0, "a slot that was taken is given back once");
    }
}

impl AdmissionControl {
    /// So many slots.
    pub fn new(slots: usize) -> Self {
        Self { taken: Arc::default(), slots }
    }

    /// A slot, if there is one.
    pub fn admit(&self) -> Option<QueueSlot> {
        let one_more = |taken| (taken < self.slots).then_some(taken + 1);
        let admitted = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        admitted.ok().map(|_| QueueSlot(self.taken.clone()))
    }

    /// A slot for a claim that nobody has admitted, beyond the bound where it must be.
    pub fn admit_always(&self) -> QueueSlot {
        self.taken.fetch_add(1, Ordering::Relaxed);
        QueueSlot(self.taken.clone())
    }

    /// The slots that are taken.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_given_back_by_those_who_have_them() {
        let admission = AdmissionControl::new(2);
        let (first, second) = (admission.admit().unwrap(), admission.admit().unwrap());
        assert!(admission.admit().is_none(), "there are two");
        drop(first);
        let third = admission.admit().unwrap();
        assert!(admission.admit().is_none());
        drop((second, third));
        let _beyond = [(); 3].map(|()| admission.admit_always());
        assert_eq!(admission.taken(), 3);
        assert!(admission.admit().is_none(), "those that nobody admitted count, too");
    }
}
