//! The whole: the program with all four services, bookings through its gateway, and what they cost.

use super::{
    cpu::{CpuSample, CpuUsage},
    customers,
    demo_flights::DemoFlights,
    figures::WholeRound,
    letters::LetterQueue,
    process_names::ProcessName,
    program::{AerobusProgram, ProgramOptions},
    smtp_sink::SmtpSink,
    sql::{SqlCounts, SqlSample},
};
use crate::{
    booking::{engine_under_test::Pattern, load, sale::Sale, workload::Workload},
    cluster::{Cluster, ServiceDatabase},
};
use anyhow::{Context, ensure};
use shared::{
    db::{DatabaseConfig, Plans},
    ids::BookingId,
};
use std::{collections::BTreeSet, net::SocketAddr, path::Path, time::Duration};

/// Flights of a round, and those that take the place of sold-out ones.
const FLIGHTS: usize = 200 + 100;

/// The role that the benchmark looks with.
const LOOKING: &str = "postgres aerobus";

/// Both ways to run the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SystemMode {
    /// One process, the bus in it, letters to files.
    Up,
    /// A process for each service, RabbitMQ, letters over SMTP.
    Processes,
}

impl SystemMode {
    /// As it is printed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Processes => "processes",
        }
    }

    fn database(self) -> &'static str {
        match self {
            Self::Up => "aerobus_up",
            Self::Processes => "aerobus_processes",
        }
    }
}

/// The running whole, and its customers.
pub struct WholeUnderTest {
    program: AerobusProgram,
    options: ProgramOptions,
    name: &'static str,
    database: ServiceDatabase,
    server: u32,
    counts: SqlCounts,
    letters: LetterQueue,
    sink: Option<SmtpSink>,
    tokens: Vec<String>,
    flights: DemoFlights,
    travellers: u64,
    acknowledged: BTreeSet<BookingId>,
}

/// What is seen before a load and after it.
struct Look {
    program: CpuSample,
    postgres: CpuSample,
    sink: CpuSample,
    sql: SqlSample,
}

impl WholeUnderTest {
    /// Starts it with a database and a folder of its own.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn start(cluster: &Cluster, scratch: &Path, mode: SystemMode) -> anyhow::Result<Self> {
        let sink = match mode {
            SystemMode::Up => None,
            SystemMode::Processes => Some(SmtpSink::start().await?),
        };
        let options = ProgramOptions {
            database: cluster.create_empty(mode.database()).await?,
            folder: scratch.join(mode.name()),
            processes: mode == SystemMode::Processes,
            smtp: sink.as_ref().map(SmtpSink::url),
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
        Ok(Self {
            name: mode.database(),
            server: cluster.process_id()?,
            counts: SqlCounts::open(cluster).await?,
            letters: LetterQueue::open(&options.database).await?,
            tokens: customers::tokens(&options.folder, &database).await?,
            flights: DemoFlights::read(&database).await?,
            travellers: 0,
            acknowledged: BTreeSet::new(),
            program,
            options,
            database,
            sink,
        })
    }

    /// Waits until all letters are sent, so long at most.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn drain(&mut self, patience: Duration) -> anyhow::Result<()> {
        self.letters.drain(patience).await.map(drop)
    }

    /// Starts it again without the mailer.
    ///
    /// # Errors
    /// Where it does not stop, or not start.
    pub async fn without_mailer(mut self) -> anyhow::Result<Self> {
        self.program.stop().await?;
        // Letters that are still to be sent stay.
        self.letters.begin_anew().await?;
        self.options.with_mailer = false;
        self.program = AerobusProgram::start(&self.options).await?;
        Ok(self)
    }

    /// Where its gateway listens.
    #[must_use]
    pub fn gateway(&self) -> SocketAddr {
        self.program.gateway
    }

    /// The database, as the superuser.
    #[must_use]
    pub fn database(&self) -> &ServiceDatabase {
        &self.database
    }

    /// The counts of the database so far.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn sql(&mut self) -> anyhow::Result<SqlSample> {
        self.counts.sample(self.name).await
    }

    /// What the program with its children, and PostgreSQL for it, use within a time in which nothing is asked of them.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn idle(
        &mut self,
        time: Duration,
    ) -> anyhow::Result<(CpuUsage, CpuUsage, SqlSample, SqlSample)> {
        let before = self.look().await?;
        tokio::time::sleep(time).await;
        let after = self.look().await?;
        let (program, postgres) = self.used(&before, &after);
        Ok((program, postgres, before.sql, after.sql))
    }

    async fn look(&mut self) -> anyhow::Result<Look> {
        let sql = self.counts.sample(self.name).await?;
        let sink = self.sink.as_ref().map(|sink| CpuSample::of_tree(sink.process_id())).unwrap_or_default();
        let program = CpuSample::of_tree(self.program.process_id());
        Ok(Look { program, postgres: CpuSample::of_tree(self.server), sink, sql })
    }

    fn used(&self, before: &Look, after: &Look) -> (CpuUsage, CpuUsage) {
        let postgres = after.postgres.since(&before.postgres).of(of_database(self.name));
        (after.program.since(&before.program), postgres)
    }

    /// A round on flights that were not sold before. What it costs is counted until all of its letters are sent, for
    /// which it waits so long at most.
    ///
    /// # Errors
    /// Where the gateway cannot be reached.
    pub async fn round(
        &mut self,
        pattern: Pattern,
        seconds: u64,
        patience: Duration,
    ) -> anyhow::Result<WholeRound> {
        let flights = self.flights.take(FLIGHTS);
        let sale = Sale::of_any_plans(Workload::Spread, flights, self.tokens.clone(), self.travellers);
        let (gateway, time) = (self.program.gateway, Duration::from_secs(seconds));
        let before = self.look().await?;
        let own = CpuSample::of_process(std::process::id());
        let (outcome, mut sale) = match pattern {
            Pattern::Closed(clients) => load::closed(gateway, sale, clients, time).await?,
            Pattern::Open(rate) => load::open(gateway, sale, rate, time).await?,
        };
        let generator = CpuSample::of_process(std::process::id()).since(&own).total();
        self.travellers = sale.travellers();
        self.acknowledged.extend(sale.take_acknowledged());
        if self.options.with_mailer {
            self.letters.expect(outcome.booked);
        }
        let letters = self.letters.behind().await?;
        let drained = self.letters.drain(patience).await?.map(|taken| taken.as_secs_f64());
        let after = self.look().await?;
        let (program, postgres) = self.used(&before, &after);
        Ok(WholeRound {
            outcome,
            program,
            postgres,
            generator,
            sink: after.sink.since(&before.sink).total(),
            sql: after.sql.since(&before.sql),
            behind: letters.behind,
            given_up: letters.given_up,
            drained,
        })
    }

    /// The data of an event of a paid booking.
    ///
    /// # Errors
    /// Where nothing was booked yet.
    pub async fn event(&self) -> anyhow::Result<String> {
        let event = "SELECT data::text AS words FROM events WHERE kind = 'booking.confirmed' LIMIT 1";
        self.database.words(event).await?.pop().context("no booking was confirmed")
    }

    /// Stops it, and looks whether all is as it must be: the invariants of booking hold, and what the clients were told
    /// of is there.
    ///
    /// # Errors
    /// Where it does not stop in order, or something is wrong.
    pub async fn finish(self, cluster: &Cluster) -> anyhow::Result<()> {
        let Self { program, database, acknowledged, letters, name, sink, .. } = self;
        program.stop().await?;
        drop((letters, sink));
        let report = booking::invariants::check(&database.config).await?;
        let broken: Vec<_> = report.broken.iter().map(|broken| broken.invariant).collect();
        ensure!(broken.is_empty(), "invariants are broken: {}", broken.join(", "));
        let mut lost = acknowledged.clone();
        for id in database.words("SELECT id::text AS words FROM bookings").await? {
            lost.remove(&id.parse()?);
        }
        ensure!(lost.is_empty(), "{} of {} acknowledged bookings are lost", lost.len(), acknowledged.len());
        eprintln!(
            "{name}: {} acknowledged bookings are there, and {} invariants hold",
            acknowledged.len(),
            report.invariants
        );
        drop(database);
        cluster.remove(name).await
    }
}

/// Processes of PostgreSQL that work for this database, and those that work for all; without the benchmark's own looks.
pub fn of_database(wanted: &str) -> impl Fn(&ProcessName) -> bool {
    move |name| name.name != LOOKING && name.database.as_deref().is_none_or(|database| database == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_processes_count_for_all_and_the_others_for_their_database() {
        let wanted = of_database("aerobus_up");
        let counts = |title: &str| wanted(&ProcessName::of(title));
        assert!(counts("postgres: walwriter "));
        assert!(counts("postgres: aerobus_mailer aerobus_up 127.0.0.1(1) idle"));
        assert!(!counts("postgres: aerobus_booking baseline 127.0.0.1(1) idle"));
        assert!(!counts("postgres: aerobus aerobus_up 127.0.0.1(1) idle"));
    }
}
