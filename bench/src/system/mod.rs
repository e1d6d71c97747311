//! `./dev bench system`: paid bookings through the gateway of the whole, as `aerobus up` starts it, against the plain
//! design with the same number of clients.
//!
//! | file | what |
//! |---|---|
//! | [`mode`] | one way to run the whole, from its start to the check at its end |
//! | [`levels`] | a number of clients: alternating rounds of both sides |
//! | [`whole`], [`program`] | the whole under load; `aerobus up` as a process of its own |
//! | [`plain`] | the plain design, and what PostgreSQL uses for it |
//! | [`customers`], [`demo_flights`] | who books, and which flights |
//! | [`letters`], [`smtp_sink`] | whether letters keep up; the mail server that they go to |
//! | [`cpu`], [`process_names`] | processor time by process and thread |
//! | [`sql`] | transactions, statements and write-ahead log |
//! | [`idle`] | an installation that nobody uses |
//! | [`figures`], [`mod@targets`] | what rounds add up to, and what must be reached |

pub mod cpu;
pub mod customers;
pub mod demo_flights;
pub mod figures;
pub mod idle;
pub mod letters;
pub mod levels;
pub mod mode;
pub mod plain;
pub mod process_names;
pub mod program;
pub mod smtp_sink;
pub mod sql;
pub mod targets;
pub mod whole;

use crate::{cluster::Cluster, machine::Machine, report};
use anyhow::{Context, bail};
use levels::SystemRounds;
use mode::SystemBench;
use plain::PlainUnderTest;
use std::{path::PathBuf, time::Duration};
use targets::targets;
use whole::SystemMode;

/// Numbers of clients.
const LEVELS: [usize; 5] = [1, 8, 64, 256, 512];

/// What can be set.
#[derive(Debug, Clone, clap::Args)]
pub struct SystemOptions {
    /// Short rounds without 512 clients, for development: the figures are rough
    #[arg(long)]
    quick: bool,
    /// Which ways to run the whole, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["up", "processes"])]
    mode: Vec<SystemMode>,
    /// Numbers of clients, separated by commas [default: 1,8,64,256,512]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=512))]
    levels: Vec<u16>,
    /// Rounds of each side at each number of clients [default: 3]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=20))]
    rounds: Option<u8>,
    /// Seconds a round [default: 5]
    #[arg(long, value_parser = clap::value_parser!(u8).range(2..=60))]
    seconds: Option<u8>,
    /// Print so many of the statements that took PostgreSQL the most time, idle and at 8 and 256 clients. Their
    /// planning is then measured, too, which costs a little
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    statements: usize,
    /// Go on with the other way where one fails; the run fails at its end
    #[arg(long)]
    keep_going: bool,
    /// Where the server's data go meanwhile: on the disk that is to be measured
    #[arg(long, default_value = ".aerobus")]
    data_dir: PathBuf,
}

impl SystemOptions {
    fn rounds(&self) -> SystemRounds {
        let (count, seconds, patience) = if self.quick { (1, 3, 4) } else { (3, 5, 45) };
        SystemRounds {
            count: self.rounds.map_or(count, usize::from),
            seconds: self.seconds.map_or(seconds, u64::from),
            patience: Duration::from_secs(patience),
        }
    }

    fn levels(&self) -> Vec<usize> {
        match self.levels.as_slice() {
            [] if self.quick => LEVELS[..4].to_vec(),
            [] => LEVELS.to_vec(),
            given => given.iter().copied().map(usize::from).collect(),
        }
    }

    fn idle(&self) -> Duration {
        Duration::from_secs(if self.quick { 10 } else { 60 })
    }
}

/// Runs the benchmark.
///
/// # Errors
/// Where something does not start, or fails, or a seat was sold twice or a booking lost; what was measured
/// before was printed.
pub async fn run(options: &SystemOptions) -> anyhow::Result<()> {
    sql::check_extension(&servers::find_postgres()?)?;
    eprintln!("Starting a private PostgreSQL ...");
    let parent = options.data_dir.clone();
    let mut settings = sql::SETTINGS.to_vec();
    if options.statements > 0 {
        settings.push(("pg_stat_statements.track_planning", "on"));
    }
    let cluster = tokio::task::spawn_blocking(move || Cluster::start_with(&parent, &settings)).await??;
    // On the disk of the data, and goes with them.
    let scratch = cluster.folder().join("scratch");
    std::fs::create_dir_all(&scratch)?;
    let plain = PlainUnderTest::start(&cluster, &scratch).await?;
    let postgres = plain.database().words("SELECT version() AS words").await?.pop().context("no version")?;
    let postgres = postgres.split(" on ").next().unwrap_or_default().to_owned();
    let machine = Machine { settings: cluster.settings(), ..Machine::look(&scratch, postgres)? };
    report::print_head(&machine);
    let alone = cluster.create("ours", "booking", booking::MIGRATIONS).await?;
    let mut bench = SystemBench {
        cluster,
        scratch,
        plain,
        alone,
        rounds: options.rounds(),
        levels: options.levels(),
        idle: options.idle(),
        at_letter_rate: !options.quick,
        statements: options.statements,
        lines: Vec::new(),
    };
    let (mut reached, mut failed) = (Vec::new(), Vec::new());
    for mode in options.mode.iter().copied() {
        match Box::pin(bench.measure(mode)).await {
            Ok(figures) => reached.extend(targets(&figures)),
            Err(error) if options.keep_going => {
                eprintln!("{} failed: {error:#}", mode.name());
                failed.push(mode.name());
            }
            Err(error) => return Err(error.context(mode.name())),
        }
    }
    println!();
    reached.iter().for_each(|target| println!("{}", target.text()));
    let mut lines = std::mem::take(&mut bench.lines);
    lines.extend(reached.iter().map(targets::Target::line));
    println!("{}", report::json_line("system", &machine, &lines));
    if !failed.is_empty() {
        bail!("{} failed", failed.join(" and "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: SystemOptions,
    }

    fn options(arguments: &[&str]) -> SystemOptions {
        Line::parse_from(["system"].iter().chain(arguments)).options
    }

    #[test]
    fn a_quick_run_is_short_unless_more_is_asked_for() {
        let usual = options(&[]);
        assert_eq!(usual.mode, [SystemMode::Up, SystemMode::Processes]);
        assert_eq!((usual.levels(), usual.rounds().count), (vec![1, 8, 64, 256, 512], 3));
        assert_eq!(usual.rounds().patience_of_one(), Duration::from_secs(15));
        let quick = options(&["--quick", "--seconds", "4", "--mode", "up"]);
        assert_eq!((quick.levels(), quick.rounds().count), (vec![1, 8, 64, 256], 1));
        assert_eq!((quick.rounds().seconds, quick.mode.len()), (4, 1));
        assert_eq!(options(&["--quick", "--levels", "8,512"]).levels(), [8, 512]);
    }
}
