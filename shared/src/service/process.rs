//! The process that a service runs in: its limits and its signals.

/// Raises the limit on open files to the highest value that the process may set. Each connection is a file, and the usual
/// limit of 1,024 is too low for a service.
pub fn raise_file_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most).map(|()| most));
    match raised {
        Ok(most) => tracing::debug!(files.limit = most, "The limit of open files was raised"),
        Err(error) => tracing::warn!(%error, "The limit of open files could not be raised"),
    }
}

/// Ready when the process is asked to stop: SIGTERM or SIGINT.
pub async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    // Installing a handler fails only for signals that cannot be caught; then only the other one counts.
    let of = |kind| async move {
        match signal(kind) {
            Ok(mut stream) => {
                stream.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = of(SignalKind::terminate()) => {}
        () = of(SignalKind::interrupt()) => {}
    }
}
