//! Removes what has expired: sessions with their refresh tokens, counts of failed logins, and idle clients of
//! the rate limit.
//!
//! Invariant: it deletes only rows that no request would read any more, a bounded number at a time.

use super::StopActor;
use crate::{
    domain::auth_rate_limiter::AuthRateLimiter,
    store::{login_failures, refresh_tokens, sessions},
};
use actix::prelude::*;
use shared::db::{DbError, Pool};
use std::{sync::Arc, time::Duration};

/// How often it sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// Rows that one sweep deletes from a table at most.
const MOST_ROWS: i64 = 1000;

/// The actor.
pub(crate) struct ExpirySweeper {
    pool: Pool,
    rate_limiter: Arc<AuthRateLimiter>,
}

impl ExpirySweeper {
    /// Starts it on the present arbiter; returns the address that stops it.
    pub(crate) fn start(pool: Pool, rate_limiter: Arc<AuthRateLimiter>) -> Recipient<StopActor> {
        Actor::start(Self { pool, rate_limiter }).recipient()
    }
}

impl Actor for ExpirySweeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(SWEEP_INTERVAL, |sweeper, ctx| {
            sweeper.rate_limiter.forget_idle_clients();
            let pool = sweeper.pool.clone();
            // Interleaves, but nothing else runs here.
            let sweep = async move {
                if let Err(error) = delete_expired(&pool).await {
                    tracing::warn!(error.message = %error, "Expired rows could not be deleted");
                }
            };
            ctx.spawn(sweep.into_actor(sweeper));
        });
    }
}

impl Handler<StopActor> for ExpirySweeper {
    type Result = ();

    fn handle(&mut self, _: StopActor, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// Deletes some of the expired rows.
async fn delete_expired(pool: &Pool) -> Result<(), DbError> {
    let mut connection = pool.get().await?;
    let sessions = sessions::delete_expired(&mut connection, MOST_ROWS).await?;
    let tokens = refresh_tokens::delete_expired(&mut connection, MOST_ROWS).await?;
    let failures = login_failures::delete_expired(&mut connection, MOST_ROWS).await?;
    tracing::debug!(
        deleted.sessions = sessions,
        deleted.tokens = tokens,
        deleted.failures = failures,
        "Deleted expired rows"
    );
    Ok(())
}
