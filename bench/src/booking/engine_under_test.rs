//! Our side: the service over a database, the load on it, and what its metrics and tables then say.

use super::{
    client::HttpConnection,
    load::{self, LoadOutcome},
    sale::{self, Sale},
    service::{ServiceProcess, ServiceSettings, ServiceTuning},
    workload::Workload,
};
use crate::cluster::ServiceDatabase;
use anyhow::Context;
use serde_json::{Value, json};
use shared::ids::{BookingId, FlightId};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use testkit::TokenIssuer;

/// The most that is believed of a round: flights are put on sale for it.
const MOST: usize = 15_000;

/// A running service over a database, and its customers.
pub struct EngineUnderTest {
    service: ServiceProcess,
    database: ServiceDatabase,
    issuer: TokenIssuer,
    travellers: u64,
    sold: BTreeMap<FlightId, (usize, usize)>,
    /// The bookings that the clients were told of.
    acknowledged: BTreeSet<BookingId>,
}

/// How a load comes.
#[derive(Debug, Clone, Copy)]
pub enum Pattern {
    /// So many clients, each of which asks again as soon as it is answered.
    Closed(usize),
    /// So many arrivals a second.
    Open(f64),
}

/// A round of ours.
#[derive(Debug, Clone, Default)]
pub struct EngineRound {
    /// What the clients have seen.
    pub outcome: LoadOutcome,
    /// Commands in a commit on average.
    pub commands_per_commit: f64,
    /// How long a transaction of the ledger took on average, its commit included, milliseconds.
    pub transaction_ms: f64,
}

/// Seats sold, against what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatCount {
    /// Seats of live bookings, as their passengers have them.
    pub sold: i64,
    /// Of flights of which any seat was sold.
    pub capacity: i64,
    /// Seats that two passengers have.
    pub twice: i64,
    /// Flights with more seats sold than they have.
    pub over: i64,
    /// Bookings that the clients were told of and that are not in the database.
    pub lost: i64,
}

impl SeatCount {
    /// For the printed line.
    #[must_use]
    pub fn shown(&self) -> Value {
        json!({
            "sold": self.sold, "capacity": self.capacity, "sold_twice": self.twice,
            "flights_oversold": self.over, "acknowledged_and_lost": self.lost,
        })
    }

    /// Fails a run in which a seat was sold twice, or a booking lost.
    ///
    /// # Errors
    /// Then, with what is wrong.
    pub fn check(&self) -> anyhow::Result<()> {
        let Self { twice, over, lost, .. } = self;
        anyhow::ensure!(
            [twice, over, lost] == [&0; 3],
            "{twice} seats were sold twice, {over} flights oversold, {lost} acknowledged bookings lost"
        );
        Ok(())
    }
}

impl EngineUnderTest {
    /// Starts the service over this database.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn start(database: ServiceDatabase, tuning: ServiceTuning) -> anyhow::Result<Self> {
        let issuer = TokenIssuer::new();
        let service =
            ServiceProcess::start(&database, issuer.key_set(), tuning, ServiceSettings::default()).await?;
        Ok(Self {
            service,
            database,
            issuer,
            travellers: 0,
            sold: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
        })
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &ServiceDatabase {
        &self.database
    }

    /// Flights that a round of so many seconds may need.
    #[must_use]
    pub fn flights(workload: Workload, seconds: u64) -> usize {
        workload.flights(seconds, MOST)
    }

    /// New flights and customers, whose tokens are good for a quarter of an hour.
    ///
    /// # Errors
    /// Where the service does not take the flights.
    pub async fn sale(&mut self, workload: Workload, seconds: u64) -> anyhow::Result<Sale> {
        let count = Self::flights(workload, seconds);
        let flights = self.service.publish(count, workload.layout()).await?;
        Ok(Sale::new(workload, flights, sale::tokens(&self.issuer), self.travellers))
    }

    /// A round on new flights.
    ///
    /// # Errors
    /// Where the service cannot be reached any more.
    pub async fn round(
        &mut self,
        workload: Workload,
        pattern: Pattern,
        seconds: u64,
    ) -> anyhow::Result<EngineRound> {
        let sale = self.sale(workload, seconds).await?;
        self.load(workload, sale, pattern, seconds).await.map(|(round, _)| round)
    }

    /// A round on these flights; gives them back as they were left.
    ///
    /// # Errors
    /// Where the service cannot be reached any more.
    pub async fn load(
        &mut self,
        workload: Workload,
        sale: Sale,
        pattern: Pattern,
        seconds: u64,
    ) -> anyhow::Result<(EngineRound, Sale)> {
        let before = self.metrics().await?;
        let time = Duration::from_secs(seconds);
        let (outcome, mut sale) = match pattern {
            Pattern::Closed(clients) => load::closed(self.service.address, sale, clients, time).await?,
            Pattern::Open(rate) => load::open(self.service.address, sale, rate, time).await?,
        };
        let after = self.metrics().await?;
        self.travellers = sale.travellers();
        self.acknowledged.extend(sale.take_acknowledged());
        let capacity = workload.layout().capacity();
        self.sold.extend(sale.flights().map(|(id, sold)| (id, (sold, capacity))));
        let grown = |name: &str| value_of(&after, name) - value_of(&before, name);
        let commits = grown("ledger_batch_commands_count").max(1.0);
        let commands_per_commit = grown("ledger_batch_commands_sum") / commits;
        let transaction_ms = grown("ledger_batch_seconds_sum") / commits * 1000.0;
        Ok((EngineRound { outcome, commands_per_commit, transaction_ms }, sale))
    }

    /// Asks for taken seats for a while; gives the outcome and the service's own median time of these
    /// requests, milliseconds, out of its histogram.
    ///
    /// # Errors
    /// Where the service cannot be reached any more.
    pub async fn refusals(&mut self, sale: Sale, seconds: u64) -> anyhow::Result<(LoadOutcome, f64)> {
        let before = self.metrics().await?;
        let (outcome, sale) =
            load::refusals(self.service.address, sale, Duration::from_secs(seconds)).await?;
        let after = self.metrics().await?;
        self.travellers = sale.travellers();
        let inside = histogram_median(&before, &after, "http_request_seconds", "/api/v1/bookings\"");
        Ok((outcome, inside.context("the service does not measure its requests")? * 1000.0))
    }

    async fn metrics(&self) -> anyhow::Result<String> {
        let mut connection = HttpConnection::open(self.service.metrics).await?;
        let answer = connection.send(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
        Ok(String::from_utf8_lossy(answer.body).into_owned())
    }

    /// The data of some event of this kind.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn event(&self, kind: &str) -> anyhow::Result<String> {
        let query = format!("SELECT data::text AS words FROM events WHERE kind = '{kind}' LIMIT 1");
        self.database.words(&query).await?.pop().with_context(|| format!("no event {kind} was told"))
    }

    /// Compares what was sold with what there is, and with what the clients know.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn seats(&self) -> anyhow::Result<SeatCount> {
        let held = "SELECT s.flight_id, p.seats[1 + s.position] AS seat FROM bookings b JOIN segments s ON s.booking_id = b.id \
                    JOIN passengers p ON p.booking_id = b.id WHERE b.status IN (0, 1) AND p.seats[1 + s.position] IS NOT NULL";
        let count = |what: &str| format!("WITH held AS ({held}) SELECT {what} AS number FROM held");
        let sold = self.database.number(&count("count(*)")).await?;
        let distinct = self.database.number(&count("count(DISTINCT (flight_id, seat))")).await?;
        let per_flight = format!(
            "WITH held AS ({held}) SELECT flight_id || ' ' || count(*) AS words FROM held GROUP BY flight_id"
        );
        let (mut capacity, mut over) = (0, 0);
        for row in self.database.words(&per_flight).await? {
            let (id, count) = row.split_once(' ').context("a row of two words")?;
            let (id, count): (FlightId, usize) = (id.parse()?, count.parse()?);
            // Of others, stored before, the client knows nothing.
            let Some((_, seats)) = self.sold.get(&id) else { continue };
            capacity += i64::try_from(*seats)?;
            over += i64::from(count > *seats);
        }
        let lost = i64::try_from(self.lost().await?)?;
        Ok(SeatCount { sold, capacity, twice: sold - distinct, over, lost })
    }

    /// How many of the bookings that the clients were told of are not in the database.
    async fn lost(&self) -> anyhow::Result<usize> {
        let Some(first) = self.acknowledged.first() else { return Ok(0) };
        // Ids begin with their time: what was stored before is left out.
        let query = format!("SELECT id::text AS words FROM bookings WHERE id >= '{first}'");
        let mut lost = self.acknowledged.clone();
        for id in self.database.words(&query).await? {
            lost.remove(&id.parse()?);
        }
        Ok(lost.len())
    }

    /// Stops the service.
    ///
    /// # Errors
    /// Where it does not stop in order.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.service.stop().await
    }
}

/// The value of a metric without labels; zero where it has none yet.
pub(super) fn value_of(metrics: &str, name: &str) -> f64 {
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
}

/// The buckets of a histogram whose labels contain a text: upper bounds in seconds and cumulative counts.
fn buckets(metrics: &str, name: &str, label: &str) -> Vec<(f64, f64)> {
    let prefix = format!("{name}_bucket{{");
    let lines = metrics.lines().filter_map(|line| line.strip_prefix(&prefix));
    lines
        .filter(|line| line.contains(label))
        .filter_map(|line| {
            let bound = line.split("le=\"").nth(1)?.split('"').next()?;
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? };
            Some((bound, line.rsplit(' ').next()?.parse().ok()?))
        })
        .collect()
}

/// The median of what came between two looks at a histogram, interpolated within its bucket, seconds.
fn histogram_median(before: &str, after: &str, name: &str, label: &str) -> Option<f64> {
    let before: Vec<_> = buckets(before, name, label);
    let counts: Vec<(f64, f64)> = buckets(after, name, label)
        .into_iter()
        .map(|(bound, count)| {
            let earlier = before.iter().find(|(other, _)| *other == bound).map_or(0.0, |(_, count)| *count);
            (bound, count - earlier)
        })
        .collect();
    let middle = counts.last()?.1 / 2.0;
    let index = counts.iter().position(|(_, count)| *count >= middle && middle > 0.0)?;
    let (lower, below) = index.checked_sub(1).map_or((0.0, 0.0), |index| counts[index]);
    let (upper, up_to) = counts[index];
    if upper.is_infinite() {
        return Some(lower);
    }
    Some(lower + (upper - lower) * (middle - below) / (up_to - below).max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_read() {
        let text = "# TYPE a summary\nledger_batch_commands_sum 420\nledger_batch_commands_count 21\n";
        assert_eq!(value_of(text, "ledger_batch_commands_sum"), 420.0);
        assert_eq!(value_of(text, "ledger_batch_commands_count"), 21.0);
        assert_eq!(value_of(text, "ledger_batch"), 0.0);
    }

    #[test]
    fn the_median_of_a_histogram_is_of_what_came_since() {
        let text = |counts: [u32; 3]| {
            format!(
                "h_bucket{{route=\"/x\",le=\"0.001\"}} {}\nh_bucket{{route=\"/x\",le=\"0.002\"}} {}\nh_bucket{{route=\"/x\",le=\"+Inf\"}} {}\n\
                 h_bucket{{route=\"/y\",le=\"0.001\"}} 7\n",
                counts[0], counts[1], counts[2]
            )
        };
        let median = |before, after| histogram_median(&text(before), &text(after), "h", "/x\"").unwrap();
        assert!((median([0, 0, 0], [10, 10, 10]) - 0.0005).abs() < 1e-9);
        assert!((median([10, 10, 10], [10, 20, 20]) - 0.0015).abs() < 1e-9);
        assert!((median([0, 0, 0], [0, 0, 4]) - 0.002).abs() < 1e-9);
        assert!(histogram_median("", "", "h", "/x").is_none());
    }
}
