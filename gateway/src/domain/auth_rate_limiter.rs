//! The rate limit of `/auth`: requests per client and minute.

use governor::{
    RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DashMapStateStore,
};
use std::{net::IpAddr, num::NonZeroU32, time::Duration};

type KeyedLimiter = RateLimiter<IpAddr, DashMapStateStore<IpAddr>, DefaultClock, StateInformationMiddleware>;

/// Counts requests per client and minute; the threads of an instance share it.
///
/// It uses the generic cell rate algorithm: a client may send the requests of a whole minute at once, and
/// then gets them back one by one.
pub(crate) struct AuthRateLimiter {
    limiter: Option<KeyedLimiter>,
    per_minute: u32,
}

/// What the limit says about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RateDecision {
    /// There is no limit.
    Unlimited,
    /// The request is within the limit; the client may send this many more at once.
    Allowed { remaining: usize },
    /// The client must wait for this time.
    Refused { wait: Duration },
}

impl AuthRateLimiter {
    /// A limit of requests per minute; 0 lifts it.
    pub(crate) fn new(per_minute: u32) -> Self {
        let quota = NonZeroU32::new(per_minute).map(governor::Quota::per_minute);
        let limiter =
            quota.map(|quota| RateLimiter::dashmap(quota).with_middleware::<StateInformationMiddleware>());
        Self { limiter, per_minute }
    }

    /// Requests per client and minute.
    pub(crate) fn per_minute(&self) -> usize {
        self.per_minute as usize
    }

    /// Counts a request of a client.
    pub(crate) fn check(&self, client: IpAddr) -> RateDecision {
        let Some(limiter) = &self.limiter else { return RateDecision::Unlimited };
        match limiter.check_key(&client) {
            Ok(state) => RateDecision::Allowed { remaining: state.remaining_burst_capacity() as usize },
            Err(refused) => {
                RateDecision::Refused { wait: refused.wait_time_from(DefaultClock::default().now()) }
            }
        }
    }

    /// Forgets clients that have all of their requests back.
    pub(crate) fn forget_idle_clients(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}
