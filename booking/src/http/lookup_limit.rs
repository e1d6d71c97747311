//! How often look-ups may fail.
//!
//! A booking's six characters and a name are all that stands before it, so guessing is limited twice: of
//! one locator, and of all locators together, each for one client in windows of an hour. They are counted
//! twice, too:
//!
//! - In the memory of this instance, before anything is asked: that bounds what is under way at once, and
//!   costs nothing. A look-up that has not failed is taken back.
//! - In a table, for all instances, when a look-up has failed and before that is told: together they tell no
//!   client of more failures than the limit. It is read with the booking, so that one that is found costs
//!   no further wait and no write. What several instances are asked in the same moment may be looked at by each
//!   of them, up to the limit of each; beyond the limit of all, those that fail get the refusal.

use crate::store::lookup_failures::{self, Failures, WINDOW};
use actix_web::HttpRequest;
use booking_engine::booking::locator::Locator;
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use moka::{policy::EvictionPolicy, sync::Cache};
use shared::http::{ClientAddress, Problem, Quota, network_of};
use std::{
    hash::Hash,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

/// Failures of a client with one locator.
const OF_LOCATOR: Quota = Quota { name: "lookup", requests: 10, window: Some(WINDOW) };
/// Failures of a client with whatever it asks for, texts that are no locators among them.
const OF_NETWORK: Quota = Quota { name: "lookups", requests: 100, window: Some(WINDOW) };
/// Counters of a kind that are remembered; the least recently used are forgotten first. Nobody pushes
/// out those of others by asking for much: a client has one counter for all, and as many for locators as
/// it may fail.
const REMEMBERED: u64 = 100_000;

/// Counts failed look-ups of this instance.
#[derive(Clone)]
pub(crate) struct Lookups {
    of_locator: Counters<(IpAddr, Locator)>,
    of_network: Counters<IpAddr>,
}

impl Lookups {
    /// None has failed yet.
    pub(crate) fn new() -> Self {
        Self { of_locator: Counters::new(OF_LOCATOR), of_network: Counters::new(OF_NETWORK) }
    }

    /// Counts a look-up as failed, before it is known to fail: many at once must not get by.
    ///
    /// # Errors
    /// `rate_limited`.
    pub(super) fn begin(&self, request: &HttpRequest, locator: Option<&Locator>) -> Result<Attempt, Problem> {
        let ClientAddress(client) = ClientAddress::of(request);
        self.count(client, locator, Instant::now())
    }

    fn count(&self, client: IpAddr, locator: Option<&Locator>, now: Instant) -> Result<Attempt, Problem> {
        let network = network_of(client);
        let mut attempt = Attempt { network, locator: locator.cloned(), counted: Vec::with_capacity(2) };
        attempt.counted.push(self.of_network.count(network, now)?);
        if let Some(locator) = locator {
            match self.of_locator.count((network, locator.clone()), now) {
                Ok(counted) => attempt.counted.push(counted),
                Err(problem) => {
                    attempt.take_back();
                    return Err(problem);
                }
            }
        }
        Ok(attempt)
    }
}

/// A look-up that is counted as failed.
pub(super) struct Attempt {
    network: IpAddr,
    locator: Option<Locator>,
    counted: Vec<Arc<Counter>>,
}

impl Attempt {
    /// Whether by what all instances have counted there may be one more failure.
    pub(super) async fn may_fail(&self, connection: &AsyncPgConnection) -> QueryResult<Result<(), Problem>> {
        let failures = lookup_failures::read(connection, self.network, self.locator.as_ref()).await?;
        Ok(allow(&failures, 1))
    }

    /// It has failed, also for the other instances. Refused where they have let too many fail meanwhile.
    pub(super) async fn fail(&self, connection: &AsyncPgConnection) -> QueryResult<Result<(), Problem>> {
        let failures = lookup_failures::count(connection, self.network, self.locator.as_ref()).await?;
        Ok(allow(&failures, 0))
    }

    /// It has not failed, or not by its client's fault.
    pub(super) fn take_back(&self) {
        for counter in &self.counted {
            counter.failures.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// Whether so many more failures are within the limits.
fn allow(failures: &[Failures], more: usize) -> Result<(), Problem> {
    for known in failures {
        let quota = if known.of_locator { &OF_LOCATOR } else { &OF_NETWORK };
        if known.count.saturating_add(more) > quota.requests {
            return Err(Problem::rate_limited(quota, WINDOW.saturating_sub(known.age)));
        }
    }
    Ok(())
}

/// Failures since the first one.
struct Counter {
    began: Instant,
    failures: AtomicU32,
}

/// The counters of a quota, each for a window.
#[derive(Clone)]
struct Counters<K> {
    quota: Quota,
    counters: Cache<K, Arc<Counter>>,
}

impl<K: Hash + Eq + Send + Sync + 'static> Counters<K> {
    fn new(quota: Quota) -> Self {
        let counters = Cache::builder()
            .max_capacity(REMEMBERED)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(WINDOW)
            .build();
        Self { quota, counters }
    }

    fn count(&self, key: K, now: Instant) -> Result<Arc<Counter>, Problem> {
        let begin = || Arc::new(Counter { began: now, failures: AtomicU32::new(0) });
        let counter = self.counters.get_with(key, begin);
        let before = counter.failures.fetch_add(1, Ordering::AcqRel);
        if before as usize >= self.quota.requests {
            counter.failures.fetch_sub(1, Ordering::AcqRel);
            let left = WINDOW.saturating_sub(now.saturating_duration_since(counter.began));
            return Err(Problem::rate_limited(&self.quota, left));
        }
        Ok(counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header;
    use std::time::Duration;

    fn lookups() -> Lookups {
        Lookups::new()
    }

    /// Whether a look-up of a client that fails is let through.
    fn fail(lookups: &Lookups, client: &str, locator: Option<&Locator>) -> bool {
        lookups.count(client.parse().unwrap(), locator, Instant::now()).is_ok()
    }

    #[test]
    fn a_network_of_addresses_is_one_client() {
        let (lookups, locator) = (lookups(), Locator::draw());
        for host in 1..=10 {
            assert!(fail(&lookups, &format!("2001:db8::{host}"), Some(&locator)));
        }
        assert!(!fail(&lookups, "2001:db8::ffff", Some(&locator)));
        assert!(fail(&lookups, "2001:db8::ffff", Some(&Locator::draw())));
        assert!(fail(&lookups, "2001:db8:0:1::1", Some(&locator)));
    }

    #[test]
    fn whoever_tries_many_locators_is_limited_too() {
        let lookups = lookups();
        for number in 0..100 {
            let locator = Locator::draw();
            assert!(fail(&lookups, "198.51.100.7", (number % 2 == 0).then_some(&locator)));
        }
        assert!(!fail(&lookups, "198.51.100.7", Some(&Locator::draw())));
        assert!(!fail(&lookups, "198.51.100.7", None));
        assert!(fail(&lookups, "198.51.100.8", None));
    }

    #[test]
    fn what_has_not_failed_is_not_counted() {
        let (lookups, locator, client) = (lookups(), Locator::draw(), "198.51.100.7".parse().unwrap());
        for _ in 0..200 {
            lookups.count(client, Some(&locator), Instant::now()).ok().unwrap().take_back();
        }
        for _ in 0..10 {
            assert!(fail(&lookups, "198.51.100.7", Some(&locator)));
        }
        // Refused: it is not counted for the client either.
        for _ in 0..200 {
            assert!(!fail(&lookups, "198.51.100.7", Some(&locator)));
        }
        assert!(fail(&lookups, "198.51.100.7", None));
    }

    #[test]
    fn junk_does_not_make_counters_forgotten() {
        let (lookups, locator) = (lookups(), Locator::draw());
        for _ in 0..10 {
            assert!(fail(&lookups, "198.51.100.7", Some(&locator)));
        }
        for number in 0..1000 {
            // So many clients that the junk of each is let through, asked for again and again.
            for _ in 0..3 {
                fail(&lookups, &format!("10.0.{}.{}", number / 256, number % 256), None);
            }
        }
        lookups.of_locator.counters.run_pending_tasks();
        assert_eq!(
            lookups.of_locator.counters.entry_count(),
            1,
            "texts that are no locators have no counter"
        );
        assert!(!fail(&lookups, "198.51.100.7", Some(&locator)));
    }

    #[test]
    fn what_is_left_of_the_window_is_told() {
        let (lookups, client, began) = (lookups(), "198.51.100.7".parse().unwrap(), Instant::now());
        for _ in 0..100 {
            lookups.count(client, None, began).ok().unwrap();
        }
        let refused = lookups.count(client, None, began + Duration::from_secs(1200)).err().unwrap();
        let response = refused.to_response(None);
        let header = |name: &str| response.headers().get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(header(header::RETRY_AFTER.as_str()), "2400");
        assert_eq!(header("ratelimit-policy"), "\"lookups\";q=100;w=3600");
        assert_eq!(header("ratelimit"), "\"lookups\";r=0;t=2400");
    }
}
