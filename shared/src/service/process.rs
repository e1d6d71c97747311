//! The process that a service runs in: its limits and its signals.

/// Lets the process open as many files as it may: each connection is one, and the usual limit of 1,024
/// is meant to be raised by whoever needs more.
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
