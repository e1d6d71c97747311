//! A part of the benchmark as a process of its own: a hidden subcommand of the same program.
//!
//! The two talk over the child's standard input and output, a JSON value a line: each line of the parent is a
//! question, and the child answers it with a line. The end of the input stops the child.

use anyhow::{Context, bail};
use serde::{Serialize, de::DeserializeOwned};
use servers::{OnOwnerDeath, spawn_bound};
use std::{
    fs::File,
    io::Write,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{ChildStdin, ChildStdout},
    sync::mpsc,
    time::timeout,
};

/// How long the child may take to answer, or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// The child's side: the lines of its standard input, read by a thread that ends with it.
#[must_use]
pub fn standard_input() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// The child's side: an answer.
///
/// # Errors
/// Where nobody reads it any more.
pub fn say(value: &impl Serialize) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}", serde_json::to_string(value)?)?;
    Ok(output.flush()?)
}

/// The parent's side. Dropping it kills the child.
pub struct Subprocess {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Subprocess {
    /// Starts this program with a subcommand.
    ///
    /// # Errors
    /// Those of the start.
    pub fn start(subcommand: &str) -> anyhow::Result<Self> {
        Self::start_with(subcommand, Stdio::inherit())
    }

    /// The same, with its standard error in a file.
    ///
    /// # Errors
    /// Those of the start.
    pub fn start_logging_to(subcommand: &str, log: File) -> anyhow::Result<Self> {
        Self::start_with(subcommand, log.into())
    }

    fn start_with(subcommand: &str, errors: Stdio) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(subcommand).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let spawned = spawn_bound(command, OnOwnerDeath::Kill);
        let mut child = spawned.with_context(|| format!("{subcommand} was not started"))?;
        let input = ChildStdin::from_std(child.stdin.take().context("no standard input")?)?;
        let output = ChildStdout::from_std(child.stdout.take().context("no standard output")?)?;
        Ok(Self { child, input: Some(input), output: BufReader::new(output).lines() })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its resident memory, KiB; zero where the system does not tell.
    #[must_use]
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// Where none comes within a minute.
    pub async fn ask<T: DeserializeOwned>(&mut self, question: &impl Serialize) -> anyhow::Result<T> {
        let line = format!("{}\n", serde_json::to_string(question)?);
        let input = self.input.as_mut().context("the process is stopped")?;
        let output = &mut self.output;
        let asking = async {
            input.write_all(line.as_bytes()).await?;
            input.flush().await?;
            output.next_line().await
        };
        let answer = timeout(PATIENCE, asking).await.context("the process does not answer")??;
        Ok(serde_json::from_str(&answer.context("the process has ended")?)?)
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// Where it failed, or takes longer than a minute.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        drop(self.input.take());
        for _ in 0..PATIENCE.as_millis() / 20 {
            if let Some(status) = self.child.try_wait()? {
                if !status.success() {
                    bail!("the process ended with {status}");
                }
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("the process does not stop")
    }
}

impl Drop for Subprocess {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
