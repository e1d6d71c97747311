//! Rendezvous hashing (Thaler and Ravishankar, 1998): each key has an order of preference among the instances.
//!
//! All gateways compute the same order without talking to each other. When an instance goes, only its keys move; when
//! it is full, a key takes the next instance of its order.

use shared::ids::FlightId;
use uuid::Uuid;

/// What keeps requests together: those with the same key go to the same instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RoutingKey(Uuid);

impl RoutingKey {
    /// The key of a flight.
    pub(crate) fn flight(id: FlightId) -> Self {
        Self(id.into())
    }

    fn bits(self) -> u64 {
        let (high, low) = self.0.as_u64_pair();
        mix(high ^ mix(low))
    }
}

/// An instance's part in the scores.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed(u64);

impl Seed {
    /// The seed of an instance by its name. It is the same in all processes, as the hash has no random part.
    pub(crate) fn of(name: &str) -> Self {
        Self(mix(fnv(name.as_bytes())))
    }

    /// How well the instance suits the key.
    pub(crate) fn score(self, key: RoutingKey) -> u64 {
        mix(self.0 ^ key.bits())
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014): each bit of the input changes half of the output.
fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// FNV-1a.
fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn best(seeds: &[Seed], key: RoutingKey) -> usize {
        (0..seeds.len()).max_by_key(|index| seeds[*index].score(key)).unwrap()
    }

    fn keys() -> impl Iterator<Item = RoutingKey> {
        // As flights are made: their ids differ in their time and in random bits.
        (0..9000).map(|_| RoutingKey::flight(FlightId::new()))
    }

    #[test]
    fn keys_are_shared_out_evenly_and_only_those_of_a_lost_instance_move() {
        let seeds = ["http://10.0.0.1:8082", "http://10.0.0.2:8082", "http://10.0.0.3:8082"].map(Seed::of);
        let mut shares: HashMap<usize, usize> = HashMap::new();
        for key in keys() {
            let all = best(&seeds, key);
            *shares.entry(all).or_default() += 1;
            let without_last = best(&seeds[..2], key);
            assert!(all == 2 || all == without_last, "a key moved though its instance stayed");
        }
        assert!(shares.len() == 3 && shares.values().all(|share| (2700..3300).contains(share)), "{shares:?}");
    }

    #[test]
    fn the_order_is_the_same_in_all_releases() {
        let key = RoutingKey::flight("019ad000-0000-7000-8000-000000000001".parse().unwrap());
        assert_eq!(Seed::of("http://10.0.0.1:8082").score(key), Seed::of("http://10.0.0.1:8082").score(key));
        assert_eq!(Seed::of("http://10.0.0.1:8082").score(key), 2274852000462927066);
    }
}
