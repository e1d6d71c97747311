//! Many flights on sale, each of which is asked for: what that costs in memory.

use super::{
    client::{HttpConnection, text_of},
    engine_under_test::value_of,
    flights,
    sale::{self, Sale},
    service::{ServiceProcess, ServiceSettings, ServiceTuning},
    workload::Workload,
};
use crate::{
    cluster::Cluster,
    report::{ResultLine, rounded},
    statistics::Latencies,
};
use anyhow::Context;
use serde_json::json;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    net::SocketAddr,
    rc::Rc,
    time::Duration,
};
use testkit::TokenIssuer;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

/// Clients that ask.
const CLIENTS: usize = 64;
/// After this long without a request the service lets go of a flight: shorter than its default, so that it
/// can be waited for.
const IDLE: Duration = Duration::from_secs(15);
/// How long that is waited for.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the clients share; all of them run on one thread.
struct AvailabilityLoad {
    sale: RefCell<Sale>,
    next: Cell<usize>,
    count: usize,
    answers: RefCell<BTreeMap<String, usize>>,
    latencies: RefCell<Latencies>,
    /// The most allocators that were seen at once.
    most: Cell<f64>,
}

/// Has one seat held on each of so many flights, and looks at the service's memory before, after, and when it
/// has let go of the flights.
///
/// # Errors
/// Where the service fails, or keeps more allocators than it may.
pub async fn measure(count: usize, cluster: &Cluster, tuning: ServiceTuning) -> anyhow::Result<ResultLine> {
    let name = format!("flights_{count}");
    eprintln!("{name}: storing {count} flights ...");
    let database = cluster.create("ours_flights", "booking", booking::MIGRATIONS).await?;
    let workload = Workload::Held;
    let ids = flights::store(&database, count, workload.layout()).await?;
    let issuer = TokenIssuer::new();
    let idle = u64::try_from(IDLE.as_millis())?;
    let settings = ServiceSettings { allocator_idle_ms: Some(idle), ..ServiceSettings::default() };
    let service = ServiceProcess::start(&database, issuer.key_set(), tuning, settings).await?;
    let (address, metrics) = (service.address, service.metrics);
    let before = look(metrics).await?;
    eprintln!("{name}: asking for a seat on each ...");
    let asking = Rc::new(AvailabilityLoad {
        sale: RefCell::new(Sale::new(workload, ids, sale::tokens(&issuer), 0)),
        next: Cell::new(0),
        count,
        answers: RefCell::default(),
        latencies: RefCell::default(),
        most: Cell::new(0.0),
    });
    let began = Instant::now();
    ask_all(&asking, address, metrics).await?;
    let lasted = began.elapsed();
    let after = look(metrics).await?;
    eprintln!("{name}: waiting until the flights are let go ...");
    let passivated = passivated(metrics).await?;
    service.stop().await?;
    let stored = database.number("SELECT count(*) AS number FROM seats").await?;
    let booked = asking.answers.borrow().get("201").copied().unwrap_or(0);
    anyhow::ensure!(stored == i64::try_from(booked)?, "{booked} seats were acknowledged, {stored} stored");
    let mut latencies = asking.latencies.take();
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    let rate = booked as f64 / lasted.as_secs_f64();
    let mut line = ResultLine {
        what: name,
        ours: Some(rate),
        unit: "bookings/s, one on each flight, held",
        p50_ms: Some(latencies.percentile_ms(50.0)),
        p99_ms: Some(latencies.percentile_ms(99.0)),
        ..ResultLine::default()
    };
    let mut more = |name: &str, value| line.more.insert(name.to_owned(), value);
    more("answers", json!(*asking.answers.borrow()));
    more("allocators_at_once", json!(asking.most.get()));
    more("before", before.shown());
    more("after", after.shown());
    more("after_passivation", passivated.shown());
    Ok(line)
}

/// One request for each flight.
async fn ask_all(
    asking: &Rc<AvailabilityLoad>,
    address: SocketAddr,
    metrics: SocketAddr,
) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    for _ in 0..CLIENTS {
        let (asking, mut connection) = (asking.clone(), HttpConnection::open(address).await?);
        tasks.spawn_local(async move {
            let mut request = Vec::with_capacity(2048);
            while asking.next.get() < asking.count {
                let flight = asking.next.replace(asking.next.get() + 1);
                asking.sale.borrow_mut().request_on(&mut request, flight);
                let sent = Instant::now();
                let answer = timeout(PATIENCE, connection.send(&request)).await.context("no answer")??;
                // A booking has codes of its own: those of its airports.
                let answered = match answer.status {
                    201 => "201".to_owned(),
                    other => format!("{other} {}", text_of(answer.body, "code").unwrap_or("no code")),
                };
                *asking.answers.borrow_mut().entry(answered).or_default() += 1;
                asking.latencies.borrow_mut().record(sent.elapsed());
            }
            anyhow::Ok(())
        });
    }
    let asking = asking.clone();
    let watching = tokio::task::spawn_local(async move {
        loop {
            if let Ok(seen) = look(metrics).await {
                asking.most.set(asking.most.get().max(seen.allocators));
            }
            sleep(Duration::from_millis(250)).await;
        }
    });
    while let Some(joined) = tasks.join_next().await {
        joined??;
    }
    watching.abort();
    Ok(())
}

/// Waits until no allocator is left.
async fn passivated(metrics: SocketAddr) -> anyhow::Result<MemoryReading> {
    let waiting = async {
        loop {
            let seen = look(metrics).await?;
            if seen.allocators == 0.0 {
                return anyhow::Ok(seen);
            }
            sleep(Duration::from_millis(500)).await;
        }
    };
    timeout(PATIENCE, waiting).await.context("the service does not let go of its flights")?
}

/// What the service says of its memory.
struct MemoryReading {
    resident: f64,
    allocators: f64,
    cached_flights: f64,
}

impl MemoryReading {
    fn shown(&self) -> serde_json::Value {
        json!({
            "resident_mib": rounded(self.resident / 1_048_576.0), "allocators": self.allocators,
            "cached_flights": self.cached_flights,
        })
    }
}

async fn look(metrics: SocketAddr) -> anyhow::Result<MemoryReading> {
    let mut connection = HttpConnection::open(metrics).await?;
    let answer = connection.send(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
    let metrics = String::from_utf8_lossy(answer.body);
    Ok(MemoryReading {
        resident: value_of(&metrics, "process_resident_memory_bytes"),
        allocators: value_of(&metrics, "booking_allocators"),
        cached_flights: value_of(&metrics, "booking_cached_flights"),
    })
}
