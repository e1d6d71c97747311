//! Durations of a microsecond and less, by percentiles.

use std::time::{Duration, Instant};

/// How long things took, in nanoseconds.
#[derive(Debug, Clone, Default)]
pub struct Durations(Vec<u64>);

impl Durations {
    /// Does something and notes how long it took; gives what it gave.
    pub fn of<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let made = std::hint::black_box(work());
        self.note(began.elapsed());
        made
    }

    /// Notes one.
    pub fn note(&mut self, taken: Duration) {
        self.0.push(u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX));
    }

    /// The least value that so many of a hundred do not exceed (nearest rank), in microseconds; 0 of none.
    pub fn micros(&mut self, percent: usize) -> f64 {
        self.0.sort_unstable();
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 nanoseconds")]
        let nanos = self.0.get(rank - 1).copied().unwrap_or(0) as f64;
        nanos / 1000.0
    }

    /// All of them together, in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        Duration::from_nanos(self.0.iter().sum()).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let mut durations = Durations::default();
        assert!(durations.micros(50).abs() < f64::EPSILON);
        for micros in (1..=200).rev() {
            durations.note(Duration::from_micros(micros));
        }
        let all = [50, 99, 100].map(|percent| durations.micros(percent).round());
        assert_eq!(all, [100.0, 198.0, 200.0]);
        assert!((durations.seconds() - 0.0201).abs() < 1e-9);
    }
}
