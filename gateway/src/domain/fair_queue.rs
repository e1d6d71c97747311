//! A bounded queue that serves its customers in turns.
//!
//! Each job is due in a round. A customer's next job is due a round after its last one, and the first job of a customer
//! without any is due in the round that is being served. So a customer with one job waits for one job of each other
//! customer at most, however many jobs the others have. (Start-time fair queueing, Goyal, Vin and Cheng 1996, with jobs
//! of one length.)

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

/// The queue takes no more jobs, of this customer or of anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueFull;

/// Where a job waits: by its round, and within the round by its arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    round: u64,
    arrival: u64,
}

/// The jobs of one customer.
#[derive(Debug, Default)]
struct Customer {
    waiting: usize,
    /// Taken and not finished.
    running: usize,
    /// The round in which the next job is due.
    next: u64,
}

/// See the module. `K` names a customer.
#[derive(Debug)]
pub(crate) struct FairQueue<K, T> {
    most: usize,
    jobs: BTreeMap<Place, (K, T)>,
    /// Those with a job that waits or runs.
    customers: HashMap<K, Customer>,
    running: usize,
    /// The round of the job that was taken last.
    round: u64,
    arrivals: u64,
}

impl<K: Clone + Eq + Hash, T> FairQueue<K, T> {
    /// An empty queue. `most` is the number of jobs that may wait or run at once.
    pub(crate) fn new(most: usize) -> Self {
        let (jobs, customers) = (BTreeMap::new(), HashMap::new());
        Self { most, jobs, customers, running: 0, round: 0, arrivals: 0 }
    }

    /// Jobs that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.jobs.len()
    }

    /// Adds a job of a customer, unless `most_of_customer` jobs of that customer wait already.
    ///
    /// # Errors
    /// [`QueueFull`].
    pub(crate) fn push(&mut self, customer: K, most_of_customer: usize, job: T) -> Result<Place, QueueFull> {
        let waiting = self.customers.get(&customer).map_or(0, |customer| customer.waiting);
        if self.jobs.len() + self.running >= self.most || waiting >= most_of_customer {
            return Err(QueueFull);
        }
        let state = self.customers.entry(customer.clone()).or_default();
        let place = Place { round: state.next.max(self.round), arrival: self.arrivals };
        state.waiting += 1;
        state.next = place.round + 1;
        self.arrivals += 1;
        self.jobs.insert(place, (customer, job));
        Ok(place)
    }

    /// Takes the job whose turn it is. [`Self::finish`] follows for its customer.
    pub(crate) fn take(&mut self) -> Option<(K, T)> {
        let (place, (customer, job)) = self.jobs.pop_first()?;
        self.round = place.round;
        self.running += 1;
        if let Some(state) = self.customers.get_mut(&customer) {
            state.waiting -= 1;
            state.running += 1;
        }
        Some((customer, job))
    }

    /// A job that was taken is done.
    pub(crate) fn finish(&mut self, customer: &K) {
        self.running -= 1;
        if let Some(state) = self.customers.get_mut(customer) {
            state.running -= 1;
        }
        self.forget_idle(customer);
    }

    /// Gives a job up that still waits.
    pub(crate) fn remove(&mut self, place: Place) -> Option<T> {
        let (customer, job) = self.jobs.remove(&place)?;
        if let Some(state) = self.customers.get_mut(&customer) {
            state.waiting -= 1;
        }
        self.forget_idle(&customer);
        Some(job)
    }

    fn forget_idle(&mut self, customer: &K) {
        if self.customers.get(customer).is_some_and(|state| state.waiting + state.running == 0) {
            self.customers.remove(customer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Takes a job and finishes it.
    fn serve(queue: &mut FairQueue<char, u32>) -> Option<(char, u32)> {
        let served = queue.take();
        if let Some((customer, _)) = &served {
            queue.finish(customer);
        }
        served
    }

    #[test]
    fn a_newcomer_waits_for_the_running_job_only() {
        let mut queue = FairQueue::new(100);
        for job in 0..5 {
            queue.push('a', 10, job).unwrap();
        }
        let (storming, _) = queue.take().unwrap();
        queue.push('b', 10, 0).unwrap();
        queue.push('b', 10, 1).unwrap();
        queue.finish(&storming);
        let order: Vec<_> = std::iter::from_fn(|| serve(&mut queue)).collect();
        assert_eq!(order, [('b', 0), ('a', 1), ('b', 1), ('a', 2), ('a', 3), ('a', 4)]);
    }

    #[test]
    fn places_are_bounded_in_all_and_of_each() {
        let mut queue = FairQueue::new(4);
        let first = queue.push('a', 2, 0).unwrap();
        queue.push('a', 2, 1).unwrap();
        assert_eq!(queue.push('a', 2, 2), Err(QueueFull), "two of one customer");
        assert_eq!(queue.remove(first), Some(0));
        assert_eq!(queue.remove(first), None);
        queue.push('a', 2, 3).unwrap();
        let (taken, _) = queue.take().unwrap();
        queue.push('b', 2, 4).unwrap();
        queue.push('c', 2, 5).unwrap();
        assert_eq!(queue.push('d', 2, 6), Err(QueueFull), "one runs, three wait");
        queue.finish(&taken);
        queue.push('d', 2, 7).unwrap();
    }

    proptest! {
        #[test]
        fn every_job_is_served_once_and_idle_customers_are_forgotten(
            steps in proptest::collection::vec((0..4u8, 0..5u8), 0..200),
        ) {
            let mut queue = FairQueue::new(20);
            let (mut places, mut running) = (Vec::new(), Vec::new());
            let (mut pushed, mut left) = (0, 0);
            for (step, customer) in steps {
                match step {
                    0 | 1 => if let Ok(place) = queue.push(customer, 5, pushed) {
                        places.push(place);
                        pushed += 1;
                    },
                    2 => if let Some((customer, _)) = queue.take() {
                        running.push(customer);
                        left += 1;
                    },
                    _ => if let Some(place) = places.pop() {
                        left += usize::from(queue.remove(place).is_some());
                        if let Some(customer) = running.pop() {
                            queue.finish(&customer);
                        }
                    },
                }
                prop_assert!(queue.waiting() + queue.running <= 20);
            }
            running.iter().for_each(|customer| queue.finish(customer));
            while let Some((customer, _)) = queue.take() {
                queue.finish(&customer);
                left += 1;
            }
            prop_assert_eq!(left, pushed as usize);
            prop_assert!(queue.customers.is_empty() && queue.running == 0);
        }
    }
}
