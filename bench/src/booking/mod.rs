//! `./dev bench booking`: `POST /bookings` of the booking service over HTTP, against the plain design.
//!
//! | file | what |
//! |---|---|
//! | [`workload`] | what is sold, and the flights |
//! | [`baseline_database`] | the plain design, driven by pgbench |
//! | [`service`] | our service as a process of its own |
//! | [`client`], [`sale`], [`load`] | the clients: their HTTP, what they ask for, when they ask |
//! | [`engine_under_test`] | rounds of ours |
//! | [`comparison`] | the alternating rounds of both sides |
//! | [`further`] | what is measured of ours alone |
//! | [`flights`], [`inventory`] | many flights on sale, and the memory that they cost |
//! | [`live`] | live seat maps of another instance |

pub mod baseline_database;
pub mod client;
pub mod comparison;
pub mod engine_under_test;
pub mod flights;
pub mod further;
pub mod inventory;
pub mod live;
pub mod load;
pub mod sale;
pub mod service;
pub mod workload;

use crate::{
    cluster::Cluster,
    machine::Machine,
    report::{self, ResultLine},
};
use anyhow::Context;
use baseline_database::BaselineDatabase;
use comparison::{RoundPlan, compare};
use engine_under_test::{EngineUnderTest, SeatCount};
use service::ServiceTuning;
use std::path::PathBuf;
use workload::Workload;

const OPEN: &str = "open_arrivals";
const REFUSED: &str = "taken_seat_refused";
const OVERLOAD: &str = "overload";
const STORED: &str = "stored";
const FLIGHTS: &str = "flights";
const LIVE: &str = "live_seat_map";

/// All that is measured.
const ALL: [&str; 10] =
    ["hot_flight", "hot_named", "spread", "held", OPEN, REFUSED, OVERLOAD, STORED, FLIGHTS, LIVE];

/// What can be set.
#[derive(Debug, Clone, clap::Args)]
pub struct BookingOptions {
    /// Short rounds, for development: the figures are rough
    #[arg(long)]
    quick: bool,
    /// Only these, separated by commas: hot_flight, hot_named, spread, held, open_arrivals (needs
    /// hot_flight), taken_seat_refused, overload, stored, flights, live_seat_map
    #[arg(long, value_delimiter = ',', value_parser = ALL)]
    only: Vec<String>,
    /// Bookings that are stored to see whether a booking then costs more; 0 leaves that out
    #[arg(long, default_value_t = 1_000_000)]
    stored: i64,
    /// Flights on sale on each of which a seat is asked for once; 0 leaves that out
    #[arg(long, default_value_t = 100_000)]
    flights: usize,
    /// Rounds of each side
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds a round
    #[arg(long, default_value_t = 7)]
    seconds: u64,
    /// Clients of ours, each of which asks again as soon as it is answered
    #[arg(long, default_value_t = 512)]
    clients: usize,
    /// Threads of our service that serve HTTP
    #[arg(long, default_value_t = 2)]
    http_workers: usize,
    /// Ledgers of our service; its default where not given
    #[arg(long)]
    ledger_shards: Option<usize>,
    /// Where the server's data go meanwhile: on the disk that is to be measured
    #[arg(long, default_value = ".aerobus")]
    data_dir: PathBuf,
}

impl BookingOptions {
    fn rounds(&self) -> RoundPlan {
        let (count, seconds) =
            if self.quick { (1, self.seconds.min(3)) } else { (self.rounds, self.seconds) };
        RoundPlan { count: count.max(1), seconds: seconds.max(1), clients: self.clients.max(1) }
    }

    fn wants(&self, what: &str) -> bool {
        if self.only.is_empty() {
            !self.quick || ![STORED, FLIGHTS, LIVE].contains(&what)
        } else {
            self.only.iter().any(|only| only == what)
        }
    }

    fn tuning(&self) -> ServiceTuning {
        ServiceTuning { http_workers: self.http_workers.max(1), ledger_shards: self.ledger_shards }
    }
}

/// Runs the benchmark.
///
/// # Errors
/// Where something does not start, or fails, or a seat was sold twice or a booking lost; what was measured
/// before was printed.
pub async fn run(options: &BookingOptions) -> anyhow::Result<()> {
    let parent = options.data_dir.clone();
    eprintln!("Starting a private PostgreSQL ...");
    let cluster = tokio::task::spawn_blocking(move || Cluster::start(&parent)).await??;
    let version = cluster.create("ours", "booking", booking::MIGRATIONS).await?;
    let baseline = cluster.create("baseline", "booking", booking::MIGRATIONS).await?;
    let postgres = version.words("SELECT version() AS words").await?.pop().context("no version")?;
    let postgres = postgres.split(" on ").next().unwrap_or_default().to_owned();
    // On the disk of the data, and goes with them.
    let scratch = cluster.folder().join("scratch");
    std::fs::create_dir_all(&scratch)?;
    let machine = Machine::look(&scratch, postgres)?;
    report::print_head(&machine);
    let mut baseline = BaselineDatabase::new(baseline, &scratch).await?;
    let mut ours = EngineUnderTest::start(version, options.tuning()).await?;
    let rounds = options.rounds();
    let mut lines: Vec<ResultLine> = Vec::new();
    for workload in Workload::ALL.into_iter().filter(|workload| options.wants(workload.name())) {
        let line = compare(workload, rounds, &cluster, &mut ours, &mut baseline).await?;
        report::print_line(&line);
        lines.push(line);
    }
    let peak = further::peak(&lines);
    if options.wants(OPEN)
        && let Ok(peak) = peak
    {
        let line = further::arrivals(peak, rounds, &cluster, &mut ours).await?;
        report::print_line(&line);
        lines.push(line);
    }
    if options.wants(REFUSED) {
        let line = further::refusals(rounds, &mut ours).await?;
        report::print_line(&line);
        lines.push(line);
    }
    if options.wants(OVERLOAD) {
        let line = further::overload(rounds, &cluster, &mut ours).await?;
        report::print_line(&line);
        lines.push(line);
    }
    let mut sold = vec![ours.seats().await?];
    ours.stop().await?;
    if options.wants(STORED) && options.stored > 0 {
        let (stored, seats) = further::flat_cost(options.stored, rounds, &cluster, options.tuning()).await?;
        sold.push(seats);
        for line in stored {
            report::print_line(&line);
            lines.push(line);
        }
    }
    if options.wants(FLIGHTS) && options.flights > 0 {
        let line = inventory::measure(options.flights, &cluster, options.tuning()).await?;
        report::print_line(&line);
        lines.push(line);
    }
    if options.wants(LIVE) {
        let line = live::measure(&cluster, options.tuning()).await?;
        report::print_line(&line);
        lines.push(line);
    }
    println!("{}", report::json_line("booking", &machine, &lines));
    // What is fast and wrong is no result.
    sold.iter().try_for_each(SeatCount::check)
}
