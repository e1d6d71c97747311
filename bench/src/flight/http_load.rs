//! A closed load of one request: clients that ask again as soon as they are answered.

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

/// An answer.
#[derive(Debug, Clone)]
pub struct HttpAnswer {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: String,
}

fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes()
}

/// Asks once.
///
/// # Errors
/// Where nobody answers.
pub async fn ask(address: SocketAddr, path: &str) -> anyhow::Result<HttpAnswer> {
    let mut connection = HttpConnection::open(address).await?;
    let answer = timeout(PATIENCE, connection.send(&request(path))).await.context("no answer")??;
    Ok(HttpAnswer { status: answer.status, body: String::from_utf8_lossy(answer.body).into_owned() })
}

/// The rate of this number of clients over this time, in requests a second, and how long their answers took. Must run
/// within a `LocalSet`.
///
/// # Errors
/// Where a connection fails or an answer is not 200.
pub async fn rate(
    address: SocketAddr,
    path: &str,
    clients: usize,
    time: Duration,
) -> anyhow::Result<(f64, Latencies)> {
    let latencies = Rc::new(RefCell::new(Latencies::default()));
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..clients.max(1) {
        let mut connection = HttpConnection::open(address).await?;
        let (request, latencies) = (request(path), latencies.clone());
        tasks.spawn_local(async move {
            while began.elapsed() < time {
                let now = Instant::now();
                let answer = timeout(PATIENCE, connection.send(&request)).await.context("no answer")??;
                ensure!(answer.status == 200, "an answer with {}", answer.status);
                latencies.borrow_mut().record(now.elapsed());
            }
            anyhow::Ok(())
        });
    }
    while let Some(joined) = tasks.join_next().await {
        joined??;
    }
    let latencies = latencies.take();
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    let answered = latencies.count() as f64;
    Ok((answered / began.elapsed().as_secs_f64(), latencies))
}
