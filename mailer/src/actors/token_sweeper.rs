//! Erases the tokens of letters that were never sent, and of messages that were given up.
//!
//! The tokens of letters that are sent go with the record of it. The sweeper finds those that expire in the queue, and
//! those that a crash has left.

use crate::store::{batch_connection::BatchConnection, dead_letters, letter_tokens};
use shared::{db::DbError, ticker::Ticker};
use std::time::Duration;

/// How often it sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// A handle of the sweeper.
pub(crate) struct TokenSweeper(Ticker);

impl TokenSweeper {
    /// Starts it on the present arbiter, which is that of all users of the connection.
    pub(crate) fn start(connection: BatchConnection) -> Self {
        let sweep = async move || {
            if let Err(error) = sweep(&connection).await {
                tracing::warn!(%error, "Tokens could not be erased");
            }
        };
        Self(Ticker::start("token sweeper", SWEEP_INTERVAL, || false, sweep))
    }

    /// Stops after the present sweep.
    pub(crate) async fn stop(&self) {
        self.0.stop().await;
    }
}

async fn sweep(connection: &BatchConnection) -> Result<(), DbError> {
    let sweep = async |connection: &_| {
        letter_tokens::sweep(connection).await?;
        dead_letters::erase_tokens(connection).await
    };
    connection.run(sweep).await
}
