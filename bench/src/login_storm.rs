//! `./dev bench login-storm`: what 500 people who log in at once do to bookings.
//!
//! Each of them comes from an address of its own, and logs in again as soon as it is answered. Passwords are hashed at the
//! cost that `aerobus up` uses. Rounds with the storm and without it alternate.

use crate::{
    booking::{client::HttpConnection, engine_under_test::Pattern, load::LoadOutcome},
    cluster::Cluster,
    machine::Machine,
    report::{self, ResultLine},
    statistics::Latencies,
    system::{
        sql,
        whole::{SystemMode, WholeUnderTest},
    },
};
use anyhow::{Context, ensure};
use serde_json::json;
use std::{
    cell::RefCell,
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    rc::Rc,
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

/// People who log in.
const PEOPLE: usize = 500;
/// Clients that book meanwhile.
const BUYERS: usize = 8;
/// How long one of them waits for an answer: the gateway answers within 25 s.
const PATIENCE: Duration = Duration::from_secs(40);
/// What the storm may multiply bookings' p99 by.
const MOST: f64 = 2.0;

/// What can be set.
#[derive(Debug, Clone, clap::Args)]
pub struct LoginStormOptions {
    /// Which way to run the whole
    #[arg(long, value_enum, default_value = "up")]
    mode: SystemMode,
    /// Rounds of each side
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=20))]
    rounds: u8,
    /// Seconds a round
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(2..=60))]
    seconds: u8,
    /// Where the server's data go meanwhile: on the disk that is to be measured
    #[arg(long, default_value = ".aerobus")]
    data_dir: PathBuf,
}

/// Runs the benchmark.
///
/// # Errors
/// Where something does not start, or fails, or bookings suffer more than they may.
pub async fn run(options: &LoginStormOptions) -> anyhow::Result<()> {
    // The rounds of the whole count its statements.
    sql::check_extension(&servers::find_postgres()?)?;
    eprintln!("Starting a private PostgreSQL and the whole ...");
    let parent = options.data_dir.clone();
    let start = move || Cluster::start_with(&parent, &sql::SETTINGS);
    let cluster = tokio::task::spawn_blocking(start).await??;
    let scratch = cluster.folder().join("scratch");
    std::fs::create_dir_all(&scratch)?;
    let mut whole = WholeUnderTest::start(&cluster, &scratch, options.mode).await?;
    let postgres = whole.database().words("SELECT version() AS words").await?.pop().context("no version")?;
    let postgres = postgres.split(" on ").next().unwrap_or_default().to_owned();
    let machine = Machine { settings: cluster.settings(), ..Machine::look(&scratch, postgres)? };
    report::print_head(&machine);
    let (mut calm, mut stormy, mut storm) =
        (LoadOutcome::default(), LoadOutcome::default(), Storm::default());
    for _ in 0..options.rounds {
        for with_storm in [false, true] {
            let storming = if with_storm { Some(start_storm(whole.gateway()).await?) } else { None };
            let pattern = Pattern::Closed(BUYERS);
            let round = whole.round(pattern, options.seconds.into(), Duration::from_secs(60)).await?;
            let side = if with_storm { &mut stormy } else { &mut calm };
            side.add(&round.outcome);
            side.lasted += round.outcome.lasted;
            if let Some((mut people, seen)) = storming {
                people.shutdown().await;
                storm.add(&seen.borrow());
            }
        }
    }
    whole.finish(&cluster).await?;
    ensure!(
        calm.faults.is_empty() && stormy.faults.is_empty(),
        "faults: {:?} {:?}",
        calm.faults,
        stormy.faults
    );
    ensure!(storm.answers.contains_key(&401), "nobody's password was hashed: {:?}", storm.answers);
    let (before, with) = (calm.latencies.percentile_ms(99.0), stormy.latencies.percentile_ms(99.0));
    let line = line(&mut calm, &mut stormy, &mut storm);
    report::print_line(&line);
    println!("{}", report::json_line("login_storm", &machine, &[line]));
    ensure!(with <= MOST * before, "bookings' p99 grew from {before:.1} ms to {with:.1} ms");
    Ok(())
}

fn line(calm: &mut LoadOutcome, stormy: &mut LoadOutcome, storm: &mut Storm) -> ResultLine {
    let more = json!({
        "p99_ms_without": report::rounded(calm.latencies.percentile_ms(99.0)),
        "bookings_without": report::rounded(calm.rate()),
        "people": PEOPLE,
        "answers": storm.answers.iter().map(|(status, count)| (status.to_string(), *count)).collect::<BTreeMap<_, _>>(),
        "login_p50_ms": report::rounded(storm.hashed.percentile_ms(50.0)),
        "login_p99_ms": report::rounded(storm.hashed.percentile_ms(99.0)),
    });
    let serde_json::Value::Object(more) = more else { unreachable!("an object was written down") };
    ResultLine {
        what: "bookings_in_a_storm".to_owned(),
        ours: Some(stormy.rate()),
        baseline: Some(calm.rate()),
        unit: "bookings/s",
        ratio: report::ratio(stormy.rate(), calm.rate()),
        p50_ms: Some(stormy.latencies.percentile_ms(50.0)),
        p99_ms: Some(stormy.latencies.percentile_ms(99.0)),
        more,
    }
}

/// What the people of a storm were answered.
#[derive(Debug, Clone, Default)]
struct Storm {
    /// Answers by their status.
    answers: BTreeMap<u16, usize>,
    /// How long those took whose password was hashed.
    hashed: Latencies,
}

impl Storm {
    fn add(&mut self, other: &Self) {
        for (status, count) in &other.answers {
            *self.answers.entry(*status).or_default() += count;
        }
        self.hashed.add(&other.hashed);
    }
}

/// Starts the storm; it ends with its tasks.
async fn start_storm(
    gateway: SocketAddr,
) -> anyhow::Result<(JoinSet<anyhow::Result<()>>, Rc<RefCell<Storm>>)> {
    let (seen, mut people) = (Rc::new(RefCell::new(Storm::default())), JoinSet::new());
    for person in 0..PEOPLE {
        let (high, low) = (u8::try_from(person / 250)?, u8::try_from(person % 250)?);
        let from = IpAddr::V4(Ipv4Addr::new(127, 7, high, low + 1));
        let connection = HttpConnection::open_from(from, gateway).await?;
        people.spawn_local(log_in_again_and_again(connection, person, Rc::clone(&seen)));
    }
    Ok((people, seen))
}

async fn log_in_again_and_again(
    mut connection: HttpConnection,
    person: usize,
    seen: Rc<RefCell<Storm>>,
) -> anyhow::Result<()> {
    for attempt in 0.. {
        // Failures of one account would soon hold the next attempt up.
        let body =
            json!({"email": format!("{person}-{attempt}@storm.example"), "password": "wrong password"});
        let body = body.to_string();
        let request = format!(
            "POST /api/v1/auth/login HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let began = Instant::now();
        let answer = timeout(PATIENCE, connection.send(request.as_bytes())).await??;
        let (status, pause) = (answer.status, answer.retry_after);
        {
            let mut seen = seen.borrow_mut();
            *seen.answers.entry(status).or_default() += 1;
            if status == 401 {
                seen.hashed.record(began.elapsed());
            }
        }
        if let Some(seconds) = pause {
            sleep(Duration::from_secs(seconds)).await;
        }
    }
    Ok(())
}
