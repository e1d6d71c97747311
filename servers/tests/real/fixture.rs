//! What the tests of this crate share.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A temporary folder that PostgreSQL's account can pass through when the tests run as root.
pub(crate) fn reachable_folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).expect("its mode");
    folder
}

/// Runs one statement with `psql`, which comes with the server, and gives its output; the error's text when it fails.
pub(crate) fn sql(url: &str, statement: &str) -> Result<String, String> {
    let psql = servers::find_postgres().expect("PostgreSQL").join("psql");
    let output =
        Command::new(psql).args([url, "-X", "-A", "-t", "-c", statement]).output().expect("psql runs");
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Looks every 20 ms whether `condition` holds, for at most `seconds`.
pub(crate) fn eventually(seconds: u64, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < deadline {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    condition()
}

/// Whether all of these processes end within `seconds`; those that do not are printed.
pub(crate) fn all_gone(pids: &[u32], seconds: u64) -> bool {
    let gone = eventually(seconds, || pids.iter().all(|pid| servers::is_gone(*pid)));
    for pid in pids.iter().filter(|pid| !servers::is_gone(**pid)) {
        let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        eprintln!("still there: {pid} {}", command.replace('\0', " "));
    }
    gone
}
