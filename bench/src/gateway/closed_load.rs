//! A closed load: clients that ask again as soon as they are answered.

use super::callers::Callers;
use crate::{booking::client::HttpConnection, statistics::Latencies};
use anyhow::{Context, ensure};
use std::{
    cell::RefCell,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::timeout};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// When a load ends.
#[derive(Debug, Clone, Copy)]
pub enum LoadEnd {
    /// After this time.
    After(Duration),
    /// After this number of requests.
    Requests(usize),
}

/// What a load has brought.
#[derive(Debug, Clone, Default)]
pub struct LoadOutcome {
    /// How long the answers took.
    pub latencies: Latencies,
    /// How long it lasted.
    pub lasted: Duration,
}

impl LoadOutcome {
    /// Requests a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let answered = self.latencies.count() as f64;
        answered / self.lasted.as_secs_f64().max(0.001)
    }
}

/// Lets this number of clients send requests. Must run within a `LocalSet`.
///
/// # Errors
/// Where a connection fails or an answer is not 200.
pub async fn run(
    address: SocketAddr,
    callers: &Callers,
    clients: usize,
    end: LoadEnd,
) -> anyhow::Result<LoadOutcome> {
    let mut connections = Vec::with_capacity(clients);
    for _ in 0..clients {
        connections.push(HttpConnection::open(address).await?);
    }
    let latencies = Rc::new(RefCell::new(Latencies::default()));
    let began = Instant::now();
    let asked = Rc::new(RefCell::new(0));
    let mut tasks = JoinSet::new();
    for mut connection in connections {
        let (callers, latencies, asked) = (callers.clone(), latencies.clone(), asked.clone());
        tasks.spawn_local(async move {
            let mut request = Vec::with_capacity(2048);
            loop {
                let now = Instant::now();
                let is_over = match end {
                    LoadEnd::After(time) => now - began >= time,
                    LoadEnd::Requests(most) => *asked.borrow() >= most,
                };
                if is_over {
                    return anyhow::Ok(());
                }
                *asked.borrow_mut() += 1;
                callers.request(&mut request);
                let answer = timeout(PATIENCE, connection.send(&request)).await.context("no answer")??;
                ensure!(
                    answer.status == 200,
                    "an answer with {}: {}",
                    answer.status,
                    String::from_utf8_lossy(answer.body)
                );
                latencies.borrow_mut().record(now.elapsed());
            }
        });
    }
    while let Some(joined) = tasks.join_next().await {
        joined??;
    }
    let lasted = began.elapsed();
    Ok(LoadOutcome { latencies: latencies.take(), lasted })
}
