//! One client's flood, and how much longer another client waits meanwhile.
//!
//! The whole runs as `aerobus up` starts it, with the limits that it has by default. The flood comes from one address,
//! without a token, as fast as it is answered, from a thread of its own; each flood comes from an address that has not
//! asked yet, so that its whole allowance is there. The other client has another address. It asks at a calm pace, in
//! turn with nobody else about and beside the flood.

use super::gateway_bench::GatewayBench;
use crate::{
    booking::{
        client::{HttpConnection, text_of},
        sale::Sale,
        workload::Workload,
    },
    cluster::ServiceDatabase,
    report::{ResultLine, ratio, rounded},
    statistics::{Latencies, median},
    system::{
        customers,
        demo_flights::DemoFlights,
        program::{AerobusProgram, ProgramOptions},
    },
};
use anyhow::{Context, anyhow, bail};
use serde_json::json;
use shared::{
    db::{DatabaseConfig, Plans},
    ids::FlightId,
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
    thread,
    time::Duration,
};
use tokio::{
    runtime,
    task::{JoinSet, LocalSet},
    time::{Instant, sleep, timeout_at},
};

/// Between two requests of the client that is measured.
const PAUSE: Duration = Duration::from_millis(10);
/// How long a flood runs before the other client begins, and how long a new program settles.
const BEGIN: Duration = Duration::from_millis(200);
const SETTLE: Duration = Duration::from_secs(3);
/// Flights that are booked.
const FLIGHTS: usize = 100;

/// What a flood asks, and what the other client does.
struct Scenario {
    name: &'static str,
    /// The flood's target.
    path: String,
    connections: usize,
    victim: Victim,
}

/// What the client that is measured asks for.
#[derive(Debug, Clone, Copy)]
enum Victim {
    ReadsFlight,
    Books,
}

/// The running whole and its clients.
struct FloodedProgram {
    gateway: SocketAddr,
    flight: FlightId,
    token: String,
    sale: Sale,
    /// The last byte of the next flood's address.
    next: u8,
}

/// Both scenarios, against a program of their own: all services, as a traveller meets them.
///
/// # Errors
/// Where it does not start, or the client that is measured is refused.
pub async fn measure(bench: &GatewayBench) -> anyhow::Result<Vec<ResultLine>> {
    let (cluster, scratch) = (&bench.cluster, bench.cluster.folder().join("scratch"));
    let options = ProgramOptions {
        database: cluster.create_empty("aerobus_floods").await?,
        folder: scratch.join("floods"),
        processes: false,
        smtp: None,
        with_mailer: true,
    };
    let program = AerobusProgram::start(&options).await?;
    let config = DatabaseConfig {
        url: options.database.clone(),
        schema: "booking".to_owned(),
        pool_size: 1,
        plans: Plans::default(),
    };
    let database = ServiceDatabase { config };
    let mut tokens = customers::tokens(&options.folder, &database).await?;
    let mut flights = DemoFlights::read(&database).await?;
    let flight = *flights.take(1).first().context("a flight")?;
    let token = tokens.pop().context("a token")?;
    let sale = Sale::of_any_plans(Workload::Held, flights.take(FLIGHTS), tokens, 0);
    let mut flooded = FloodedProgram { gateway: program.gateway, flight, token, sale, next: 2 };
    sleep(SETTLE).await;
    let scenarios = [
        Scenario {
            name: "flood_of_places",
            path: "/api/v1/places?q=lon".to_owned(),
            connections: 300,
            victim: Victim::ReadsFlight,
        },
        Scenario {
            name: "flood_of_seat_maps",
            path: format!("/api/v1/flights/{flight}/seat-map"),
            connections: 32,
            victim: Victim::Books,
        },
    ];
    let mut lines = Vec::new();
    for scenario in &scenarios {
        lines.push(flooded.compare(scenario, bench.options.rounds(), bench.options.time()).await?);
    }
    program.stop().await?;
    Ok(lines)
}

impl FloodedProgram {
    /// Alternates quiet rounds and floods.
    async fn compare(
        &mut self,
        scenario: &Scenario,
        rounds: usize,
        lasts: Duration,
    ) -> anyhow::Result<ResultLine> {
        // Warms caches and connections up.
        self.ask(scenario.victim, Duration::from_secs(1)).await?;
        let (mut quiet, mut flooded) = (Vec::new(), Vec::new());
        let mut answers = BTreeMap::new();
        for _ in 0..rounds {
            quiet.push(self.ask(scenario.victim, lasts).await?);
            let flood = self.flood(scenario, lasts + BEGIN);
            sleep(BEGIN).await;
            flooded.push(self.ask(scenario.victim, lasts).await?);
            for (status, count) in join(flood).await? {
                *answers.entry(status.to_string()).or_insert(0_u64) += count;
            }
        }
        let of = |side: &mut Vec<Latencies>, percent| {
            median(&side.iter_mut().map(|round| round.percentile_ms(percent)).collect::<Vec<_>>())
        };
        let [quiet_p50, quiet_p95, quiet_p99] = [50.0, 95.0, 99.0].map(|percent| of(&mut quiet, percent));
        let [p50, p95, p99] = [50.0, 95.0, 99.0].map(|percent| of(&mut flooded, percent));
        let more = json!({
            "connections": scenario.connections,
            "baseline_p99_ms": rounded(quiet_p99),
            "p95_ms": {"ours": rounded(p95), "baseline": rounded(quiet_p95)},
            "p99_ratio": ratio(p99, quiet_p99).map(rounded),
            "answers_to_the_flood": answers,
        });
        Ok(ResultLine {
            what: scenario.name.to_owned(),
            ours: Some(p50),
            baseline: Some(quiet_p50),
            unit: "ms",
            ratio: ratio(p50, quiet_p50),
            p50_ms: Some(p50),
            p99_ms: Some(p99),
            more: more.as_object().cloned().unwrap_or_default(),
        })
    }

    /// The client that is measured, for so long: one connection, with a pause after each answer.
    async fn ask(&mut self, victim: Victim, lasts: Duration) -> anyhow::Result<Latencies> {
        let mut connection = HttpConnection::open(self.gateway).await?;
        let mut latencies = Latencies::default();
        let (flight, token) = (self.flight, &self.token);
        let read = format!(
            "GET /api/v1/flights/{flight} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        let (until, mut request) = (Instant::now() + lasts, read.into_bytes());
        while Instant::now() < until {
            let asked = match victim {
                Victim::ReadsFlight => None,
                Victim::Books => Some(self.sale.request(&mut request).context("no flight is left to sell")?),
            };
            let began = Instant::now();
            let answer = connection.send(&request).await?;
            let taken = began.elapsed();
            match (asked, answer.status) {
                (None, 200) | (Some(_), 201) => latencies.record(taken),
                // Sold out: the next booking is of another flight.
                (Some(asked), 409) if text_of(answer.body, "code") == Some("flight_full") => {
                    self.sale.full(asked);
                }
                _ => bail!("{victim:?}: {}", String::from_utf8_lossy(answer.body)),
            }
            sleep(PAUSE).await;
        }
        Ok(latencies)
    }

    /// A flood from an address of its own, on a thread of its own; gives how often which status was answered.
    fn flood(&mut self, scenario: &Scenario, lasts: Duration) -> thread::JoinHandle<FloodAnswers> {
        let from = IpAddr::from(Ipv4Addr::new(127, 0, 0, self.next));
        self.next = self.next.checked_add(1).unwrap_or(2);
        let (gateway, connections) = (self.gateway, scenario.connections);
        let request = format!("GET {} HTTP/1.1\r\nhost: bench\r\n\r\n", scenario.path).into_bytes();
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            let until = Instant::now() + lasts;
            let flood = async move {
                let (request, mut clients) = (Rc::from(request), JoinSet::new());
                for _ in 0..connections {
                    clients.spawn_local(insist(gateway, from, Rc::clone(&request), until));
                }
                let mut answers = BTreeMap::new();
                while let Some(client) = clients.join_next().await {
                    for (status, count) in client?? {
                        *answers.entry(status).or_default() += count;
                    }
                }
                anyhow::Ok(answers)
            };
            LocalSet::new().block_on(&runtime, flood)
        })
    }
}

/// By status.
type FloodAnswers = anyhow::Result<BTreeMap<u16, u64>>;

async fn join(flood: thread::JoinHandle<FloodAnswers>) -> FloodAnswers {
    let ended = tokio::task::spawn_blocking(move || flood.join()).await?;
    ended.map_err(|_| anyhow!("the flood panicked"))?
}

/// One connection of a flood: asks again as soon as it is answered.
async fn insist(gateway: SocketAddr, from: IpAddr, request: Rc<[u8]>, until: Instant) -> FloodAnswers {
    let mut answers = BTreeMap::new();
    let mut connection = HttpConnection::open_from(from, gateway).await?;
    // What is not answered by then is left.
    while let Ok(answer) = timeout_at(until, connection.send(&request)).await {
        *answers.entry(answer?.status).or_insert(0) += 1;
    }
    Ok(answers)
}
