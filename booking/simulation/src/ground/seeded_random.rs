//! The source of all chance of a run.

use std::cell::Cell;
use uuid::{Builder, Uuid};

/// SplitMix64 (Steele, Lea, Flood 2014): small, quick, and the same for ever, so that a seed that was
/// written down names the same run after any update of a library.
#[derive(Debug)]
pub(crate) struct SeededRandom(Cell<u64>);

impl SeededRandom {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    fn next(&self) -> u64 {
        let mut z = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(z);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `bound`, which is left out.
    pub(crate) fn below(&self, bound: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(bound.max(1));
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// An index into a list.
    pub(crate) fn index(&self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// True with this chance, of a thousand.
    pub(crate) fn chance(&self, of_thousand: u64) -> bool {
        self.below(1000) < of_thousand
    }

    /// Short times are as likely as long ones: from `least` up to about `2^doublings` times as much.
    pub(crate) fn time(&self, least: u64, doublings: u64) -> u64 {
        let scale = least << self.below(doublings + 1);
        scale + self.below(scale)
    }

    /// A version 7 identifier of an instant, in microseconds since 1970.
    pub(crate) fn id(&self, micros: i64) -> Uuid {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&self.next().to_be_bytes());
        bytes[8..].copy_from_slice(&self.next().to_be_bytes()[..2]);
        let millis = u64::try_from(micros / 1000).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }
}
