//! `private-servers supervise`: between `run` and the command, to end the command's processes when `run` is gone.
//!
//! Standard input is the pipe from `run`. A byte on it is the number of a signal to pass on to the command's process group;
//! its end means that `run` has ended, in whatever way, or wants everything ended now.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::Pid;
use servers::{OnOwnerDeath, spawn_bound};

/// How `run` starts its supervisor.
#[derive(Debug, clap::Args)]
pub(crate) struct SuperviseOptions {
    /// The servers' folder, to be removed if `run` dies.
    #[arg(long)]
    folder: PathBuf,
    /// Process id of `run`.
    #[arg(long)]
    owner: u32,
    /// The command and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Runs the command; its exit code is ours.
pub(crate) fn supervise(options: &SuperviseOptions) -> anyhow::Result<ExitCode> {
    super::adopt_orphans();
    let (program, arguments) = options.command.split_first().context("the command is missing")?;
    let mut command = Command::new(program);
    // A group of its own, for the signals passed on; its input is empty, as a background group may not read a terminal.
    command.args(arguments).stdin(Stdio::null()).process_group(0);
    // If the supervisor itself is killed, `run` notices and kills what is left.
    let child = spawn_bound(command, OnOwnerDeath::Terminate)
        .with_context(|| format!("could not start {}", program.to_string_lossy()))?;
    let pid = Pid::from_raw(child.id().cast_signed());
    let (owner, folder) = (options.owner, options.folder.clone());
    let ending = Arc::new(AtomicBool::new(false));
    let begins = Arc::clone(&ending);
    std::thread::Builder::new().name("pipe".into()).spawn(move || {
        pass_on_signals(pid);
        begins.store(true, Ordering::SeqCst);
        end(owner, &folder)
    })?;
    // Every child is waited for here, not the command alone: as subreaper we are given orphans too.
    loop {
        let code = match wait()? {
            WaitStatus::Exited(ended, code) if ended == pid => u8::try_from(code).unwrap_or(1),
            WaitStatus::Signaled(ended, signal, _) if ended == pid => 128 + signal as u8,
            _ => continue,
        };
        while ending.load(Ordering::SeqCst) {
            // The other thread has killed the command, and ends the process when it has cleaned up.
            std::thread::park();
        }
        super::kill_descendants();
        return Ok(ExitCode::from(code));
    }
}

/// Passes signals on until the pipe ends.
fn pass_on_signals(command: Pid) {
    let mut order = [0];
    let mut pipe = std::io::stdin().lock();
    while pipe.read_exact(&mut order).is_ok() {
        if let Ok(signal) = Signal::try_from(i32::from(order[0])) {
            let _ = killpg(command, signal);
        }
    }
}

/// Ends everything, and cleans up for an owner that is dead.
fn end(owner: u32, folder: &Path) -> ! {
    super::kill_descendants();
    if servers::parent_of(std::process::id()) != Some(owner) {
        remove(folder);
    }
    std::process::exit(128 + Signal::SIGKILL as i32)
}

/// Removes the servers' folder. The servers have got their signal, but may still be writing for a moment.
fn remove(folder: &Path) {
    for _ in 0..100 {
        let result = std::fs::remove_dir_all(folder);
        if result.is_ok() || !folder.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
