//! Private servers of an installation.

use servers::ServerError;

/// Stops a server on a thread that may block. A failure is logged, so that the caller goes on to stop the rest.
pub(crate) async fn stop_server(stop: impl FnOnce() -> Result<(), ServerError> + Send + 'static) {
    match tokio::task::spawn_blocking(stop).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error.message = %error, "A private server was not stopped cleanly"),
        Err(error) => tracing::warn!(error.message = %error, "A private server was not stopped cleanly"),
    }
}
