//! PostgreSQL's notifications. Only this module uses LISTEN and NOTIFY, so a database without them concerns no other
//! code. A notification says only that something has happened. It is lost if no connection listens. So the owner of a
//! [`Listener`] also polls: rarely while the listener [hears notifications](ListenerEvent::Listening), often otherwise.

use super::{DatabaseConfig, Fault};
use crate::{bus::Backoff, statement};
use diesel::{QueryResult, sql_types::Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::StreamExt;
use std::{pin::pin, time::Duration};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The pauses before a lost connection is opened again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

statement! {
    /// Notifies all listeners of a channel.
    Notify { channel: Text = String } -> (),
    "SELECT pg_notify($, '')"
}

/// Notifies all listeners of a channel when the present transaction commits. The server serialises the commits of
/// transactions that notify. So a transaction that others wait for should not notify.
///
/// # Errors
/// Those of the database.
pub async fn notify(connection: &AsyncPgConnection, channel: String) -> QueryResult<()> {
    Notify { channel }.execute(&mut &*connection).await.map(drop)
}

/// What a listener tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerEvent {
    /// It hears every notification from now on. Those before are lost: it is time to look.
    Listening,
    /// Somebody has notified.
    Notified,
    /// It hears nothing until it is listening again: it is time to poll more often.
    Deaf,
}

/// Listens to a channel until it is dropped.
pub struct Listener {
    _stop: DropGuard,
}

impl Listener {
    /// Listens on a connection of its own, which the present arbiter drives and which is opened again whenever it is
    /// lost. `tell` must not block.
    #[must_use]
    pub fn start(
        config: &DatabaseConfig,
        channel: String,
        tell: impl FnMut(ListenerEvent) + 'static,
    ) -> Self {
        let (config, stop) = (config.clone(), CancellationToken::new());
        let stopped = stop.clone();
        actix_rt::spawn(async move {
            // Dropping the session closes its connection.
            stopped.run_until_cancelled(listen(config, channel, tell)).await;
        });
        Self { _stop: stop.drop_guard() }
    }
}

async fn listen(config: DatabaseConfig, channel: String, mut tell: impl FnMut(ListenerEvent)) {
    let mut pause = Backoff::new(PAUSES.0, PAUSES.1);
    let mut refused = false;
    loop {
        let ended = session(&config, &channel, |event| {
            pause.reset();
            tell(event);
        });
        let end = ended.await;
        tell(ListenerEvent::Deaf);
        match end {
            SessionEnd::Lost(reason) => tracing::info!(
                db.channel = channel,
                reason,
                "Notifications of the database are not heard until the listener has connected again"
            ),
            SessionEnd::Refused(error) if !std::mem::replace(&mut refused, true) => tracing::warn!(
                db.channel = channel, %error,
                "The database refuses to be listened to: its changes are found by polling"
            ),
            SessionEnd::Refused(_) => {}
        }
        tokio::time::sleep(pause.delay()).await;
    }
}

/// Why a session has ended.
enum SessionEnd {
    /// The connection could not be opened, or is gone.
    Lost(String),
    /// The server does not take the command.
    Refused(diesel::result::Error),
}

/// Listens for the lifetime of one connection.
async fn session(config: &DatabaseConfig, channel: &str, mut tell: impl FnMut(ListenerEvent)) -> SessionEnd {
    let mut connection = match config.connect().await {
        Ok(connection) => connection,
        Err(error) => return SessionEnd::Lost(error.to_string()),
    };
    let command = format!("LISTEN \"{}\"", channel.replace('"', "\"\""));
    match diesel::sql_query(command).execute(&mut connection).await {
        Ok(_) => tell(ListenerEvent::Listening),
        Err(error) if Fault::of(&error).is_outage() => return SessionEnd::Lost(error.to_string()),
        Err(error) => return SessionEnd::Refused(error),
    }
    let mut notifications = pin!(connection.notifications_stream());
    loop {
        match notifications.next().await {
            Some(Ok(_)) => tell(ListenerEvent::Notified),
            Some(Err(error)) => return SessionEnd::Lost(error.to_string()),
            None => return SessionEnd::Lost("the connection has ended".to_owned()),
        }
    }
}
