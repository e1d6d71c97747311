//! Looking at processes, signalling them, and waiting for their end.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How often a condition is looked at again while something is waited for.
pub(crate) const POLL: Duration = Duration::from_millis(20);

/// Calls `condition` every [`POLL`] until it holds or `patience` is over; says whether it held.
pub(crate) fn wait_until(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(POLL);
    }
}

/// Waits for a child's end; `None` when it still runs after `patience`.
pub(crate) fn wait_for_exit(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let mut status = None;
    wait_until(patience, || {
        status = child.try_wait().ok().flatten();
        status.is_some()
    });
    status
}

/// Sends a signal to a child; one that has ended is no error.
pub(crate) fn signal(child: &Child, signal: Signal) {
    let _ = kill(pid_of(child), signal);
}

/// Kills a child and all that descends from it, and waits until all of them are gone.
pub(crate) fn kill_tree(child: &mut Child) {
    if matches!(child.try_wait(), Ok(Some(_))) {
        return;
    }
    // Stopped first, so that it starts no further children between the look and the kill.
    signal(child, Signal::SIGSTOP);
    let below = descendants(child.id());
    signal(child, Signal::SIGKILL);
    kill_all(&below);
    let _ = child.wait();
    wait_until(Duration::from_secs(10), || below.iter().all(|pid| is_gone(*pid)));
}

/// Asks a child to stop (SIGTERM); one that has ended is no error.
pub fn terminate(child: &Child) {
    signal(child, Signal::SIGTERM);
}

/// Sends SIGKILL to each of `pids`. Those that are gone already are passed over.
pub fn kill_all(pids: &[u32]) {
    for pid in pids {
        let _ = kill(raw(*pid), Signal::SIGKILL);
    }
}

/// The process ids of all that descends from `ancestor`, nearest first; without zombies.
pub fn descendants(ancestor: u32) -> Vec<u32> {
    let table = process_table();
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(table.iter().filter(|row| row.parent == parent && !row.zombie).map(|row| row.pid));
        next += 1;
    }
    found.remove(0);
    found
}

/// Whether no process has this id any more; a zombie, which only waits to be reaped by its parent, counts as gone.
pub fn is_gone(pid: u32) -> bool {
    match kill(raw(pid), None) {
        Err(Errno::ESRCH) => true,
        _ => look_at(pid).is_none_or(|row| row.zombie),
    }
}

/// The parent of a process; `None` when there is no such process.
pub fn parent_of(pid: u32) -> Option<u32> {
    look_at(pid).map(|row| row.parent)
}

fn pid_of(child: &Child) -> Pid {
    raw(child.id())
}

fn raw(pid: u32) -> Pid {
    // Process ids are positive `pid_t`, which the standard library widens without a sign.
    Pid::from_raw(pid.cast_signed())
}

struct ProcessRow {
    pid: u32,
    parent: u32,
    zombie: bool,
}

#[cfg(target_os = "linux")]
fn look_at(pid: u32) -> Option<ProcessRow> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // "pid (name) state parent ...", and a name may hold spaces and parentheses.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let zombie = matches!(fields.next()?, "Z" | "X");
    Some(ProcessRow { pid, parent: fields.next()?.parse().ok()?, zombie })
}

#[cfg(target_os = "linux")]
fn process_table() -> Vec<ProcessRow> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries.flatten().filter_map(|entry| look_at(entry.file_name().to_str()?.parse().ok()?)).collect()
}

#[cfg(not(target_os = "linux"))]
fn look_at(pid: u32) -> Option<ProcessRow> {
    process_table().into_iter().find(|row| row.pid == pid)
}

#[cfg(not(target_os = "linux"))]
fn process_table() -> Vec<ProcessRow> {
    let output = std::process::Command::new("ps").args(["-A", "-o", "pid=,ppid=,state="]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let row = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let (pid, parent) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(ProcessRow { pid, parent, zombie: fields.next()?.starts_with('Z') })
    };
    text.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_tree_is_killed_to_its_leaves() {
        let mut child = Command::new("sh").args(["-c", "sleep 60 & sleep 60 & wait"]).spawn().unwrap();
        assert!(wait_until(Duration::from_secs(5), || descendants(child.id()).len() == 2));
        let leaves = descendants(child.id());
        assert_eq!(parent_of(leaves[0]), Some(child.id()));
        kill_tree(&mut child);
        assert!(leaves.iter().all(|pid| is_gone(*pid)));
        assert!(is_gone(child.id()));
    }
}
