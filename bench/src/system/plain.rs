//! Rounds of the plain design, and what PostgreSQL uses for them.

use super::{cpu::CpuSample, figures::PlainRound, sql::SqlCounts, whole::of_database};
use crate::{
    booking::{baseline_database::BaselineDatabase, engine_under_test::EngineUnderTest, workload::Workload},
    cluster::{Cluster, ServiceDatabase},
};
use anyhow::ensure;
use std::{path::Path, time::Duration};
use tokio::time::{Instant, sleep, sleep_until};

/// The plain design's database.
const NAME: &str = "baseline";

/// Clients that a second is enough for, in which they connect and warm up.
const CLIENTS_A_SECOND: usize = 48;

/// How long before what is measured all should be connected.
const WARM: Duration = Duration::from_secs(1);

/// How long pgbench may take to open its connections.
const CONNECT: Duration = Duration::from_secs(60);

/// How long before its end a round is looked at last: then all clients are still at work.
const BEFORE_END: Duration = Duration::from_millis(300);

/// The plain design over a database of its own.
pub struct PlainUnderTest {
    baseline: BaselineDatabase,
    counts: SqlCounts,
    server: u32,
    /// The data of an event of ours, whose size its events have.
    event: String,
}

impl PlainUnderTest {
    /// Makes its database.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn start(cluster: &Cluster, folder: &Path) -> anyhow::Result<Self> {
        let database = cluster.create(NAME, "booking", booking::MIGRATIONS).await?;
        let baseline = BaselineDatabase::new(database, folder).await?;
        let (counts, server) = (SqlCounts::open(cluster).await?, cluster.process_id()?);
        Ok(Self { baseline, counts, server, event: "{}".to_owned() })
    }

    /// From now on its events are like this one.
    pub fn tell(&mut self, event: String) {
        self.event = event;
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &ServiceDatabase {
        self.baseline.database()
    }

    /// A round with so many clients.
    ///
    /// # Errors
    /// Where pgbench fails.
    pub async fn round(&mut self, clients: usize, seconds: u64) -> anyhow::Result<PlainRound> {
        let warm_up = 1 + u64::try_from(clients.div_ceil(CLIENTS_A_SECOND))?;
        let flights = EngineUnderTest::flights(Workload::Spread, warm_up + seconds);
        let looking = look(&mut self.counts, self.server, clients, (warm_up, seconds));
        let time = (warm_up, seconds, flights);
        let running = self.baseline.warmed_round(Workload::Spread, clients, time, &self.event);
        let (round, looked) = tokio::try_join!(running, looking)?;
        Ok(PlainRound { rate: round.rate, latencies: round.latencies, ..looked })
    }
}

/// Looks at the server in the last seconds, when all clients are connected and warm, for that costs the server much, too,
/// until shortly before they leave. pgbench's time begins before it connects.
async fn look(
    counts: &mut SqlCounts,
    server: u32,
    clients: usize,
    (warm_up, seconds): (u64, u64),
) -> anyhow::Result<PlainRound> {
    let waiting = Instant::now();
    let mut began = None;
    loop {
        let connected = counts.pgbench_clients(NAME).await?;
        if connected > 0 && began.is_none() {
            began = Some(Instant::now());
        }
        if connected >= clients {
            break;
        }
        ensure!(waiting.elapsed() < CONNECT, "pgbench does not connect");
        sleep(Duration::from_millis(20)).await;
    }
    let began = began.unwrap_or_else(Instant::now);
    let (from, until) = (Duration::from_secs(warm_up), Duration::from_secs(warm_up + seconds) - BEFORE_END);
    if began.elapsed() + WARM > from {
        eprintln!("  the plain design's {clients} connections are cold: the machine is too busy");
    }
    sleep_until(began + from).await;
    let (cpu, sql) = (CpuSample::of_tree(server), counts.sample(NAME).await?);
    sleep_until(began + until).await;
    let sql = counts.sample(NAME).await?.since(&sql);
    let postgres = CpuSample::of_tree(server).since(&cpu).of(of_database(NAME));
    // One for each booking.
    let booked = usize::try_from(sql.calls_of("INSERT INTO bookings "))?;
    Ok(PlainRound { postgres, booked, sql, ..PlainRound::default() })
}
