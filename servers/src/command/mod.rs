//! The two subcommands of `private-servers`, and what they say to each other.

pub(crate) mod run;
pub(crate) mod supervise;

use std::process::ExitStatus;

/// The exit code of a command as a shell would give it: 128 + n when signal n ended it.
fn exit_code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;

    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// Becomes the parent of every orphan among our descendants, so that none can slip away by changing its process group or
/// its session. Elsewhere than on Linux orphans go to process 1, and only those still below us are found later.
fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

/// Kills everything that descends from this process, until there is nothing left; an orphan shows up one round later.
fn kill_descendants() {
    const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let below = servers::descendants(std::process::id());
        if below.is_empty() || std::time::Instant::now() > deadline {
            return;
        }
        servers::kill_all(&below);
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
