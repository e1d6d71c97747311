//! Delays that grow to a bound, with jitter.

use std::time::Duration;

/// The delays between attempts at something that everybody attempts again: doubled each time, and
/// drawn from the upper half of the range, so that those who failed together do not return together.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Delays from `first` to `longest`.
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        let longest = longest.max(first);
        Self { first, longest, next: first }
    }

    /// The delay before the next attempt.
    pub(crate) fn delay(&mut self) -> Duration {
        let delay = self.next;
        self.next = (delay * 2).min(self.longest);
        delay.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// It worked: the next failure starts from the beginning.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_their_bound_and_start_again() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(500));
        for most in [100, 200, 400, 500, 500] {
            let (delay, most) = (backoff.delay(), Duration::from_millis(most));
            assert!(delay >= most / 2 && delay <= most, "{delay:?} of {most:?}");
        }
        backoff.reset();
        assert!(backoff.delay() <= Duration::from_millis(100));
    }
}
