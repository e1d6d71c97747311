//! How failed logins hold up the next ones.
//!
//! Three bounds count failures. The bound of the account and the network together stops guesses from one place. The
//! bound of the network over all accounts stops a few passwords that are tried at many accounts. The bound of the
//! account over all networks slows guesses from many places. Only the first one binds a network that the account has
//! logged in from before: so nobody elsewhere can keep the owner out.

use std::{net::IpAddr, time::Duration};

/// Failures that hold nothing up: of an account and a network together, within a day.
pub(crate) const FREE_TOGETHER: i32 = 5;
/// The same of a network over all accounts, within an hour.
pub(crate) const FREE_OF_NETWORK: i32 = 100;
/// The same of an account over all networks, within a day.
pub(crate) const FREE_OF_ACCOUNT: i32 = 100;
/// Seconds of the longest delay. The first delay is a second, and each further failure doubles it.
pub(crate) const LONGEST_DELAY: i32 = 900;

/// What the failures of a login are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LoginOrigin {
    /// The digest of the address, whether or not it has an account.
    pub(crate) account: [u8; 32],
    /// The client's network.
    pub(crate) network: IpAddr,
}

/// The failures that one bound counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FailureCount {
    /// Failures in the present window.
    pub(crate) failures: i32,
    /// The time until the next attempt is read.
    pub(crate) wait: Option<Duration>,
}

/// The failures that all three bounds count for a login.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FailureCounts {
    /// Of the account and the network together.
    pub(crate) together: FailureCount,
    /// Of the network over all accounts.
    pub(crate) of_network: FailureCount,
    /// Of the account over all networks.
    pub(crate) of_account: FailureCount,
}

impl FailureCounts {
    /// The bounds that bind a login, with the failures that each allows.
    fn binding(self, known_network: bool) -> impl Iterator<Item = (FailureCount, i32)> {
        let all = [
            (self.together, FREE_TOGETHER),
            (self.of_network, FREE_OF_NETWORK),
            (self.of_account, FREE_OF_ACCOUNT),
        ];
        all.into_iter().take(if known_network { 1 } else { 3 })
    }

    /// How long a login must wait; `None` when it may be tried now.
    pub(crate) fn wait(self, known_network: bool) -> Option<Duration> {
        self.binding(known_network).filter_map(|(count, _)| count.wait).max()
    }

    /// Whether other failures were counted since `before`, beyond those that are free: after each of them only one
    /// attempt is read. So guesses at the same time win nothing over guesses one after the other.
    pub(crate) fn overtaken_since(self, before: Self, known_network: bool) -> bool {
        let (now, then) = (self.binding(known_network), before.binding(known_network));
        now.zip(then).any(|((now, free), (then, _))| now.failures > free && now.failures != then.failures)
    }

    /// The counts without the failure that was counted last.
    pub(crate) fn without_last(mut self) -> Self {
        for count in [&mut self.together, &mut self.of_network, &mut self.of_account] {
            count.failures -= 1;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(failures: i32, seconds: u64) -> FailureCount {
        FailureCount { failures, wait: (seconds > 0).then(|| Duration::from_secs(seconds)) }
    }

    #[test]
    fn a_known_network_waits_for_its_own_failures_only() {
        let counts =
            FailureCounts { together: count(7, 2), of_network: count(120, 900), of_account: count(101, 1) };
        assert_eq!(counts.wait(true), Some(Duration::from_secs(2)));
        assert_eq!(counts.wait(false), Some(Duration::from_secs(900)));
        assert_eq!(FailureCounts::default().wait(false), None);
    }

    #[test]
    fn beyond_the_free_failures_one_attempt_is_read_after_each() {
        let together = |failures| FailureCounts { together: count(failures, 0), ..FailureCounts::default() };
        assert!(!together(5).overtaken_since(together(0), true), "free");
        assert!(together(6).overtaken_since(together(0), true));
        assert!(!together(6).overtaken_since(together(6), true), "nobody came between");
        let of_account =
            |failures| FailureCounts { of_account: count(failures, 0), ..FailureCounts::default() };
        assert!(of_account(102).overtaken_since(of_account(101), false));
        assert!(!of_account(102).overtaken_since(of_account(101), true), "a known network passes");
        assert_eq!(together(7).without_last().together.failures, 6);
    }
}
