//! What the start of either server has in common.

use std::process::Child;
use std::time::Duration;

use crate::error::ServerError;
use crate::port::free_port;
use crate::process::{kill_tree, wait_until};
use crate::server_folder::ServerFolder;

/// How often a start is tried again when its port turns out to be taken, and how long is waited in between.
const ATTEMPTS: u32 = 10;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(200);

/// Launches on the `wanted` port, or on a free one. When the server died with `taken` in its log, which says that the port
/// was not free after all, launches again: on another port, or once more on the wanted one, whose last owner may be about
/// to let it go.
pub(crate) fn attempts<T>(
    wanted: Option<u16>,
    taken: &str,
    mut launch: impl FnMut(u16) -> Result<T, ServerError>,
) -> Result<(u16, T), ServerError> {
    let mut attempt = 1;
    loop {
        let port = wanted.unwrap_or_else(free_port);
        match launch(port) {
            Ok(server) => return Ok((port, server)),
            Err(ServerError::Died { log, .. }) if attempt < ATTEMPTS && log.contains(taken) => {
                attempt += 1;
                std::thread::sleep(BETWEEN_ATTEMPTS);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Waits until `ready` holds. A child that is not ready in time is killed.
pub(crate) fn wait_until_ready(
    server: &'static str,
    child: &mut Child,
    folder: &ServerFolder,
    patience: Duration,
    mut ready: impl FnMut() -> bool,
) -> Result<(), ServerError> {
    let mut ended = None;
    let settled = wait_until(patience, || {
        ended = child.try_wait().ok().flatten();
        ended.is_some() || ready()
    });
    if let Some(status) = ended {
        return Err(ServerError::Died { server, status: status.to_string(), log: folder.log_tail() });
    }
    if !settled {
        kill_tree(child);
        return Err(ServerError::NotReady { server, seconds: patience.as_secs(), log: folder.log_tail() });
    }
    Ok(())
}
