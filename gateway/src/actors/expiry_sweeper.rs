//! Removes what has expired: sessions with their refresh tokens, one-time tokens, counts of failed logins and of letters,
//! devices that were not used for long, revocations, and idle clients of the limits. It also erases one-time tokens from
//! events that are published.
//!
//! Invariant: it deletes only rows that no request would read any more, a bounded number at a time.

use crate::{
    http::RequestLimiter,
    store::{
        known_devices, letter_requests, login_failures, one_time_tokens, refresh_tokens, revocations,
        sessions, token_events,
    },
};
use shared::{
    db::{DbError, Pool},
    ticker::Ticker,
};
use std::{sync::Arc, time::Duration};

/// How often it sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// Rows that one sweep deletes from a table at most.
const MOST_ROWS: i64 = 1000;

/// A handle of the sweeper.
pub(crate) struct ExpirySweeper(Ticker);

impl ExpirySweeper {
    /// Starts it on the present arbiter.
    pub(crate) fn start(pool: Pool, limiter: Arc<RequestLimiter>) -> Self {
        let sweep = async move || {
            limiter.forget_idle_clients();
            if let Err(error) = delete_expired(&pool).await {
                tracing::warn!(error.message = %error, "Expired rows could not be deleted");
            }
        };
        Self(Ticker::start("expiry sweeper", SWEEP_INTERVAL, || false, sweep))
    }

    /// Stops after the present sweep.
    pub(crate) async fn stop(&self) {
        self.0.stop().await;
    }
}

/// Deletes some of the expired rows.
async fn delete_expired(pool: &Pool) -> Result<(), DbError> {
    let mut connection = pool.get().await?;
    let sessions = sessions::delete_expired(&mut connection, MOST_ROWS).await?;
    let tokens = refresh_tokens::delete_expired(&mut connection, MOST_ROWS).await?;
    let failures = login_failures::delete_expired(&mut connection, MOST_ROWS).await?;
    let devices = known_devices::delete_expired(&mut connection, MOST_ROWS).await?;
    let one_time = one_time_tokens::delete_expired(&mut connection, MOST_ROWS).await?;
    let letters = letter_requests::delete_expired(&mut connection, MOST_ROWS).await?;
    let erased = token_events::erase(&mut connection, MOST_ROWS).await?;
    let revocations = revocations::delete_outdated(&mut connection, MOST_ROWS).await?;
    tracing::debug!(
        deleted.sessions = sessions,
        deleted.tokens = tokens,
        deleted.failures = failures,
        deleted.devices = devices,
        deleted.one_time_tokens = one_time,
        deleted.letter_requests = letters,
        erased.events = erased,
        deleted.revocations = revocations,
        "Deleted expired rows"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MIGRATIONS;
    use chrono::Utc;
    use diesel::{QueryableByName, sql_types::Text};
    use diesel_async::{AsyncPgConnection, RunQueryDsl};
    use shared::{
        events::{Event, EventType, LetterToken, TokenRequest, UserState},
        ids::UserId,
        outbox,
    };
    use testkit::TestDatabase;

    #[derive(QueryableByName)]
    struct EventData {
        #[diesel(sql_type = Text)]
        data: String,
    }

    /// An event with a token that lasts an hour, as a use case writes it.
    async fn write(connection: &mut AsyncPgConnection) {
        let user = UserState {
            id: UserId::new(),
            email: "ada@example.org".to_owned(),
            given_name: "Zo\u{eb} \"token\":\"x\"".to_owned(),
            family_name: "Lovelace".to_owned(),
            locale: "en".to_owned(),
        };
        let expires_at = Utc::now() + chrono::TimeDelta::hours(1);
        let request = TokenRequest { user, token: Some(LetterToken("secret".to_owned())), expires_at };
        let event = Event::new("gateway", EventType::UserVerificationRequested, "a", 1, &request);
        token_events::insert(connection, event.id, expires_at).await.unwrap();
        outbox::append(connection, &[event]).await.unwrap();
    }

    async fn tokens(connection: &mut AsyncPgConnection) -> Vec<Option<LetterToken>> {
        let rows: Vec<EventData> =
            diesel::sql_query("SELECT data FROM events ORDER BY id").load(connection).await.unwrap();
        let requests = rows.iter().map(|row| serde_json::from_str::<TokenRequest>(&row.data).unwrap());
        requests
            .inspect(|request| assert!(request.user.given_name.starts_with("Zo\u{eb}")))
            .map(|request| request.token)
            .collect()
    }

    #[actix_web::test]
    async fn a_token_is_erased_once_it_is_published_or_has_expired() {
        let database = TestDatabase::of("gateway", MIGRATIONS).await;
        let config = database.config("gateway");
        let (pool, mut connection) = (Pool::new(&config), config.connect().await.unwrap());
        let secret = Some(LetterToken("secret".to_owned()));
        for _ in 0..3 {
            write(&mut connection).await;
        }
        delete_expired(&pool).await.unwrap();
        assert_eq!(tokens(&mut connection).await, [secret.clone(), secret.clone(), secret.clone()]);

        // The bus has taken the first one.
        let run = async |statement: &str, connection: &mut AsyncPgConnection| {
            diesel::sql_query(statement).execute(connection).await.unwrap()
        };
        run("DELETE FROM outbox WHERE seq = (SELECT min(seq) FROM outbox)", &mut connection).await;
        delete_expired(&pool).await.unwrap();
        assert_eq!(tokens(&mut connection).await, [None, secret.clone(), secret.clone()]);

        let late = "UPDATE token_events SET expires_at = now() WHERE event_id = (SELECT event_id FROM outbox ORDER BY seq LIMIT 1)";
        run(late, &mut connection).await;
        delete_expired(&pool).await.unwrap();
        assert_eq!(tokens(&mut connection).await, [None, None, secret]);
        assert_eq!(run("SELECT 1 FROM outbox", &mut connection).await, 2, "they are published all the same");
        pool.close();
    }
}
