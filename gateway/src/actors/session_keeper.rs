//! Clears away what has expired: sessions with their refresh tokens, counts of failed logins, and the
//! rate limits of addresses that are gone.
//!
//! Invariant: it deletes only what no request would look at any more, a bounded number of rows at a
//! time.

use super::Stop;
use crate::{
    http::RateLimit,
    store::{login_failures, refresh_tokens, sessions},
};
use actix::prelude::*;
use shared::db::{DbError, Pool};
use std::{sync::Arc, time::Duration};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(60);
/// Rows of a kind at a time.
const ROWS: i64 = 1000;

/// The actor.
pub struct SessionKeeper {
    pool: Pool,
    rate_limit: Arc<RateLimit>,
}

impl SessionKeeper {
    /// Starts it on the present arbiter; gives what stops it.
    #[must_use]
    pub fn start(pool: Pool, rate_limit: Arc<RateLimit>) -> Recipient<Stop> {
        Actor::start(Self { pool, rate_limit }).recipient()
    }
}

impl Actor for SessionKeeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(EVERY, |keeper, ctx| {
            keeper.rate_limit.forget_idle();
            let pool = keeper.pool.clone();
            // Interleaves, but nothing else runs here.
            let cleared = async move {
                if let Err(error) = clear(&pool).await {
                    tracing::warn!(error.message = %error, "Expired sessions could not be cleared away");
                }
            };
            ctx.spawn(cleared.into_actor(keeper));
        });
    }
}

impl Handler<Stop> for SessionKeeper {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// Deletes some of what has expired.
async fn clear(pool: &Pool) -> Result<(), DbError> {
    let mut connection = pool.get().await?;
    let ended = sessions::purge(&mut connection, ROWS).await?;
    let tokens = refresh_tokens::purge(&mut connection, ROWS).await?;
    let failures = login_failures::purge(&mut connection, ROWS).await?;
    tracing::debug!(
        purged.sessions = ended,
        purged.tokens = tokens,
        purged.failures = failures,
        "Cleared away"
    );
    Ok(())
}
