//! Named points at which the process ends itself as `kill -9` would end it, for the crash tests: see
//! `docs/crash-tests.md`. Without the feature `kill-points` they are nothing.
//!
//! `AEROBUS_KILL_POINT=<name>[:<n>]` arms one of them: the process ends at its n-th passing, the first
//! where no number is given.

#[cfg(feature = "kill-points")]
pub(crate) use armed::{commit, pass};

use booking_engine::ledger::command::Command;

/// Where a commit stands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CommitPoint {
    /// All is written, nothing is committed.
    Before,
    /// All is committed, nobody has been told.
    After,
}

/// Passes the point of this name.
#[cfg(not(feature = "kill-points"))]
#[inline]
pub(crate) fn pass(_: &str) {}

/// Passes the points around a commit, `before_claim_commit` and the like: one for each kind of command
/// in the batch.
#[cfg(not(feature = "kill-points"))]
#[inline]
pub(crate) fn commit<'a>(_: CommitPoint, _: impl Iterator<Item = &'a Command>) {}

#[cfg(feature = "kill-points")]
mod armed {
    use super::{Command, CommitPoint};
    use nix::{
        sys::signal::{Signal, kill},
        unistd::getpid,
    };
    use std::{
        collections::BTreeSet,
        sync::{
            LazyLock,
            atomic::{AtomicUsize, Ordering},
        },
    };

    /// The point that ends the process.
    struct Point {
        name: String,
        /// Passings that are left.
        left: AtomicUsize,
    }

    static POINT: LazyLock<Option<Point>> =
        LazyLock::new(|| std::env::var("AEROBUS_KILL_POINT").ok().map(|text| parse(&text)));

    fn parse(text: &str) -> Point {
        let counted = text.split_once(':').and_then(|(name, count)| Some((name, count.parse().ok()?)));
        let (name, passings) = counted.unwrap_or((text, 1));
        Point { name: name.to_owned(), left: AtomicUsize::new(passings) }
    }

    /// Passes the point of this name.
    pub(crate) fn pass(name: &str) {
        let Some(point) = POINT.as_ref().filter(|point| point.name == name) else { return };
        if point.left.fetch_sub(1, Ordering::SeqCst) != 1 {
            return;
        }
        // No log line: whoever is killed does not know of it. It fails only where no process may be
        // ended, and then the test says that this one lives.
        let _ = kill(getpid(), Signal::SIGKILL);
        loop {
            std::thread::park();
        }
    }

    /// Passes the points around a commit, `before_claim_commit` and the like: one for each kind of
    /// command in the batch.
    pub(crate) fn commit<'a>(moment: CommitPoint, commands: impl Iterator<Item = &'a Command>) {
        let moment = match moment {
            CommitPoint::Before => "before",
            CommitPoint::After => "after",
        };
        let kinds: BTreeSet<&str> = commands.map(kind).collect();
        kinds.into_iter().for_each(|kind| pass(&format!("{moment}_{kind}_commit")));
    }

    fn kind(command: &Command) -> &'static str {
        match command {
            Command::Claim(_) => "claim",
            Command::Pay { .. } => "payment",
            Command::Confirm { .. } => "confirm",
            Command::Decline { .. } => "decline",
            Command::Cancel { .. } => "cancel",
            Command::Quote { .. } => "quote",
            Command::ChangeSeats { .. } | Command::ChangeContact { .. } | Command::CorrectName { .. } => {
                "change"
            }
            Command::CancelByAirline { .. } | Command::Reschedule { .. } => "airline",
            Command::Expire { .. } => "expire",
            Command::ByStaff { command, .. } => kind(command),
        }
    }
}
