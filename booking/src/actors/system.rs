//! The clocks and the chance of this machine, as the engine asks for them.

use booking_engine::{
    booking::locator::Locator,
    ports::{Clock, Ids},
};
use chrono::{DateTime, Utc};
use std::time::Instant;
use uuid::Uuid;

/// The clocks of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn utc(&self) -> DateTime<Utc> {
        Utc::now()
    }

    async fn sleep_until(&self, instant: Instant) {
        tokio::time::sleep_until(instant.into()).await;
    }
}

/// Identifiers of the current time and chance.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemIds;

impl Ids for SystemIds {
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn locator(&self) -> Locator {
        Locator::from_bits(rand::random())
    }
}
