//! Removes what has expired: sessions with their refresh tokens, one-time tokens, counts of failed logins and of letters,
//! devices that were not used for long, revocations, and idle clients of the limits. It also erases one-time tokens from
//! events that are published.
//!
//! Invariant: it deletes only rows that no request would read any more, a bounded number at a time. A sweep goes on while
//! there is more, so that no table grows for ever under load.

use crate::{
    http::RequestLimiter,
    store::{
        known_devices, letter_requests, login_failures, one_time_tokens, refresh_tokens, revocations,
        sessions, token_events,
    },
};
use diesel_async::AsyncPgConnection;
use shared::{
    db::{DbError, Pool},
    ticker::Ticker,
};
use std::{sync::Arc, time::Duration};

/// How often it sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// Rows that one statement deletes at most.
const BATCH: i64 = 1000;
/// Statements of one sweep for a table at most: it deletes 50,000 rows a minute.
const MOST_BATCHES: usize = 50;

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

/// Deletes the expired rows, up to the bound of a sweep.
async fn delete_expired(pool: &Pool) -> Result<(), DbError> {
    let sessions = repeat(pool, "sessions", sessions::delete_expired).await?;
    let tokens = repeat(pool, "refresh_tokens", refresh_tokens::delete_expired).await?;
    let failures = repeat(pool, "login_failures", login_failures::delete_expired).await?;
    let devices = repeat(pool, "known_devices", known_devices::delete_expired).await?;
    let one_time = repeat(pool, "one_time_tokens", one_time_tokens::delete_expired).await?;
    let letters = repeat(pool, "letter_requests", letter_requests::delete_expired).await?;
    let erased = repeat(pool, "token_events", token_events::erase).await?;
    let revocations = repeat(pool, "revocations", revocations::delete_outdated).await?;
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

/// Repeats a statement while it has found as many rows as it may delete at once; returns how many there were.
async fn repeat(
    pool: &Pool,
    table: &'static str,
    delete: impl AsyncFn(&mut AsyncPgConnection, i64) -> diesel::QueryResult<usize>,
) -> Result<usize, DbError> {
    let mut deleted = 0;
    for _ in 0..MOST_BATCHES {
        // The connection goes back in between, since requests wait for one.
        let rows = delete(&mut *pool.get().await?, BATCH).await?;
        deleted += rows;
        if i64::try_from(rows).unwrap_or(i64::MAX) < BATCH {
            return Ok(deleted);
        }
    }
    tracing::warn!(
        database.table = table,
        deleted.rows = deleted,
        "More rows have expired than one sweep deletes"
    );
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MIGRATIONS;
    use chrono::Utc;
    use diesel::{QueryableByName, sql_types::Text};
    use diesel_async::RunQueryDsl;
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

    #[actix_web::test]
    async fn a_sweep_goes_on_until_nothing_is_left() {
        let database = TestDatabase::of("gateway", MIGRATIONS).await;
        let config = database.config("gateway");
        let (pool, mut connection) = (Pool::new(&config), config.connect().await.unwrap());
        let expired = "INSERT INTO letter_requests (account, purpose, requests, since) \
                       SELECT convert_to(n::text, 'UTF8'), 'verify_email', 1, now() - interval '2 hours' \
                       FROM generate_series(1, 2500) AS g (n)";
        assert_eq!(diesel::sql_query(expired).execute(&mut connection).await.unwrap(), 2500);
        delete_expired(&pool).await.unwrap();
        let left = diesel::sql_query("SELECT 1 FROM letter_requests").execute(&mut connection).await;
        assert_eq!(left.unwrap(), 0);
        pool.close();
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
