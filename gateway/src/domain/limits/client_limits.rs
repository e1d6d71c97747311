//! The decision whether a client's request is within its limits.

use super::{
    client::{LimitedClient, LimitedClients},
    counts::{CountKey, Counted, Counts, InFlightCount},
    settings::{ClassLimits, LimitSettings},
};
use crate::domain::route_class::RouteClass;
use governor::{
    RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
};
use std::{num::NonZeroU32, time::Duration};

/// Refusals of a client that are answered at once: in a burst, and then a second. Further ones wait for
/// [`REFUSAL_PAUSE`], so that a client that asks again at once costs little.
const PROMPT_REFUSALS: NonZeroU32 = NonZeroU32::new(20).expect("20 is not 0");
const REFUSAL_PAUSE: Duration = Duration::from_secs(1);

const MINUTE: Duration = Duration::from_secs(60);

/// How long a client is told to wait that has too many requests in flight.
const RETRY_AFTER: Duration = Duration::from_secs(1);

type Limiter<C> = RateLimiter<CountKey, Counts, C, StateInformationMiddleware>;

/// Which limit a refused request was beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitKind {
    /// Requests a minute.
    Rate,
    /// Requests at once.
    Concurrency,
}

impl LimitKind {
    /// Its name in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Concurrency => "concurrency",
        }
    }
}

/// A request within its limits.
pub(crate) struct Admission {
    /// Counts as in flight until it is dropped.
    pub(crate) in_flight: [Option<InFlightCount>; 3],
    /// Requests that the client may still send at once, of the limit that has the fewest left; `None` without a limit.
    pub(crate) remaining: Option<u32>,
}

impl Admission {
    /// Together with what was admitted before of the same request: its address.
    pub(crate) fn beside(mut self, earlier: Option<Self>) -> Self {
        let Some(Self { in_flight: [address, ..], remaining }) = earlier else { return self };
        self.in_flight[0] = address;
        self.remaining = self.remaining.into_iter().chain(remaining).min();
        self
    }
}

/// A request beyond a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Whose limit it was.
    pub(crate) client: LimitedClient,
    /// Which one.
    pub(crate) kind: LimitKind,
    /// How much the limit allows.
    pub(crate) limit: u32,
    /// When to come back.
    pub(crate) wait: Duration,
    /// How long the answer has to wait.
    pub(crate) pause: Duration,
}

/// The limits of all clients of this instance; its threads share them.
///
/// Requests a minute follow the generic cell rate algorithm: a client may send the requests of a whole minute at once,
/// and then gets them back one by one.
pub(crate) struct ClientLimits<C: Clock = DefaultClock> {
    /// By [`RouteClass`] as a number.
    classes: [ClassLimiter<C>; RouteClass::ALL.len()],
    refusals: Limiter<C>,
    counts: Counts,
    clock: C,
}

struct ClassLimiter<C: Clock> {
    limits: ClassLimits,
    /// `None`: no limit.
    rate: Option<Limiter<C>>,
}

impl ClientLimits {
    /// These limits.
    pub(crate) fn new(settings: &LimitSettings) -> Self {
        Self::with_clock(settings, DefaultClock::default())
    }
}

impl<C: Clock + Clone> ClientLimits<C> {
    fn with_clock(settings: &LimitSettings, clock: C) -> Self {
        let counts = Counts::new();
        let limiter = |quota| -> Limiter<C> { RateLimiter::new(quota, counts.clone(), clock.clone()) };
        let classes = RouteClass::ALL.map(|class| {
            let limits = settings.of(class);
            let rate = NonZeroU32::new(limits.per_minute).map(governor::Quota::per_minute).map(&limiter);
            ClassLimiter { limits, rate }
        });
        let refusals = limiter(governor::Quota::per_second(PROMPT_REFUSALS));
        Self { classes, refusals, counts, clock }
    }

    /// Counts a request of these clients. The first client is the one whose refusals are paced: its address.
    ///
    /// # Errors
    /// [`Refusal`], beyond a limit of any of them; the request is not in flight then.
    pub(crate) fn admit(&self, class: RouteClass, clients: LimitedClients) -> Result<Admission, Refusal> {
        let limiter = &self.classes[class as usize];
        let ClassLimits { per_minute, at_once } = limiter.limits;
        let counted = Counted::Requests(class);
        let mut admission = Admission { in_flight: [const { None }; 3], remaining: None };
        if at_once > 0 {
            for (client, place) in clients.into_iter().zip(&mut admission.in_flight) {
                let Some(client) = client else { continue };
                *place = self.counts.enter(CountKey { client, counted }, at_once);
                if place.is_none() {
                    let beyond = (client, LimitKind::Concurrency, at_once);
                    return Err(self.refuse(clients, beyond, RETRY_AFTER));
                }
            }
        }
        if let Some(rate) = &limiter.rate {
            for client in clients.into_iter().flatten() {
                match rate.check_key(&CountKey { client, counted }) {
                    Ok(state) => {
                        let left = state.remaining_burst_capacity();
                        let least = admission.remaining.map_or(left, |least| least.min(left));
                        admission.remaining = Some(least);
                    }
                    Err(refused) => {
                        let wait = refused.wait_time_from(self.clock.now());
                        return Err(self.refuse(clients, (client, LimitKind::Rate, per_minute), wait));
                    }
                }
            }
        }
        Ok(admission)
    }

    /// Takes the count of one admitted request of this client back.
    pub(crate) fn take_back(&self, class: RouteClass, client: LimitedClient) {
        if let Some(per_minute) = self.per_minute(class) {
            let key = CountKey { client, counted: Counted::Requests(class) };
            self.counts.take_back(&key, MINUTE / per_minute);
        }
    }

    fn refuse(
        &self,
        clients: LimitedClients,
        (client, kind, limit): (LimitedClient, LimitKind, u32),
        wait: Duration,
    ) -> Refusal {
        let paced = clients.into_iter().flatten().next().unwrap_or(client);
        let prompt = self.refusals.check_key(&CountKey { client: paced, counted: Counted::Refusals }).is_ok();
        Refusal { client, kind, limit, wait, pause: if prompt { Duration::ZERO } else { REFUSAL_PAUSE } }
    }

    /// The requests a minute that a class allows; `None`: no limit.
    pub(crate) fn per_minute(&self, class: RouteClass) -> Option<u32> {
        let limiter = &self.classes[class as usize];
        limiter.rate.as_ref().map(|_| limiter.limits.per_minute)
    }

    /// Forgets clients that have all of their requests back; gives the number of counts that are kept.
    pub(crate) fn forget_idle_clients(&self) -> usize {
        self.refusals.retain_recent();
        self.refusals.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;
    use proptest::prelude::*;
    use shared::ids::UserId;
    use std::{
        collections::{HashMap, HashSet, VecDeque},
        net::IpAddr,
    };

    fn limits(
        change: impl FnOnce(&mut LimitSettings),
    ) -> (ClientLimits<FakeRelativeClock>, FakeRelativeClock) {
        let mut settings = LimitSettings::lifted();
        change(&mut settings);
        let clock = FakeRelativeClock::default();
        (ClientLimits::with_clock(&settings, clock.clone()), clock)
    }

    fn at(address: &str) -> LimitedClients {
        [Some(LimitedClient::at(address.parse().unwrap())), None, None]
    }

    fn remaining(admitted: Result<Admission, Refusal>) -> Result<Option<u32>, LimitKind> {
        admitted.map(|admission| admission.remaining).map_err(|refusal| refusal.kind)
    }

    #[test]
    fn a_client_has_a_minutes_requests_and_gets_them_back_one_by_one() {
        let (limits, clock) = limits(|settings| settings.rate_read_per_minute = 3);
        let ask = || limits.admit(RouteClass::Read, at("10.0.0.1"));
        for left in [2, 1, 0] {
            assert_eq!(remaining(ask()), Ok(Some(left)));
        }
        let refusal = ask().err().unwrap();
        assert_eq!(
            (refusal.kind, refusal.limit, refusal.wait),
            (LimitKind::Rate, 3, Duration::from_secs(20))
        );
        clock.advance(Duration::from_secs(20));
        assert_eq!(remaining(ask()), Ok(Some(0)));
        assert!(ask().is_err());
        clock.advance(Duration::from_secs(60));
        assert_eq!(remaining(ask()), Ok(Some(2)));
    }

    #[test]
    fn classes_and_networks_count_by_themselves() {
        let (limits, _) = limits(|settings| {
            settings.rate_read_per_minute = 1;
            settings.rate_search_per_minute = 1;
        });
        let admitted = |class, address: &str| limits.admit(class, at(address)).is_ok();
        assert!(admitted(RouteClass::Read, "10.0.0.1") && !admitted(RouteClass::Read, "::ffff:10.0.0.1"));
        assert!(admitted(RouteClass::Search, "10.0.0.1") && admitted(RouteClass::Read, "10.0.0.2"));
        assert!(admitted(RouteClass::Read, "2001:db8::1") && !admitted(RouteClass::Read, "2001:db8::2"));
        assert!(admitted(RouteClass::Read, "2001:db8:0:1::1"));
        // No limit, no count.
        assert_eq!(remaining(limits.admit(RouteClass::Write, at("10.0.0.1"))), Ok(None));
    }

    #[test]
    fn an_account_counts_whatever_its_address_and_an_address_whatever_its_accounts() {
        let (limits, _) = limits(|settings| settings.rate_write_per_minute = 2);
        let (ada, grace) = (UserId::new(), UserId::new());
        let ask = |address: &str, user| {
            let [address, ..] = at(address);
            limits.admit(RouteClass::Write, [address, Some(LimitedClient::Account(user)), None])
        };
        assert_eq!(remaining(ask("10.0.0.1", ada)), Ok(Some(1)));
        assert_eq!(remaining(ask("10.0.0.2", ada)), Ok(Some(0)));
        assert_eq!(ask("10.0.0.3", ada).err().unwrap().client, LimitedClient::Account(ada));
        assert!(ask("10.0.0.1", grace).is_ok());
        assert_eq!(ask("10.0.0.1", grace).err().unwrap().client.kind(), "address");
        // A key counts beside its account.
        let key = LimitedClient::ApiKey(uuid::Uuid::now_v7());
        let ask =
            |user| limits.admit(RouteClass::Write, [None, Some(LimitedClient::Account(user)), Some(key)]);
        assert!(ask(UserId::new()).is_ok() && ask(UserId::new()).is_ok());
        assert_eq!(ask(UserId::new()).err().unwrap().client, key);
    }

    #[test]
    fn requests_in_flight_are_bounded_for_each_client_of_a_request() {
        let (limits, _) = limits(|settings| settings.concurrent_write = 1);
        let ada = LimitedClient::Account(UserId::new());
        let ask = |address: &str| limits.admit(RouteClass::Write, [at(address)[0], Some(ada), None]);
        let first = ask("10.0.0.1").ok().unwrap();
        let refusal = ask("10.0.0.2").err().unwrap();
        assert_eq!((refusal.kind, refusal.client, refusal.limit), (LimitKind::Concurrency, ada, 1));
        // The refused request holds nothing of its address.
        assert!(limits.admit(RouteClass::Write, at("10.0.0.2")).is_ok());
        drop(first);
        assert!(ask("10.0.0.2").is_ok());
    }

    #[test]
    fn a_client_that_insists_is_refused_at_a_pace() {
        let (limits, clock) = limits(|settings| settings.rate_read_per_minute = 1);
        let pause =
            |address: &str| limits.admit(RouteClass::Read, at(address)).err().map(|refusal| refusal.pause);
        assert_eq!(pause("10.0.0.1"), None);
        for _ in 0..PROMPT_REFUSALS.get() {
            assert_eq!(pause("10.0.0.1"), Some(Duration::ZERO));
        }
        assert_eq!(pause("10.0.0.1"), Some(REFUSAL_PAUSE));
        assert_eq!((pause("10.0.0.2"), pause("10.0.0.2")), (None, Some(Duration::ZERO)));
        clock.advance(Duration::from_secs(1));
        assert_eq!(pause("10.0.0.1"), Some(Duration::ZERO));
    }

    #[test]
    fn a_request_that_is_taken_back_can_be_sent_again() {
        let (limits, clock) = limits(|settings| settings.rate_read_per_minute = 2);
        clock.advance(Duration::from_secs(600));
        let client = LimitedClient::at("10.0.0.1".parse().unwrap());
        let ask = || remaining(limits.admit(RouteClass::Read, [Some(client), None, None]));
        assert_eq!((ask(), ask()), (Ok(Some(1)), Ok(Some(0))));
        limits.take_back(RouteClass::Read, client);
        assert_eq!((ask(), ask()), (Ok(Some(0)), Err(LimitKind::Rate)));
        // Of a class without a limit, and of a client that has sent nothing, there is nothing to take back.
        limits.take_back(RouteClass::Write, client);
        limits.take_back(RouteClass::Read, LimitedClient::at("10.0.0.2".parse().unwrap()));
    }

    #[test]
    fn clients_with_their_whole_allowance_are_forgotten() {
        let (limits, clock) = limits(|settings| {
            settings.rate_read_per_minute = 60;
            settings.concurrent_read = 1;
        });
        let busy = limits.admit(RouteClass::Read, at("10.0.0.1")).ok().unwrap();
        drop(limits.admit(RouteClass::Read, at("10.0.0.2")));
        assert_eq!(limits.forget_idle_clients(), 2);
        clock.advance(Duration::from_secs(2));
        assert_eq!(limits.forget_idle_clients(), 1);
        drop(busy);
        assert_eq!(limits.forget_idle_clients(), 0);
    }

    proptest! {
        /// As many clients as there are networks, and each is refused exactly what it asks beyond its own limit.
        #[test]
        fn each_network_has_its_own_allowance(addresses in proptest::collection::vec(any::<IpAddr>(), 1..60)) {
            let (limits, _) = limits(|settings| settings.rate_read_per_minute = 1);
            let mut seen = HashSet::new();
            for address in addresses {
                let admitted = limits.admit(RouteClass::Read, [Some(LimitedClient::at(address)), None, None]);
                prop_assert_eq!(admitted.is_ok(), seen.insert(shared::http::network_of(address)), "{}", address);
            }
        }

        /// Whatever clients do beside each other, none gets more than its limits allow, and none is refused within them.
        #[test]
        fn limits_hold_for_every_client_of_a_request(
            steps in proptest::collection::vec((0..3_u8, 0..3_u8, any::<bool>(), 0..1_500_u64), 1..300),
        ) {
            let (limits, clock) = limits(|settings| {
                settings.rate_write_per_minute = 30;
                settings.concurrent_write = 3;
            });
            let accounts = [(); 3].map(|()| UserId::new());
            let (mut now, mut held, mut sent) = (Duration::ZERO, VecDeque::new(), Vec::new());
            let mut admitted: HashMap<LimitedClient, u64> = HashMap::new();
            let of = |list: &VecDeque<(Admission, [LimitedClient; 2])>, client| {
                list.iter().filter(|(_, clients)| clients.contains(&client)).count()
            };
            for (address, account, ends_one, millis) in steps {
                let pause = Duration::from_millis(millis);
                now += pause;
                clock.advance(pause);
                if ends_one {
                    held.pop_front();
                }
                let address = LimitedClient::at(IpAddr::from([10, 0, 0, address]));
                let clients = [address, LimitedClient::Account(accounts[usize::from(account)])];
                let answer = limits.admit(RouteClass::Write, [Some(clients[0]), Some(clients[1]), None]);
                let refusal = answer.as_ref().err().copied();
                if refusal.is_none_or(|refusal| refusal.kind == LimitKind::Rate) {
                    sent.push((now, clients));
                }
                let in_a_minute = |client: LimitedClient| {
                    let recent = sent.iter().filter(|(at, _)| *at + MINUTE > now);
                    recent.filter(|(_, clients)| clients.contains(&client)).count()
                };
                match answer {
                    Ok(admission) => {
                        held.push_back((admission, clients));
                        for client in clients {
                            prop_assert!(of(&held, client) <= 3);
                            let admitted = admitted.entry(client).or_default();
                            *admitted += 1;
                            // A minute's requests at once, and then one each two seconds.
                            prop_assert!(*admitted <= 30 + now.as_secs() / 2);
                        }
                    }
                    Err(Refusal { client, kind: LimitKind::Concurrency, .. }) => {
                        prop_assert_eq!(of(&held, client), 3);
                    }
                    // The request itself is the one too many.
                    Err(Refusal { client, kind: LimitKind::Rate, .. }) => prop_assert!(in_a_minute(client) > 30),
                }
            }
            drop(held);
            for client in accounts.map(LimitedClient::Account) {
                let key = CountKey { client, counted: Counted::Requests(RouteClass::Write) };
                prop_assert_eq!(limits.counts.in_flight(&key), 0);
            }
        }
    }
}
