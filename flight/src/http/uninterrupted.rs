//! Work that goes on where its request does not.

use shared::{http::Problem, telemetry::trace};
use tracing::Instrument;

/// Runs work to its end in a task of its own, in the trace of the request. A client that goes away
/// takes only the handler with it: no transaction stays open in a pooled connection, and what was
/// committed is also told.
///
/// # Errors
/// Those of the work; `internal` where it panicked.
pub(super) async fn uninterrupted<T: 'static>(
    work: impl Future<Output = Result<T, Problem>> + 'static,
) -> Result<T, Problem> {
    let work = trace::scope(trace::current().unwrap_or_default(), work).in_current_span();
    actix_web::rt::spawn(work).await.map_err(|error| Problem::internal(&error))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::{Either, ready, select};
    use std::pin::pin;
    use tokio::sync::oneshot;

    #[actix_web::test]
    async fn work_goes_on_without_its_request() {
        let (go, wait) = oneshot::channel::<()>();
        let (done, end) = oneshot::channel();
        {
            let handler = uninterrupted(async move {
                wait.await.expect("the word to go on");
                Ok(done.send("done"))
            });
            assert!(matches!(select(pin!(handler), ready(())).await, Either::Right(_)), "still at work");
        }
        go.send(()).expect("the work waits");
        assert_eq!(end.await, Ok("done"));
    }
}
