//! Asks booking and the mailer once more to erase deleted accounts: what they made of them at the last moment, such as a
//! letter that was on its way, is not known to the deletion itself.
//!
//! Invariant: the verified address of a deleted account is kept until both services have answered that all is erased.

use super::IdentityService;
use crate::personal_data::PersonalDataClient;
use shared::{error_chain::ErrorChain, ticker::Ticker};
use std::time::Duration;

/// How often it looks for due erasures.
const INTERVAL: Duration = Duration::from_secs(60);

/// A handle of the follower.
pub(crate) struct ErasureFollower(Ticker);

impl ErasureFollower {
    /// Starts it on the present arbiter, with a first look at once.
    pub(crate) fn start(identity: IdentityService, others: PersonalDataClient) -> Self {
        let work = async move || {
            if let Err(error) = identity.follow_up_erasures(&others).await {
                tracing::warn!(error.chain = %ErrorChain(&error), "Deleted accounts could not be followed up");
            }
        };
        let ticker = Ticker::start("erasure follower", INTERVAL, || false, work);
        ticker.nudge();
        Self(ticker)
    }

    /// Stops after the present run.
    pub(crate) async fn stop(&self) {
        self.0.stop().await;
    }
}
