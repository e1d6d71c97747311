//! Over HTTP: the start from the database, a search of 20 results and `places`, each against the same bytes served
//! ready-made by the same server, and the search against a SQL query over an index.

use super::{
    flight_bench::FlightBench,
    flight_process::FlightProcess,
    http_load::{ask, rate},
    stored_network,
};
use crate::{
    cluster::{Cluster, ServiceDatabase},
    report::{self, ResultLine, rounded},
    statistics::{Latencies, median},
};
use anyhow::{Context, ensure};
use chrono::{Days, NaiveDate};
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Date, Nullable, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use flight::domain::search::Slice;
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// Itineraries of the search.
const RESULTS: usize = 20;
/// How long the index may take to be built.
const LOAD_PATIENCE: Duration = Duration::from_secs(120);

/// Measures the service.
///
/// # Errors
/// Where it does not start or answers as it should not.
pub async fn measure(bench: &FlightBench, cluster: &Cluster) -> anyhow::Result<Vec<ResultLine>> {
    let scratch = cluster.folder().join("scratch");
    std::fs::create_dir_all(&scratch)?;
    let database = cluster.create("flight", "flight", flight::MIGRATIONS).await?;
    eprintln!("Writing {} days of flights ...", bench.options.days());
    stored_network::write(bench, &mut database.config.connect().await?).await?;
    cluster.checkpoint().await?;
    let began = Instant::now();
    let mut service = FlightProcess::start(&database, &scratch).await?;
    ready(service.address, began).await?;
    let built = began.elapsed().as_secs_f64();
    let mut lines = vec![ResultLine {
        what: "build".to_owned(),
        ours: Some(built),
        unit: "s from the start of the process to ready, with all flights",
        ..ResultLine::default()
    }];
    let (slice, answer) = question(bench, service.address).await?;
    let search = path(&slice);
    let ready_made = service.serve_ready_made(&answer).await?;
    let mut line = against(bench, "search_http", (service.address, &search), ready_made).await?;
    line.more.insert("bytes".to_owned(), json!(answer.len()));
    line.more
        .insert("sql_requests_per_second".to_owned(), json!(rounded(sql(bench, &database, &slice).await?)));
    lines.push(line);
    let places = "/api/v1/places?q=inter&limit=10";
    let found = ask(service.address, places).await?;
    ensure!(found.status == 200, "places: {}", found.status);
    let ready_made = service.serve_ready_made(&found.body).await?;
    lines.push(against(bench, "places_http", (service.address, places), ready_made).await?);
    service.stop().await?;
    Ok(lines)
}

/// Ready when the service has all flights.
async fn ready(address: SocketAddr, began: Instant) -> anyhow::Result<()> {
    while ask(address, "/health/ready").await?.status != 200 {
        ensure!(began.elapsed() < LOAD_PATIENCE, "the flights are not loaded");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

fn path(slice: &Slice) -> String {
    let Slice { origin, destination, date } = slice;
    format!("/api/v1/search?origin={origin}&destination={destination}&date={date}&limit={RESULTS}")
}

/// A question with this number of itineraries, and its answer: between the hubs with the most flights.
async fn question(bench: &FlightBench, address: SocketAddr) -> anyhow::Result<(Slice, String)> {
    let [origin, destination] = [0, 1].map(|hub: usize| bench.network.stations[hub].iata.clone());
    let date = bench.first.checked_add_days(Days::new(bench.options.days() / 2)).context("a day too far")?;
    let slice = Slice { origin, destination, date };
    let answer = ask(address, &path(&slice)).await?;
    ensure!(answer.status == 200, "search: {} {}", answer.status, answer.body);
    let read: Value = serde_json::from_str(&answer.body)?;
    let found = read["data"].as_array().map_or(0, Vec::len);
    ensure!(found == RESULTS, "a question has {found} itineraries");
    Ok((slice, answer.body))
}

/// Rounds of the service and of the ready-made answer, in turn.
async fn against(
    bench: &FlightBench,
    what: &str,
    (address, path): (SocketAddr, &str),
    ready_made: SocketAddr,
) -> anyhow::Result<ResultLine> {
    let (clients, time) = (bench.options.clients, bench.options.time());
    let (mut ours, mut theirs, mut all) = (Vec::new(), Vec::new(), Latencies::default());
    for round in 0..=bench.options.rounds() {
        let (reference, _) = rate(ready_made, path, clients, time).await?;
        let (mine, latencies) = rate(address, path, clients, time).await?;
        // The first one warms up.
        if round > 0 {
            ours.push(mine);
            theirs.push(reference);
            all.add(&latencies);
        }
    }
    let (rate, reference) = (median(&ours), median(&theirs));
    Ok(ResultLine {
        what: what.to_owned(),
        ours: Some(rate),
        baseline: Some(reference),
        unit: "requests/s, against the same bytes ready-made",
        ratio: report::ratio(rate, reference),
        p50_ms: Some(all.percentile_ms(50.0)),
        p99_ms: Some(all.percentile_ms(99.0)),
        ..ResultLine::default()
    })
}

/// What a search by SQL reads.
#[derive(QueryableByName)]
struct FoundRow {
    #[diesel(sql_type = SqlUuid)]
    _first: Uuid,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    _second: Option<Uuid>,
    #[diesel(sql_type = BigInt)]
    _price: i64,
}

/// The cheapest flights, direct or with a connection, by the index over origin and date: without seats, classes, taxes and
/// everything that an answer shows.
const SEARCH: &str = "WITH first AS (SELECT * FROM flights WHERE origin = $1 AND departure_date = $3 AND status <> 'cancelled'), \
    found AS (SELECT id AS first, NULL::uuid AS second FROM first WHERE destination = $2 \
      UNION ALL SELECT first.id, second.id FROM first JOIN flights AS second ON second.origin = first.destination \
        AND second.destination = $2 AND second.departure_date BETWEEN $3 AND $3 + 2 AND second.status <> 'cancelled' \
        AND second.departs_at BETWEEN first.arrives_at + interval '1 hour' AND first.arrives_at + interval '1 day'), \
    cheapest AS (SELECT found.*, (SELECT min(base_price) FROM fares WHERE flight_id = found.first) \
      + coalesce((SELECT min(base_price) FROM fares WHERE flight_id = found.second), 0) AS price FROM found) \
    SELECT first AS _first, second AS _second, price AS _price FROM cheapest ORDER BY price LIMIT 20";

/// Queries a second over eight connections.
async fn sql(bench: &FlightBench, database: &ServiceDatabase, slice: &Slice) -> anyhow::Result<f64> {
    let (began, time) = (Instant::now(), bench.options.time());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let mut connection = database.config.connect().await?;
        let (origin, destination) = (slice.origin.to_string(), slice.destination.to_string());
        let date: NaiveDate = slice.date;
        tasks.spawn_local(async move {
            let mut count = 0_u32;
            while began.elapsed() < time {
                let rows: Vec<FoundRow> = diesel::sql_query(SEARCH)
                    .bind::<Text, _>(&origin)
                    .bind::<Text, _>(&destination)
                    .bind::<Date, _>(date)
                    .load(&mut connection)
                    .await?;
                ensure!(!rows.is_empty(), "SQL finds nothing");
                count += 1;
            }
            anyhow::Ok(count)
        });
    }
    let mut count = 0;
    while let Some(joined) = tasks.join_next().await {
        count += joined??;
    }
    Ok(f64::from(count) / began.elapsed().as_secs_f64())
}
