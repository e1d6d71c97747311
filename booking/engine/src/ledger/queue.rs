//! The queue of a ledger: commands that arrive while a batch runs form the next one.

use crate::ledger::command::Envelope;
use std::collections::VecDeque;

/// The bounds of a ledger's queue.
#[derive(Debug, Clone, Copy)]
pub struct QueueBounds {
    /// The most commands in one batch.
    pub batch: usize,
    /// The number of waiting commands from which on claims are refused. Changes of bookings are refused from twice this
    /// number on. A command that ends a payment is never refused.
    pub waiting: usize,
}

impl QueueBounds {
    /// The number of waiting commands from which on this command is refused.
    fn limit_for(self, envelope: &Envelope) -> usize {
        match envelope.command.claim() {
            Some(_) => self.waiting,
            None => self.waiting.saturating_mul(2),
        }
    }
}

/// The commands that wait for a ledger.
///
/// Invariant: at most one batch is out at a time.
pub struct CommandQueue {
    bounds: QueueBounds,
    /// Commands that end payments: they come first in each batch. The payment desk bounds their number.
    ending_payments: VecDeque<Envelope>,
    others: VecDeque<Envelope>,
    /// Whether a batch is out.
    running: bool,
}

impl CommandQueue {
    /// An empty queue. Its batches have at least one command, even if the bound is zero.
    pub fn new(bounds: QueueBounds) -> Self {
        let bounds = QueueBounds { batch: bounds.batch.max(1), ..bounds };
        Self { bounds, ending_payments: VecDeque::new(), others: VecDeque::new(), running: false }
    }

    /// Takes a command on.
    ///
    /// # Errors
    /// The command, if the queue is full for it.
    #[expect(clippy::result_large_err, reason = "the caller gets its command back, by value as it came")]
    pub fn push(&mut self, envelope: Envelope) -> Result<(), Envelope> {
        if envelope.command.ends_payment() {
            self.ending_payments.push_back(envelope);
        } else if self.others.len() < self.bounds.limit_for(&envelope) {
            self.others.push_back(envelope);
        } else {
            return Err(envelope);
        }
        Ok(())
    }

    /// Takes the next batch out; `None`: a batch is out, or the queue is empty. Claims of the batch free their slots.
    pub fn next_batch(&mut self) -> Option<Vec<Envelope>> {
        if self.running || self.is_empty() {
            return None;
        }
        let first = self.ending_payments.len().min(self.bounds.batch);
        let others = self.others.len().min(self.bounds.batch - first);
        let mut batch: Vec<_> =
            self.ending_payments.drain(..first).chain(self.others.drain(..others)).collect();
        batch.iter_mut().for_each(|envelope| envelope.slot = None);
        self.running = true;
        Some(batch)
    }

    /// Ends the batch. `to_retry`: the commands that come first in the next batch.
    ///
    /// # Panics
    /// If no batch is out.
    pub fn batch_ended(&mut self, to_retry: Vec<Envelope>) {
        assert!(self.running, "only a batch that is out ends");
        self.running = false;
        for envelope in to_retry.into_iter().rev() {
            let ends_payment = envelope.command.ends_payment();
            let queue = if ends_payment { &mut self.ending_payments } else { &mut self.others };
            queue.push_front(envelope);
        }
    }

    /// Whether no batch is out and nothing waits.
    pub fn is_idle(&self) -> bool {
        !self.running && self.is_empty()
    }

    /// The number of commands that the next batch could have now: none while a batch is out.
    pub fn ready(&self) -> usize {
        if self.running { 0 } else { self.ending_payments.len() + self.others.len() }
    }

    /// The number of waiting commands, without those that end payments.
    pub fn waiting(&self) -> usize {
        self.others.len()
    }

    fn is_empty(&self) -> bool {
        self.ending_payments.is_empty() && self.others.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ledger::{
            admission::{AdmissionControl, QueueSlot},
            command::Command,
        },
        samples,
    };
    use shared_types::ids::{BookingId, FlightId, PaymentId};
    use std::time::Instant;

    fn envelope(command: Command) -> Envelope {
        submitted(command, None, &AdmissionControl::new(0))
    }

    fn submitted(command: Command, slot: Option<QueueSlot>, admission: &AdmissionControl) -> Envelope {
        Envelope::new((FlightId::new(), command), (Instant::now(), slot), admission, None).0
    }

    fn claim() -> Envelope {
        envelope(Command::Claim(Box::new(samples::claim(FlightId::new(), &["4A"]))))
    }

    fn expire() -> Envelope {
        envelope(Command::Expire { booking: BookingId::new() })
    }

    fn confirm() -> Envelope {
        envelope(Command::Confirm { booking: BookingId::new(), payment: PaymentId::new() })
    }

    #[test]
    fn a_claim_without_a_slot_takes_one_and_other_commands_take_none() {
        let admission = AdmissionControl::new(1);
        let claim = || Command::Claim(Box::new(samples::claim(FlightId::new(), &["4A"])));
        let admitted = submitted(claim(), admission.admit(), &admission);
        assert_eq!(admission.taken(), 1);
        let another_attempt = submitted(claim(), None, &admission);
        let other = submitted(Command::Expire { booking: BookingId::new() }, None, &admission);
        assert!(admission.taken() == 2 && admission.admit().is_none() && other.slot.is_none());
        drop((admitted, another_attempt));
        assert_eq!(admission.taken(), 0);
    }

    #[test]
    fn claims_are_refused_first_and_ends_of_payments_never() {
        let mut queue = CommandQueue::new(QueueBounds { batch: 8, waiting: 2 });
        assert!(queue.push(claim()).is_ok() && queue.push(claim()).is_ok());
        assert!(queue.push(claim()).is_err());
        assert!(queue.push(expire()).is_ok() && queue.push(expire()).is_ok());
        assert!(queue.push(expire()).is_err());
        assert!((0..8).all(|_| queue.push(confirm()).is_ok()));
    }

    #[test]
    fn one_batch_is_out_and_ends_of_payments_come_first() {
        let mut queue = CommandQueue::new(QueueBounds { batch: 2, waiting: 8 });
        assert!(queue.is_idle() && queue.next_batch().is_none());
        for one in [expire(), expire(), confirm()] {
            assert!(queue.push(one).is_ok());
        }
        let first = queue.next_batch().unwrap();
        assert_eq!(first.iter().map(|one| one.command.ends_payment()).collect::<Vec<_>>(), [true, false]);
        assert!(queue.next_batch().is_none(), "one is out");
        let retried: Vec<_> = first.iter().map(|one| one.command.booking()).collect();
        queue.batch_ended(first);
        let second: Vec<_> = queue.next_batch().unwrap().iter().map(|one| one.command.booking()).collect();
        assert_eq!(second, retried, "retried commands come first");
        queue.batch_ended(Vec::new());
        assert_eq!(queue.next_batch().unwrap().len(), 1);
        queue.batch_ended(Vec::new());
        assert!(queue.is_idle());
    }
}
