//! The deadline of a request: until when it may wait for its first commit.
//!
//! It is set when the request comes in, and travels with it as an argument: a connection, a look at the database, an
//! allocator and a ledger are waited for until then. What happens after the first commit has bounds of its own.

use shared::db::DbError;
use std::time::{Duration, Instant};
use tokio::time::timeout_at;

/// What is left until a deadline, and never more than this.
pub(crate) fn left(deadline: Instant, at_most: Duration) -> Duration {
    let now = tokio::time::Instant::now().into_std();
    deadline.saturating_duration_since(now).min(at_most)
}

/// What the database is asked, if the answer comes before the deadline. A connection on which the answer is still to come
/// may be dropped: one in a transaction is not used again.
pub(crate) async fn until<T>(
    deadline: Instant,
    asked: impl Future<Output = Result<T, DbError>>,
) -> Result<T, DbError> {
    timeout_at(deadline.into(), asked).await.unwrap_or_else(|_| {
        Err(DbError::Unavailable("no answer within the time that the request has".into()))
    })
}

/// What the database is asked that takes more time than a request has: if the answer comes within this time.
pub(crate) async fn within<T>(
    time: Duration,
    asked: impl Future<Output = Result<T, DbError>>,
) -> Result<T, DbError> {
    until((tokio::time::Instant::now() + time).into_std(), asked).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn nothing_is_waited_for_beyond_a_deadline() {
        let begun = Instant::now();
        let silent = until(begun, std::future::pending::<Result<(), DbError>>());
        assert!(matches!(silent.await, Err(DbError::Unavailable(_))));
        assert_eq!(left(begun, Duration::from_secs(9)), Duration::ZERO);
        let far = begun + Duration::from_secs(3600);
        assert_eq!(left(far, Duration::from_secs(9)), Duration::from_secs(9));
    }
}
