//! A service on a thread of its own, as if it were a process: what one service does never keeps another waiting.

use actix_rt::Arbiter;
use anyhow::Context;
use shared::{
    service::Running,
    threads::{self, Priority},
};
use std::net::SocketAddr;
use tokio::sync::{mpsc, oneshot};

/// A part of a service's stop.
#[derive(Debug, Clone, Copy)]
enum StopPhase {
    StopServing,
    FinishWork,
    Close,
}

/// A running service, and its thread.
pub(crate) struct ServiceThread {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    phases: mpsc::UnboundedSender<(StopPhase, oneshot::Sender<()>)>,
    arbiter: Arbiter,
}

impl ServiceThread {
    /// Starts a service on a thread that has its name. The service's other threads inherit the priority.
    ///
    /// # Errors
    /// Those of the service.
    pub(crate) async fn start<E, F>(
        (name, priority): (&'static str, Priority),
        start: impl FnOnce() -> F + Send + 'static,
    ) -> anyhow::Result<Self>
    where
        E: Into<anyhow::Error> + 'static,
        F: Future<Output = Result<Running, E>> + 'static,
    {
        let arbiter = threads::arbiter(name.to_owned(), priority)?;
        let (phases, asked) = mpsc::unbounded_channel();
        let starting = async move || {
            let running = start().await.map_err(Into::<anyhow::Error>::into)?;
            let address = running.address;
            actix_web::rt::spawn(stop_in_phases(running, asked));
            anyhow::Ok(address)
        };
        let started = threads::run_on(&arbiter.handle(), starting).await?;
        let address = started.with_context(|| format!("{name} does not start"))?;
        Ok(Self { address, phases, arbiter })
    }

    /// The first part of a stop: requests under way are answered.
    pub(crate) async fn stop_serving(&self) {
        self.carry_out(StopPhase::StopServing).await;
    }

    /// The second part: what is committed is published.
    pub(crate) async fn finish_work(&self) {
        self.carry_out(StopPhase::FinishWork).await;
    }

    /// The last part; the thread ends.
    pub(crate) async fn close(self) {
        self.carry_out(StopPhase::Close).await;
        self.arbiter.stop();
    }

    async fn carry_out(&self, phase: StopPhase) {
        let (done, carried_out) = oneshot::channel();
        // An error means that the thread has ended before.
        if self.phases.send((phase, done)).is_ok() {
            let _ = carried_out.await;
        }
    }
}

async fn stop_in_phases(
    mut running: Running,
    mut asked: mpsc::UnboundedReceiver<(StopPhase, oneshot::Sender<()>)>,
) {
    while let Some((phase, done)) = asked.recv().await {
        match phase {
            StopPhase::StopServing => running.stop_serving().await,
            StopPhase::FinishWork => running.finish_work().await,
            StopPhase::Close => {
                running.close().await;
                let _ = done.send(());
                return;
            }
        }
        // An error means that nobody waits any longer.
        let _ = done.send(());
    }
}
