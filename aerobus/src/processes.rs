//! The four services as processes of their own, over RabbitMQ, as in production.

use crate::start_plan::{Environment, StartPlan};
use anyhow::Context;
use servers::{OnOwnerDeath, spawn_bound};
use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// How often the processes are looked at.
const WATCH: Duration = Duration::from_millis(200);

/// How long a service may take to stop before it is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// How long a service may take to become ready.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// The running processes, in the order of their start.
pub(crate) struct ServiceProcesses {
    children: Vec<(&'static str, Child)>,
}

impl ServiceProcesses {
    /// Starts one process per service and waits until each is ready.
    ///
    /// # Errors
    /// When a program is missing, ends early, or does not become ready within a minute. What was started
    /// is stopped.
    pub(crate) async fn start(plan: &StartPlan) -> anyhow::Result<Self> {
        let mut processes = Self { children: Vec::new() };
        let started = processes.start_all(plan).await;
        match started {
            Ok(()) => Ok(processes),
            Err(error) => {
                processes.stop().await;
                Err(error)
            }
        }
    }

    async fn start_all(&mut self, plan: &StartPlan) -> anyhow::Result<()> {
        for (service, environment) in plan.environments()? {
            let child = spawn(service, environment)?;
            self.children.push((service, child));
        }
        for (service, port) in plan.ports() {
            self.wait_until_ready(service, port).await?;
        }
        Ok(())
    }

    async fn wait_until_ready(&mut self, service: &'static str, port: u16) -> anyhow::Result<()> {
        let client = awc::Client::builder().timeout(Duration::from_secs(2)).finish();
        let url = format!("http://127.0.0.1:{port}/health/ready");
        let deadline = tokio::time::Instant::now() + START_PATIENCE;
        loop {
            if let Some(ended) = self.ended() {
                anyhow::bail!("{ended} ended while it was starting; its messages stand above");
            }
            if client.get(&url).send().await.is_ok_and(|response| response.status().is_success()) {
                return Ok(());
            }
            anyhow::ensure!(
                tokio::time::Instant::now() < deadline,
                "{service} did not become ready within a minute"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The service whose process has ended, if any.
    fn ended(&mut self) -> Option<&'static str> {
        let mut states = self.children.iter_mut().map(|(service, child)| (*service, child.try_wait()));
        states.find(|(_, state)| !matches!(state, Ok(None))).map(|(service, _)| service)
    }

    /// Ready when one of the processes has ended by itself; gives the service's name.
    pub(crate) async fn watch(&mut self) -> &'static str {
        loop {
            if let Some(service) = self.ended() {
                return service;
            }
            tokio::time::sleep(WATCH).await;
        }
    }

    /// Stops them: the gateway first, so that no request meets a service that is gone.
    pub(crate) async fn stop(mut self) {
        while let Some((service, mut child)) = self.children.pop() {
            servers::terminate(&child);
            let deadline = tokio::time::Instant::now() + STOP_PATIENCE;
            while matches!(child.try_wait(), Ok(None)) {
                if tokio::time::Instant::now() >= deadline {
                    tracing::warn!(service.name = service, "The service did not stop in time and was killed");
                    let _ = child.kill();
                    let _ = child.wait();
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

fn spawn(service: &str, environment: Environment) -> anyhow::Result<Child> {
    let program = program(service)?;
    let mut command = Command::new(&program);
    command.envs(environment).stdin(Stdio::null());
    // A group of its own: Ctrl-C in a terminal is for us, who stop the services in order.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    spawn_bound(command, OnOwnerDeath::Terminate)
        .with_context(|| format!("{} cannot be started", program.display()))
}

/// The service's program lies beside our own.
fn program(service: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("our own program cannot be found")?;
    let program = own.with_file_name(format!("aerobus-{service}"));
    anyhow::ensure!(
        program.is_file(),
        "{} is missing; build it with `cargo build --profile up --bins`",
        program.display()
    );
    Ok(program)
}
