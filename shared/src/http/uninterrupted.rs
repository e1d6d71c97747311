//! Writing requests go on where their connections do not.

use super::{Code, Problem, RequestId};
use actix_web::{Error, error::InternalError, http::header::HeaderName};
use tokio::task::JoinError;

/// Runs the handling of a writing request to its end, in a task of its own.
///
/// The server drops a handler when the client resets its connection. Dropped midway, a handler would leave the
/// second of two commits undone, keep quiet about what it has committed, or hand a connection back in the
/// middle of a transaction.
///
/// # Errors
/// Those of the work; `internal`, with the request's id, where it panicked.
pub(super) async fn uninterrupted<T: 'static>(
    id: &RequestId,
    work: impl Future<Output = Result<T, Error>> + 'static,
) -> Result<T, Error> {
    actix_web::rt::spawn(work).await.unwrap_or_else(|error| Err(failed(id, error)))
}

fn failed(RequestId(id): &RequestId, error: JoinError) -> Error {
    tracing::error!(%error, request.id = id, "The handling of a request ended without an answer");
    let mut response = Problem::new(Code::Internal).to_response(Some(id));
    if let Ok(value) = id.parse() {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
    }
    InternalError::from_response(error, response).into()
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
            let id = RequestId("1".to_owned());
            let handling = uninterrupted(&id, async move {
                wait.await.expect("the signal to go on");
                Ok(done.send("done"))
            });
            assert!(matches!(select(pin!(handling), ready(())).await, Either::Right(_)), "still at work");
        }
        go.send(()).expect("the work waits");
        assert_eq!(end.await, Ok("done"));
    }

    #[actix_web::test]
    async fn a_panic_is_an_internal_error_with_the_id_of_its_request() {
        let id = RequestId("of-a-panic".to_owned());
        let answered: Result<(), Error> = uninterrupted(&id, async { panic!("a fault of ours") }).await;
        let response = answered.unwrap_err().error_response();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers().get("x-request-id").unwrap(), "of-a-panic");
    }
}
