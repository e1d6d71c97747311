//! The mailer's memory while letters wait for a mail server that does not answer.

use super::{MailerBench, booking_events::events, mailer_bench::WAITING};
use crate::report::{self, ResultLine};
use anyhow::bail;
use diesel::{prelude::*, sql_types::BigInt};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;
use shared::events::EventType;
use std::{
    net::{Ipv4Addr, TcpListener},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// Parts in which the letters come; the memory is looked at after each.
const PARTS: usize = 10;

/// Events that are published together.
const TOGETHER: usize = 1000;

/// How long a part may take.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(QueryableByName)]
struct WaitingRow {
    #[diesel(sql_type = BigInt)]
    waiting: i64,
}

/// Measures the mailer with a mail server that is down.
///
/// # Errors
/// Where letters are not stored in time.
pub async fn measure(bench: &mut MailerBench) -> anyhow::Result<Vec<ResultLine>> {
    let part = (bench.options.waiting_letters() / PARTS).max(1);
    // Nobody listens there any more.
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    bench.start_mailer(&format!("smtp://{gone}")).await?;
    let mut connection = bench.database.config.connect().await?;
    let before = bench.mailer()?.resident_kib();
    let mut after = Vec::with_capacity(PARTS);
    for done in 1..=PARTS {
        eprintln!("{WAITING}: {} of {} letters ...", part * done, part * PARTS);
        let mut events = events(EventType::BookingConfirmed, part);
        while !events.is_empty() {
            let rest = events.split_off(events.len().min(TOGETHER));
            bench.publish(std::mem::replace(&mut events, rest)).await?;
        }
        wait_for(&mut connection, part * done).await?;
        after.push(bench.mailer()?.resident_kib());
    }
    diesel::sql_query("TRUNCATE letter_queue").execute(&mut connection).await?;
    let url = bench.sink.url();
    bench.start_mailer(&url).await?;
    Ok(vec![line(before, &after, part * PARTS)])
}

fn line(before: u64, after: &[u64], letters: usize) -> ResultLine {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let mib = |kib: u64| kib as f64 / 1024.0;
    let settled = mib(after.get(PARTS / 2 - 1).copied().unwrap_or(before));
    let last = mib(after.last().copied().unwrap_or(before));
    let mut line = ResultLine {
        what: WAITING.to_owned(),
        ours: Some(last),
        baseline: Some(settled),
        unit: "MiB with all letters waiting, against the half",
        ratio: report::ratio(last, settled),
        ..ResultLine::default()
    };
    line.more.insert("letters".to_owned(), json!(letters));
    line.more.insert("mib_before".to_owned(), json!(mib(before).round()));
    let parts: Vec<f64> = after.iter().map(|kib| mib(*kib).round()).collect();
    line.more.insert("mib_after_each_tenth".to_owned(), json!(parts));
    line
}

/// Waits until so many letters are in the queue.
async fn wait_for(connection: &mut AsyncPgConnection, letters: usize) -> anyhow::Result<()> {
    let (letters, began) = (i64::try_from(letters)?, Instant::now());
    loop {
        let count = diesel::sql_query("SELECT count(*) AS waiting FROM letter_queue");
        let WaitingRow { waiting } = count.get_result(connection).await?;
        if waiting >= letters {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            bail!("{waiting} of {letters} letters were stored in {} s", PATIENCE.as_secs());
        }
        sleep(Duration::from_millis(100)).await;
    }
}
