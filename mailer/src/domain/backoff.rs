//! Delays between attempts.

use std::time::Duration;

/// The delay after this many failures in a row (1 or more). It doubles with each failure, up to `longest`.
/// `jitter` (0 to 1) then draws from the upper half, so that letters that failed together do not come back
/// together.
pub(crate) fn backoff(failures: u32, first: Duration, longest: Duration, jitter: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    let full = first.saturating_mul(1 << doublings).min(longest);
    full.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_their_bound_within_their_jitter() {
        let (first, longest) = (Duration::from_secs(30), Duration::from_secs(3600));
        for (failures, full) in [(1, 30), (2, 60), (3, 120), (7, 1920), (8, 3600), (4_000_000_000, 3600)] {
            assert_eq!(backoff(failures, first, longest, 1.0), Duration::from_secs(full));
            assert_eq!(backoff(failures, first, longest, 0.0), Duration::from_secs(full) / 2);
        }
    }
}
