//! `./dev bench compression`: what a search costs in all, with its answer as it is and compressed.
//!
//! The four services and the client are one process, so the CPU time of the process is all that is spent on an
//! answer; the codings are asked in turn, and what differs between them is what compression costs.

use crate::{
    cluster::Cluster,
    machine::Machine,
    report::{self, ResultLine},
    statistics::median,
};
use aerobus::{
    embedded::EmbeddedServices,
    installation::Administrator,
    progress,
    start_plan::{ServicePorts, StartPlan},
};
use anyhow::{Context, anyhow, ensure};
use awc::Client;
use chrono::{Days, Utc};
use mailer::config::Destination;
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use std::{
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

/// Bits a second of a slow mobile connection.
const LINK: f64 = 1.6e6;
/// The codings that are asked for.
const CODINGS: [&str; 3] = ["identity", "gzip", "br"];
/// Bytes of an answer at most, and the time that it may take.
const LARGEST: usize = 16 << 20;
const PATIENCE: Duration = Duration::from_secs(30);
/// Rounds; of each coding the median counts.
const ROUNDS: usize = 7;

/// What can be set.
#[derive(Debug, Clone, clap::Args)]
pub struct CompressionOptions {
    /// Searches a round and coding
    #[arg(long, default_value_t = 100)]
    searches: u32,
    /// Where the server's data go meanwhile
    #[arg(long, default_value = ".aerobus")]
    data_dir: PathBuf,
}

/// The CPU time of this process by now, milliseconds.
fn cpu_ms() -> anyhow::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let spent = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a run are far below 2^52")]
    let spent = spent as f64;
    Ok(spent / 1000.0)
}

/// What an answer costs.
#[derive(Debug, Clone, Copy)]
struct AnswerCost {
    bytes: usize,
    cpu_ms: f64,
    wall_ms: f64,
}

/// Asks so often. The client reads the bytes and makes nothing of them, so it costs the same for all codings.
async fn cost(client: &Client, address: &str, coding: &str, searches: u32) -> anyhow::Result<AnswerCost> {
    let (cpu, began) = (cpu_ms()?, Instant::now());
    let mut bytes = 0;
    for _ in 0..searches {
        let asked = client.get(address).insert_header(("accept-encoding", coding)).send().await;
        let mut answer = asked.map_err(|error| anyhow!("{address}: {error}"))?;
        ensure!(answer.status().is_success(), "{address}: {}", answer.status());
        let told =
            answer.headers().get("content-encoding").map_or("identity", |told| told.to_str().unwrap_or("?"));
        ensure!(told == coding, "asked for {coding}, got {told}");
        bytes = answer.body().limit(LARGEST).await?.len();
    }
    let each = |total: f64| total / f64::from(searches);
    let wall_ms = each(began.elapsed().as_secs_f64() * 1000.0);
    Ok(AnswerCost { bytes, cpu_ms: each(cpu_ms()? - cpu), wall_ms })
}

/// Measures an address by all codings.
async fn compare(
    client: &Client,
    what: &str,
    address: &str,
    searches: u32,
) -> anyhow::Result<Vec<ResultLine>> {
    let mut rounds: Vec<[AnswerCost; CODINGS.len()]> = Vec::new();
    for round in 0..=ROUNDS {
        let mut costs = [AnswerCost { bytes: 0, cpu_ms: 0.0, wall_ms: 0.0 }; CODINGS.len()];
        for (coding, place) in CODINGS.iter().zip(&mut costs) {
            *place = cost(client, address, coding, searches).await?;
        }
        // The first one warms up.
        if round > 0 {
            rounds.push(costs);
        }
    }
    let of = |coding: usize, figure: fn(&AnswerCost) -> f64| {
        median(&rounds.iter().map(|costs| figure(&costs[coding])).collect::<Vec<_>>())
    };
    // With the time on the link, which is computed.
    let total = |coding: usize| {
        #[expect(clippy::cast_precision_loss, reason = "an answer is far below 2^52 bytes")]
        let link = of(coding, |cost| cost.bytes as f64) * 8.0 / LINK * 1000.0;
        (link, of(coding, |cost| cost.wall_ms) + link)
    };
    let line = |(index, coding): (usize, &&str)| {
        let (link, all) = total(index);
        let number = |value: f64| Value::from((value * 1000.0).round() / 1000.0);
        let more: Map<String, Value> = [
            ("bytes", of(index, |cost| cost.bytes as f64)),
            ("cpu_ms", of(index, |cost| cost.cpu_ms)),
            ("added_cpu_ms", of(index, |cost| cost.cpu_ms) - of(0, |cost| cost.cpu_ms)),
            ("link_ms", link),
        ]
        .map(|(name, value)| (name.to_owned(), number(value)))
        .into_iter()
        .collect();
        ResultLine {
            what: format!("{what}_{coding}"),
            ours: Some(all),
            baseline: Some(total(0).1),
            unit: "ms",
            ratio: report::ratio(all, total(0).1),
            p50_ms: Some(of(index, |cost| cost.wall_ms)),
            more,
            ..ResultLine::default()
        }
    };
    Ok(CODINGS.iter().enumerate().map(line).collect())
}

async fn plan(cluster: &Cluster) -> anyhow::Result<StartPlan> {
    let mut databases = Vec::new();
    for (service, migrations) in [
        ("booking", booking::MIGRATIONS),
        ("flight", flight::MIGRATIONS),
        ("mailer", mailer::MIGRATIONS),
        ("gateway", gateway::MIGRATIONS),
    ] {
        databases.push(cluster.create(service, service, migrations).await?.config);
    }
    let secret = |name: &str| format!("the {name} of a benchmark, on loopback only").into();
    let administrator = Administrator { email: "admin@aerobus.example".into(), password: secret("password") };
    Ok(StartPlan {
        databases,
        broker: None,
        service_token_secret: secret("service token secret"),
        signing_key_secret: secret("signing key secret"),
        administrator,
        with_mailer: true,
        mail: Destination::Folder(cluster.folder().join("mail")),
        ports: ServicePorts::default(),
        gateway_workers: 1,
        bcrypt_cost: 4,
    })
}

/// A client with the administrator's token: limits do not apply to it.
async fn exempt_client(gateway: SocketAddr, plan: &StartPlan) -> anyhow::Result<Client> {
    let client = || Client::builder().timeout(PATIENCE).no_default_headers();
    let Administrator { email, password } = &plan.administrator;
    let credentials = json!({"email": email, "password": password.expose_secret()});
    let login = client().finish().post(format!("http://{gateway}/api/v1/auth/login")).send_json(&credentials);
    let tokens: Value = login.await.map_err(|error| anyhow!("login: {error}"))?.json().await?;
    let token = tokens["access_token"].as_str().context("the administrator cannot log in")?;
    Ok(client().bearer_auth(token).finish())
}

/// Runs the benchmark, on an actix system.
///
/// # Errors
/// Where something does not start, or an answer is not as asked for.
pub async fn run(options: &CompressionOptions) -> anyhow::Result<()> {
    let parent = options.data_dir.clone();
    eprintln!("Starting a private PostgreSQL ...");
    let cluster = tokio::task::spawn_blocking(move || Cluster::start(&parent)).await??;
    std::fs::create_dir_all(cluster.folder().join("mail"))?;
    let plan = plan(&cluster).await?;
    let flights = plan.databases.iter().find(|database| database.schema == "flight");
    let flights = flights.context("flight has a database")?;
    progress::load_demo_data(flights).await?;
    let services = EmbeddedServices::start(&plan).await?;
    progress::put_flights_on_sale(flights).await?;
    let machine = Machine::look(cluster.folder(), "of its own, which search does not ask".to_owned())?;
    report::print_head(&machine);
    let client = exempt_client(services.gateway(), &plan).await?;
    let day = |ahead| (Utc::now() + Days::new(ahead)).date_naive();
    let (out, back) = (day(30), day(37));
    let mut lines = Vec::new();
    for (what, query) in
        [("one_way", format!("date={out}")), ("return", format!("date={out}&return_date={back}"))]
    {
        let address =
            format!("http://{}/api/v1/search?origin=LON&destination=NYC&{query}", services.gateway());
        for line in compare(&client, what, &address, options.searches.max(1)).await? {
            report::print_line(&line);
            lines.push(line);
        }
    }
    println!("{}", report::json_line("compression", &machine, &lines));
    services.stop().await;
    Ok(())
}
