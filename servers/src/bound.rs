//! Child processes that die with this process, whatever ends it.
//!
//! Linux can send a process a signal when its parent dies (`PR_SET_PDEATHSIG`). Three things make that less simple than
//! it sounds, and this module is where they are dealt with:
//!
//! - "Parent" means the *thread* that forked. A child spawned from a pool's thread would be killed when the pool lets that
//!   thread go. So every child is spawned by one thread of this module, which lives as long as the process.
//! - A change of user clears the setting. The standard library runs `pre_exec` after it has changed the user, so the
//!   setting made there holds.
//! - The parent may have died before the child asks for the signal, which then never comes. So the child compares its
//!   parent's id afterwards and gives up when it is not ours.
//!
//! Elsewhere (macOS) there is no such signal: a child is stopped when its owner is dropped, and outlives a SIGKILL.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

use nix::sys::signal::{SigSet, Signal};

/// The signal that a child gets when its owner is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnOwnerDeath {
    /// SIGKILL: the child has nothing to tidy up, or does not survive on what it has.
    Kill,
    /// SIGQUIT: for PostgreSQL an immediate shutdown, in which it ends its own children first.
    Quit,
    /// SIGTERM: the child stops as it would on a cluster.
    Terminate,
}

impl OnOwnerDeath {
    fn signal(self) -> Signal {
        match self {
            Self::Kill => Signal::SIGKILL,
            Self::Quit => Signal::SIGQUIT,
            Self::Terminate => Signal::SIGTERM,
        }
    }
}

struct SpawnRequest {
    command: Command,
    answer: Sender<io::Result<Child>>,
}

/// Spawns `command` as a direct child that gets a signal when this process dies. The child starts with no signal blocked.
///
/// May be called from any thread; the child is bound to the process, not to the caller.
///
/// # Errors
/// Those of [`Command::spawn`].
pub fn spawn_bound(mut command: Command, on_owner_death: OnOwnerDeath) -> io::Result<Child> {
    bind(&mut command, on_owner_death);
    let (answer, spawned) = channel();
    let gone = || io::Error::other("the spawning thread is gone");
    spawner()?.send(SpawnRequest { command, answer }).map_err(|_| gone())?;
    spawned.recv().map_err(|_| gone())?
}

/// The way to the thread that spawns; it is started at the first use and never ends.
fn spawner() -> io::Result<&'static Sender<SpawnRequest>> {
    static SPAWNER: OnceLock<Sender<SpawnRequest>> = OnceLock::new();
    if let Some(sender) = SPAWNER.get() {
        return Ok(sender);
    }
    let (sender, requests) = channel::<SpawnRequest>();
    std::thread::Builder::new().name("spawner".into()).spawn(move || {
        for SpawnRequest { mut command, answer } in requests {
            // Nobody waits for the answer any more: the handle is dropped, the child stays bound.
            let _ = answer.send(command.spawn());
        }
    })?;
    // Two first uses at once: the loser's sender is dropped, and its thread ends before it has spawned anything.
    Ok(SPAWNER.get_or_init(|| sender))
}

fn bind(command: &mut Command, on_owner_death: OnOwnerDeath) {
    #[cfg(target_os = "linux")]
    let owner = nix::unistd::getpid();
    let signal = on_owner_death.signal();
    let setup = move || -> io::Result<()> {
        SigSet::empty().thread_set_mask()?;
        #[cfg(target_os = "linux")]
        {
            nix::sys::prctl::set_pdeathsig(signal)?;
            if nix::unistd::getppid() != owner {
                return Err(nix::errno::Errno::ESRCH.into());
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = signal;
        Ok(())
    };
    #[expect(unsafe_code, reason = "runs between fork and exec: three system calls, no allocation, no lock")]
    unsafe {
        command.pre_exec(setup);
    }
}
