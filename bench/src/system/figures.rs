//! What the rounds of one side have brought and cost, added up.

use super::{cpu::CpuUsage, sql::SqlUsage};
use crate::{
    booking::load::LoadOutcome,
    report::rounded,
    statistics::{Latencies, median},
};
use serde_json::{Map, Value, json};

/// A round of the whole.
#[derive(Debug, Clone, Default)]
pub struct WholeRound {
    /// What the clients have seen.
    pub outcome: LoadOutcome,
    /// What the program and its children have used, until all letters were sent.
    pub program: CpuUsage,
    /// What PostgreSQL has used for it until then.
    pub postgres: CpuUsage,
    /// What the load generator has used, nanoseconds.
    pub generator: u64,
    /// What the mail server has used until then, nanoseconds.
    pub sink: u64,
    /// Statements and write-ahead log until then.
    pub sql: SqlUsage,
    /// Letters that were still to be sent when the load ended.
    pub behind: i64,
    /// Letters that were given up.
    pub given_up: i64,
    /// Seconds until all were sent; nothing where that was not waited for any longer.
    pub drained: Option<f64>,
}

/// Rounds of the whole, all with the same number of clients.
#[derive(Debug, Clone, Default)]
pub struct WholeFigures {
    /// Bookings a second, of each round.
    pub rates: Vec<f64>,
    /// What the clients have seen in all rounds.
    pub outcome: LoadOutcome,
    /// Transactions, those of an idle installation left out.
    pub transactions: f64,
    program: CpuUsage,
    postgres: CpuUsage,
    generator: u64,
    sink: u64,
    /// Statements and write-ahead log.
    pub sql: SqlUsage,
    behind: Vec<i64>,
    given_up: i64,
    drained: Vec<Option<f64>>,
}

/// Processor time of a booking, microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CpuPerBooking {
    /// Of our processes.
    pub aerobus: f64,
    /// Of PostgreSQL's.
    pub postgres: f64,
    /// Of RabbitMQ's.
    pub broker: f64,
    /// Of the mail server.
    pub sink: f64,
    /// Of the load generator.
    pub generator: f64,
}

impl CpuPerBooking {
    /// What counts: ours and PostgreSQL's.
    #[must_use]
    pub fn counted(&self) -> f64 {
        self.aerobus + self.postgres
    }
}

/// Whether a process of the program's tree is ours; the others are RabbitMQ's.
#[must_use]
pub fn is_ours(name: &super::process_names::ProcessName) -> bool {
    name.name.starts_with("aerobus")
}

impl WholeFigures {
    /// Adds a round.
    pub fn add(&mut self, round: &WholeRound) {
        self.rates.push(round.outcome.rate());
        self.outcome.add(&round.outcome);
        self.program.add(&round.program);
        self.postgres.add(&round.postgres);
        self.generator += round.generator;
        self.sink += round.sink;
        self.sql.add(&round.sql);
        self.behind.push(round.behind);
        self.given_up += round.given_up;
        self.drained.push(round.drained);
    }

    /// Bookings a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        median(&self.rates)
    }

    /// What a booking costs.
    #[must_use]
    pub fn cpu(&self) -> CpuPerBooking {
        let micros = |nanos| micros_each(nanos, self.outcome.booked);
        CpuPerBooking {
            aerobus: micros(self.program.of(is_ours).total()),
            postgres: micros(self.postgres.total()),
            broker: micros(self.program.of(|name| !is_ours(name)).total()),
            sink: micros(self.sink),
            generator: micros(self.generator),
        }
    }

    /// Of each process of ours its threads, and of PostgreSQL its processes by role, microseconds a booking, the
    /// dearest first; what costs less than a microsecond is left out.
    #[must_use]
    pub fn cpu_by_thread(&self) -> Vec<(String, Vec<(String, f64)>)> {
        let micros = |named: Vec<(String, u64)>| {
            let each = named.into_iter().map(|(name, nanos)| (name, micros_each(nanos, self.outcome.booked)));
            each.filter(|(_, micros)| *micros >= 1.0).collect::<Vec<_>>()
        };
        let processes = self.program.by_process().into_iter();
        let mut all: Vec<_> =
            processes.map(|(name, _)| (name.clone(), micros(self.program.threads_of(&name)))).collect();
        let postgres = micros(self.postgres.by_process());
        let short = |name: String| name.strip_prefix("postgres ").map_or(name.clone(), str::to_owned);
        all.push((
            "postgres".to_owned(),
            postgres.into_iter().map(|(name, cost)| (short(name), cost)).collect(),
        ));
        all.retain(|(_, threads)| !threads.is_empty());
        all
    }

    /// Transactions, statements and log of a booking.
    #[must_use]
    pub fn sql_shown(&self) -> Value {
        let each = |count: i64| rounded(each(count, self.outcome.booked));
        json!({
            "transactions": rounded(self.transactions / number(self.outcome.booked.max(1))),
            "statements": each(self.sql.calls()), "wal_bytes": each(self.sql.wal_bytes),
        })
    }

    /// Rounds whose letters were not sent in time.
    #[must_use]
    pub fn not_drained(&self) -> usize {
        self.drained.iter().filter(|drained| drained.is_none()).count()
    }

    /// Letters behind, and how long it took to send them.
    #[must_use]
    pub fn letters_shown(&self) -> Value {
        let not_in_time = self.not_drained();
        let seconds: Vec<f64> = self.drained.iter().flatten().map(|seconds| rounded(*seconds)).collect();
        json!({
            "behind_at_the_end": self.behind, "drained_after_s": seconds, "rounds_not_drained": not_in_time,
            "given_up": self.given_up,
        })
    }

    /// The most letters that were behind at the end of a round.
    #[must_use]
    pub fn most_behind(&self) -> i64 {
        self.behind.iter().copied().max().unwrap_or(0)
    }
}

/// A round of the plain design.
#[derive(Debug, Clone, Default)]
pub struct PlainRound {
    /// Bookings a second.
    pub rate: f64,
    /// How long they took.
    pub latencies: Latencies,
    /// What PostgreSQL has used while all clients were at work.
    pub postgres: CpuUsage,
    /// Bookings of that time.
    pub booked: usize,
    /// Statements and write-ahead log of that time.
    pub sql: SqlUsage,
}

/// Rounds of the plain design, all with the same number of clients.
#[derive(Debug, Clone, Default)]
pub struct PlainFigures {
    /// Bookings a second, of each round.
    pub rates: Vec<f64>,
    /// How long all bookings took.
    pub latencies: Latencies,
    postgres: CpuUsage,
    booked: usize,
    sql: SqlUsage,
}

impl PlainFigures {
    /// Adds a round.
    pub fn add(&mut self, round: &PlainRound) {
        self.rates.push(round.rate);
        self.latencies.add(&round.latencies);
        self.postgres.add(&round.postgres);
        self.booked += round.booked;
        self.sql.add(&round.sql);
    }

    /// Bookings a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        median(&self.rates)
    }

    /// Microseconds of PostgreSQL a booking.
    #[must_use]
    pub fn cpu(&self) -> f64 {
        micros_each(self.postgres.total(), self.booked)
    }

    /// Statements and log of a booking, which is two transactions.
    #[must_use]
    pub fn sql_shown(&self) -> Value {
        let each = |count: i64| rounded(each(count, self.booked));
        json!({"statements": each(self.sql.calls()), "wal_bytes": each(self.sql.wal_bytes)})
    }
}

/// A table of names and costs as JSON.
#[must_use]
pub fn costs_json(costs: &[(String, f64)]) -> Value {
    let rounded = costs.iter().map(|(name, cost)| (name.clone(), json!(rounded(*cost))));
    rounded.collect::<Map<_, _>>().into()
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn number(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn each(count: i64, bookings: usize) -> f64 {
    count as f64 / number(bookings.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn micros_each(nanos: u64, bookings: usize) -> f64 {
    nanos as f64 / 1000.0 / number(bookings.max(1))
}
