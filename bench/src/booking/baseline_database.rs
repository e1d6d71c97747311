//! The plain design that everyone writes, driven by pgbench.
//!
//! It has our tables with our indexes, in a database of its own, and beside them a counter of the seats
//! left in the flight's row. Its seats are the next ones in order, which costs it nothing; it never
//! refuses; its payment provider answers at once; nobody publishes its outbox.

use super::workload::Workload;
use crate::{cluster::ServiceDatabase, statistics::Latencies};
use anyhow::{Context, bail};
use servers::{OnOwnerDeath, find_postgres, spawn_bound};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

const PAID: &str = include_str!("../../scripts/paid.sql");
const HELD: &str = include_str!("../../scripts/held.sql");

/// Numbers of bookings that a round may use for each of its seconds; they make ids and locators.
const NUMBERS_A_SECOND: i64 = 10_000;
/// How many numbers there are: locators are made of 24 bits.
const ALL_NUMBERS: i64 = 1 << 24;

/// The baseline's database, and what of it is used up.
pub struct BaselineDatabase {
    database: ServiceDatabase,
    folder: PathBuf,
    rounds: i64,
    numbers: i64,
    flights: i64,
}

/// What a round of the baseline has brought.
#[derive(Debug, Clone)]
pub struct BaselineRound {
    /// Bookings a second.
    pub rate: f64,
    /// How long bookings took.
    pub latencies: Latencies,
}

/// A child that does not outlive its owner's interest.
struct ClientProcess(Child);

impl Drop for ClientProcess {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl BaselineDatabase {
    /// Adds to our tables what the plain design needs.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn new(database: ServiceDatabase, folder: &Path) -> anyhow::Result<Self> {
        let steps = [
            "ALTER TABLE flights ADD number bigint, ADD slot integer, ADD seats_left integer, ADD selling boolean",
            // Of what is on sale only: the row's counters change without touching it.
            "CREATE UNIQUE INDEX flights_selling ON flights (slot, number) WHERE selling",
        ];
        for step in steps {
            database.run(step).await?;
        }
        let folder = folder.to_path_buf();
        fs::create_dir_all(&folder)?;
        Ok(Self { database, folder, rounds: 0, numbers: 0, flights: 0 })
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &ServiceDatabase {
        &self.database
    }

    /// Takes the flights of the last round off sale and puts new ones on.
    async fn publish(&mut self, workload: Workload, count: usize) -> anyhow::Result<()> {
        self.database.run("UPDATE flights SET selling = false WHERE selling").await?;
        let (slots, capacity) = (workload.slots(), workload.layout().capacity());
        let first = self.flights;
        let last = first + i64::try_from(count)?;
        let insert = format!(
            "INSERT INTO flights (id, version, departure_at, on_sale, number, slot, seats_left, selling) \
             SELECT gen_random_uuid(), 1, now() + interval '60 days', true, n, (n - {first}) % {slots} + 1, {capacity}, true \
             FROM generate_series({first}, {last} - 1) AS n"
        );
        self.database.run(&insert).await?;
        self.database.run("VACUUM ANALYZE flights").await?;
        self.flights = last;
        Ok(())
    }

    /// A round with so many clients. `event`: the data of an event of ours.
    ///
    /// # Errors
    /// Where pgbench fails.
    pub async fn round(
        &mut self,
        workload: Workload,
        clients: usize,
        (seconds, flights): (u64, usize),
        event: &str,
    ) -> anyhow::Result<BaselineRound> {
        let (output, share, logged) =
            self.run_clients(workload, clients, (seconds, flights), event, "").await?;
        let (_, rate) = summary(&output).with_context(|| output.clone())?;
        let mut latencies = Latencies::default();
        logged.iter().for_each(|transaction| latencies.record_micros(transaction.micros));
        Ok(BaselineRound { rate: rate * share, latencies })
    }

    /// A round of which only the last seconds are counted. A new connection fills its caches, and plans each statement in
    /// its first five runs before it keeps a plan: of hundreds of connections that would be most of what is measured. So
    /// here they keep their first plan, which is the one that they would come to.
    ///
    /// # Errors
    /// Where pgbench fails.
    pub async fn warmed_round(
        &mut self,
        workload: Workload,
        clients: usize,
        (warm_up, seconds, flights): (u64, u64, usize),
        event: &str,
    ) -> anyhow::Result<BaselineRound> {
        let time = (warm_up + seconds, flights);
        let plans = " -c plan_cache_mode=force_generic_plan";
        let (_, share, logged) = self.run_clients(workload, clients, time, event, plans).await?;
        let (transactions, latencies) = last(&logged, seconds);
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let rate = transactions as f64 / seconds.max(1) as f64;
        Ok(BaselineRound { rate: rate * share, latencies })
    }

    /// Runs pgbench with further options of its sessions; gives what it has printed, which share of its transactions
    /// are bookings, and all of them.
    async fn run_clients(
        &mut self,
        workload: Workload,
        clients: usize,
        (seconds, flights): (u64, usize),
        event: &str,
        session: &str,
    ) -> anyhow::Result<(String, f64, Vec<LoggedTransaction>)> {
        self.publish(workload, flights).await?;
        let base = self.numbers;
        let numbers = NUMBERS_A_SECOND.saturating_mul(i64::try_from(seconds)?);
        self.numbers = base.saturating_add(numbers);
        self.rounds += 1;
        anyhow::ensure!(self.numbers <= ALL_NUMBERS, "too many rounds for the baseline's locators");
        let made = "SELECT count(*) AS number FROM bookings";
        let before = self.database.number(made).await?;
        let prefix = self.folder.join(format!("pgbench-{}", self.rounds));
        let script = self.folder.join(format!("{}.sql", workload.name()));
        fs::write(&script, if workload.is_paid() { PAID } else { HELD })?;
        let layout = workload.layout();
        let variables = [
            ("slots", workload.slots().to_string()),
            ("capacity", layout.capacity().to_string()),
            ("columns", layout.letters().count().to_string()),
            ("clients", clients.to_string()),
            ("base", base.to_string()),
            ("k", "0".to_owned()),
            ("event", event.to_owned()),
        ];
        let mut command = Command::new(pgbench()?);
        let environment = self.database.environment()?.into_iter();
        command.envs(environment.map(|(name, value)| match name {
            "PGOPTIONS" => (name, value + session),
            _ => (name, value),
        }));
        // What it prints is read.
        command.env("LC_ALL", "C");
        command.args(["--no-vacuum", "--protocol=prepared", "--jobs=2", "--log"]);
        command.arg(format!("--client={clients}")).arg(format!("--time={seconds}"));
        command.arg("--log-prefix").arg(&prefix).arg("--file").arg(&script);
        command.args(variables.map(|(name, value)| format!("--define={name}={value}")));
        let output = run(command, Duration::from_secs(seconds + 60)).await?;
        let (transactions, _) = summary(&output).with_context(|| output.clone())?;
        let logged = read_logs(&self.folder, &prefix)?;
        let booked = self.database.number(made).await? - before;
        anyhow::ensure!(booked <= numbers, "more bookings than numbers");
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let share = booked as f64 / transactions.max(1) as f64;
        Ok((output, share, logged))
    }
}

/// A transaction of pgbench's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LoggedTransaction {
    /// When it ended, microseconds since 1970.
    ended: u64,
    /// How long it took.
    micros: u32,
}

/// How many transactions ended in the last seconds of the load, and how long they took. The load ends when the last
/// one begins; pgbench's time includes that of connecting.
fn last(logged: &[LoggedTransaction], seconds: u64) -> (usize, Latencies) {
    let begins = logged.iter().map(|one| one.ended.saturating_sub(one.micros.into()));
    let end = begins.max().unwrap_or(0);
    let counted = end.saturating_sub(seconds * 1_000_000)..end;
    let mut latencies = Latencies::default();
    let ended = logged.iter().filter(|one| counted.contains(&one.ended));
    ended.for_each(|one| latencies.record_micros(one.micros));
    (latencies.count(), latencies)
}

/// PostgreSQL's own benchmark program, which comes with the server in most distributions.
fn pgbench() -> anyhow::Result<PathBuf> {
    let program = find_postgres()?.join("pgbench");
    let hint = "pgbench is missing beside the server: install it (Fedora: postgresql-contrib)";
    anyhow::ensure!(program.is_file(), "{hint}");
    Ok(program)
}

/// Runs a program to its end, within this time; gives what it has printed.
async fn run(mut command: Command, patience: Duration) -> anyhow::Result<String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        ClientProcess(spawn_bound(command, OnOwnerDeath::Kill).context("pgbench was not started")?);
    let output = child.0.stdout.take().context("no standard output")?;
    let errors = child.0.stderr.take().context("no standard error")?;
    let read = |mut stream: Box<dyn std::io::Read + Send>| {
        tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            stream.read_to_string(&mut text).map(|_| text)
        })
    };
    let reading = async { tokio::try_join!(read(Box::new(output)), read(Box::new(errors))) };
    let (output, errors) =
        tokio::time::timeout(patience, reading).await.context("pgbench does not end")??;
    let status = child.0.wait()?;
    let (output, errors) = (output?, errors?);
    if !status.success() || errors.contains("aborted") {
        bail!("pgbench failed: {errors}");
    }
    Ok(output)
}

/// Transactions and their rate out of what pgbench prints.
fn summary(output: &str) -> Option<(u64, f64)> {
    let after = |start: &str| output.lines().find_map(|line| line.strip_prefix(start));
    let transactions = after("number of transactions actually processed: ")?;
    let transactions = transactions.split('/').next()?.trim().parse().ok()?;
    let rate = after("tps = ")?.split_whitespace().next()?.parse().ok()?;
    Some((transactions, rate))
}

/// Transactions out of pgbench's logs, one file a thread, which are removed.
fn read_logs(folder: &Path, prefix: &Path) -> anyhow::Result<Vec<LoggedTransaction>> {
    let prefix = prefix.file_name().and_then(|name| name.to_str()).context("a name without text")?;
    let mut logged = Vec::new();
    for entry in fs::read_dir(folder)?.flatten() {
        let name = entry.file_name();
        if !name.to_str().is_some_and(|name| name.starts_with(&format!("{prefix}."))) {
            continue;
        }
        logged.extend(fs::read_to_string(entry.path())?.lines().filter_map(logged_transaction));
        fs::remove_file(entry.path())?;
    }
    Ok(logged)
}

/// Of a line: client, transaction, microseconds that it took, script, seconds and microseconds of its end.
fn logged_transaction(line: &str) -> Option<LoggedTransaction> {
    let fields: Vec<&str> = line.split(' ').collect();
    let [_, _, micros, _, seconds, fraction, ..] = fields.as_slice() else { return None };
    let ended = seconds.parse::<u64>().ok()? * 1_000_000 + fraction.parse::<u64>().ok()?;
    Some(LoggedTransaction { ended, micros: micros.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pgbench_prints_is_understood() {
        let output = "transaction type: paid.sql\nnumber of transactions actually processed: 3021\n\
                      number of failed transactions: 0 (0.000%)\nlatency average = 26.5 ms\n\
                      initial connection time = 41.9 ms\ntps = 602.842 (without initial connection time)\n";
        assert_eq!(summary(output), Some((3021, 602.842)));
        assert_eq!(summary("nothing"), None);
    }

    #[test]
    fn the_first_seconds_are_not_counted_where_connections_are_cold() {
        let lines = [
            "0 0 900000 0 1000 950000",
            "0 1 300000 0 1001 999999",
            "1 0 5000 0 1002 60000",
            "1 1 7000 0 1004 40000",
            "0 2 9 0 1004 60000",
        ];
        let logged: Vec<_> = lines.into_iter().filter_map(logged_transaction).collect();
        assert_eq!(logged[0], LoggedTransaction { ended: 1_000_950_000, micros: 900_000 });
        // The last one begins at 1004.059991; counted are the two seconds before it.
        let (transactions, mut latencies) = last(&logged, 2);
        assert_eq!((transactions, latencies.percentile_ms(100.0)), (2, 7.0));
        assert_eq!(last(&[], 1).0, 0);
        assert_eq!(logged_transaction("skipped"), None);
    }

    #[test]
    fn both_scripts_write_the_tables_of_a_booking() {
        for table in ["bookings", "segments", "passengers", "seats", "travellers", "events", "outbox"] {
            let insert = format!("INSERT INTO {table} (");
            assert!(PAID.contains(&insert) && HELD.contains(&insert), "{table}");
        }
        assert_eq!(PAID.matches("COMMIT;").count(), 2);
        assert_eq!(HELD.matches("COMMIT;").count(), 1);
    }
}
