//! The mailer as a process that can be killed.

use servers::{OnOwnerDeath, spawn_bound, terminate};
use std::{
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// Longer than a process needs to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process of the mailer. Dropping it kills it.
pub(crate) struct MailerProcess(Child);

impl MailerProcess {
    /// Starts a process with these settings; it need not be ready.
    pub(crate) fn spawn(settings: &[(&'static str, String)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aerobus-mailer"));
        command.envs(settings.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        Self(spawn_bound(command, OnOwnerDeath::Kill).expect("the mailer starts"))
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        terminate(&self.0);
    }

    /// How it ends.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().expect("a child") {
                return status;
            }
            assert!(Instant::now() < deadline, "the mailer did not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for MailerProcess {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
