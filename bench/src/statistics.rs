//! Medians and percentiles.

use std::time::Duration;

/// The middle of values, the mean of the two in the middle of an even number of them; zero of none.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// How long things took.
#[derive(Debug, Clone, Default)]
pub struct Latencies {
    micros: Vec<u32>,
    sorted: bool,
}

impl Latencies {
    /// Notes one.
    pub fn record(&mut self, taken: Duration) {
        self.record_micros(u32::try_from(taken.as_micros()).unwrap_or(u32::MAX));
    }

    /// Notes one, in microseconds.
    pub fn record_micros(&mut self, micros: u32) {
        self.micros.push(micros);
        self.sorted = false;
    }

    /// Adds those of another round.
    pub fn add(&mut self, other: &Self) {
        self.micros.extend_from_slice(&other.micros);
        self.sorted = false;
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.micros.len()
    }

    /// The least value that so many of a hundred do not exceed (nearest rank), milliseconds; zero of
    /// none.
    pub fn percentile_ms(&mut self, percent: f64) -> f64 {
        if !self.sorted {
            self.micros.sort_unstable();
            self.sorted = true;
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 measurements")]
        let rank = (percent / 100.0 * self.micros.len() as f64).ceil();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the list")]
        let index = (rank.max(1.0) as usize).min(self.micros.len());
        index
            .checked_sub(1)
            .and_then(|index| self.micros.get(index))
            .map_or(0.0, |micros| f64::from(*micros) / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0]), 3.0);
        assert_eq!(median(&[9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), 3.0);
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile_ms(50.0), 0.0);
        (1..=100_u64).rev().for_each(|millis| latencies.record(Duration::from_millis(millis)));
        assert_eq!(latencies.count(), 100);
        assert_eq!(latencies.percentile_ms(50.0), 50.0);
        assert_eq!(latencies.percentile_ms(99.0), 99.0);
        assert_eq!(latencies.percentile_ms(100.0), 100.0);
        assert_eq!(latencies.percentile_ms(0.0), 1.0);
        let mut few = Latencies::default();
        few.record(Duration::from_micros(2500));
        few.add(&latencies);
        assert_eq!(few.count(), 101);
        assert_eq!(few.percentile_ms(1.9), 2.0);
        assert_eq!(few.percentile_ms(2.9), 2.5);
    }
}
