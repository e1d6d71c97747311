//! What `./dev bench flight` can be told, and what is measured on.

use super::network::Network;
use chrono::{Days, NaiveDate, Utc};
use std::{path::PathBuf, time::Duration};

pub(super) const INDEX: &str = "index";
pub(super) const RAPTOR: &str = "raptor";
pub(super) const HTTP: &str = "http";

/// All that is measured.
pub(super) const ALL: [&str; 3] = [INDEX, RAPTOR, HTTP];

/// What can be set.
#[derive(Debug, Clone, clap::Args)]
pub struct FlightOptions {
    /// A tenth of the flights and short rounds, for development: the figures are rough
    #[arg(long)]
    pub quick: bool,
    /// Only these, separated by commas: index, raptor, http
    #[arg(long, value_delimiter = ',', value_parser = ALL)]
    pub only: Vec<String>,
    /// Days of 1,500 flights each
    #[arg(long, default_value_t = 334)]
    pub days: u64,
    /// Questions of each kind
    #[arg(long, default_value_t = 5000)]
    pub questions: usize,
    /// Rounds of each side over HTTP
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Seconds a round
    #[arg(long, default_value_t = 3)]
    pub seconds: u64,
    /// Clients over HTTP, each of which asks again as soon as it is answered
    #[arg(long, default_value_t = 32)]
    pub clients: usize,
    /// Where the server's data go meanwhile
    #[arg(long, default_value = ".aerobus")]
    pub data_dir: PathBuf,
}

impl FlightOptions {
    pub(super) fn wants(&self, what: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == what)
    }

    /// Days of flights.
    #[must_use]
    pub fn days(&self) -> u64 {
        let days = self.days.max(10);
        if self.quick { days.div_ceil(10).max(10) } else { days }
    }

    /// Questions of each kind.
    #[must_use]
    pub fn questions(&self) -> usize {
        let questions = self.questions.max(100);
        if self.quick { questions.min(500) } else { questions }
    }

    /// Rounds of each side.
    #[must_use]
    pub fn rounds(&self) -> usize {
        if self.quick { 2 } else { self.rounds.max(1) }
    }

    /// How long a round takes.
    #[must_use]
    pub fn time(&self) -> Duration {
        Duration::from_secs(if self.quick { 1 } else { self.seconds.max(1) })
    }
}

/// What is measured on.
pub struct FlightBench {
    /// The options.
    pub options: FlightOptions,
    /// The network.
    pub network: Network,
    /// The first of its days: far enough ahead that all of it can be booked.
    pub first: NaiveDate,
}

impl FlightBench {
    pub(super) fn new(options: FlightOptions) -> Self {
        let first = Utc::now().date_naive().checked_add_days(Days::new(2)).unwrap_or_default();
        Self { options, network: Network::new(7), first }
    }
}
