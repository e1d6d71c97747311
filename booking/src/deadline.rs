//! The deadline of a request: until when it may wait for its first commit.
//!
//! It is set when the request comes in, and whatever the request waits for on its way looks at it: a
//! connection, a look at the database, an allocator, a ledger. Messages to actors carry it along; in
//! the request's own task it is found here. What happens after the first commit has bounds of its own.

use shared::db::DbError;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

tokio::task_local! {
    static CURRENT: Instant;
}

/// Runs what is done for a request with this deadline.
pub(crate) async fn scope<T>(deadline: Instant, work: impl Future<Output = T>) -> T {
    CURRENT.scope(deadline, work).await
}

/// The deadline of the present request; of what no request waits for, so long from now.
pub(crate) fn of_request(otherwise: Duration) -> Instant {
    CURRENT.try_with(|deadline| *deadline).unwrap_or_else(|_| Instant::now() + otherwise)
}

/// What is left to the present request, and never more than this.
pub(crate) fn left(at_most: Duration) -> Duration {
    of_request(at_most).saturating_duration_since(Instant::now()).min(at_most)
}

/// What the database is asked, if the answer comes in time for the present request. A connection on
/// which the answer is still to come may be dropped: one in a transaction is not used again.
pub(crate) async fn in_time<T>(asked: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
    let Ok(deadline) = CURRENT.try_with(|deadline| *deadline) else { return asked.await };
    until(deadline, asked).await
}

/// What the database is asked that takes more time than a request has: if the answer comes within this time.
pub(crate) async fn within<T>(
    time: Duration,
    asked: impl Future<Output = Result<T, DbError>>,
) -> Result<T, DbError> {
    until(Instant::now() + time, asked).await
}

async fn until<T>(deadline: Instant, asked: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
    timeout_at(deadline, asked).await.unwrap_or_else(|_| {
        Err(DbError::Unavailable("no answer within the time that the request has".into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn a_request_waits_no_longer_than_it_may() {
        let begun = Instant::now();
        let silent = in_time(std::future::pending::<Result<(), DbError>>());
        assert!(matches!(scope(begun, silent).await, Err(DbError::Unavailable(_))));
        assert_eq!(scope(begun, async { of_request(Duration::from_secs(9)) }).await, begun);
        assert_eq!(scope(begun, async { left(Duration::from_secs(9)) }).await, Duration::ZERO);
        let far = begun + Duration::from_secs(3600);
        assert_eq!(scope(far, async { left(Duration::from_secs(9)) }).await, Duration::from_secs(9));
        assert!(of_request(Duration::from_secs(9)) >= begun + Duration::from_secs(9), "outside of a request");
    }
}
