//! The load: a closed loop of clients, or arrivals on a schedule.

use super::{
    client::{HttpAnswer, HttpConnection, text_of},
    sale::{Sale, SaleRequest},
};
use crate::statistics::Latencies;
use anyhow::Context;
use rand::RngExt;
use std::{cell::RefCell, collections::BTreeMap, net::SocketAddr, rc::Rc, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

/// How long an answer may take before the client gives up.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a load has brought.
#[derive(Debug, Clone, Default)]
pub struct LoadOutcome {
    /// Bookings made.
    pub booked: usize,
    /// Answers without a booking, by their code.
    pub refused: BTreeMap<String, usize>,
    /// Faults of the service (5xx), and answers that did not come, by what they said.
    pub faults: BTreeMap<String, usize>,
    /// How long bookings took.
    pub latencies: Latencies,
    /// How long it took to be told that the service is overloaded, for those who came at the very beginning,
    /// all at the same instant.
    pub overloaded_at_once: Latencies,
    /// The same for the others.
    pub overloaded: Latencies,
    /// How long it lasted.
    pub lasted: Duration,
    /// Whether there were no flights left to sell, which ends a load early.
    pub sold_out: bool,
}

impl LoadOutcome {
    /// Bookings a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let booked = self.booked as f64;
        booked / self.lasted.as_secs_f64().max(0.001)
    }

    /// Adds what another has brought, but not how long it lasted.
    pub fn add(&mut self, other: &Self) {
        self.booked += other.booked;
        for (code, count) in &other.refused {
            *self.refused.entry(code.clone()).or_default() += count;
        }
        for (fault, count) in &other.faults {
            *self.faults.entry(fault.clone()).or_default() += count;
        }
        self.latencies.add(&other.latencies);
        self.overloaded_at_once.add(&other.overloaded_at_once);
        self.overloaded.add(&other.overloaded);
        self.sold_out |= other.sold_out;
    }
}

/// What the clients of a load share; all of them run on one thread.
struct SharedLoad {
    sale: Sale,
    outcome: LoadOutcome,
}

impl SharedLoad {
    /// Notes an answer; gives when the client comes again: if it was told when, up to a second later.
    fn note(
        &mut self,
        asked: SaleRequest,
        answer: HttpAnswer<'_>,
        (is_first, taken): (bool, Duration),
    ) -> Duration {
        if answer.status == 201 {
            self.outcome.booked += 1;
            self.outcome.latencies.record(taken);
            self.sale.acknowledged(text_of(answer.body, "id"));
            self.sale.sold(asked, text_of(answer.body, "designator"));
            return Duration::ZERO;
        }
        let code = text_of(answer.body, "code").unwrap_or("no code").to_owned();
        match code.as_str() {
            "seat_taken" => self.sale.taken(asked),
            "flight_full" => self.sale.full(asked),
            _ => {}
        }
        let overloaded = code == "overloaded";
        let is_fault = answer.status >= 500 && !overloaded;
        let kind = if is_fault { &mut self.outcome.faults } else { &mut self.outcome.refused };
        *kind.entry(format!("{} {code}", answer.status)).or_default() += 1;
        if !overloaded {
            return Duration::ZERO;
        }
        match is_first {
            true => self.outcome.overloaded_at_once.record(taken),
            false => self.outcome.overloaded.record(taken),
        }
        let share: f64 = rand::rng().random_range(0.0..1.0);
        Duration::from_secs(answer.retry_after.unwrap_or_default()) + Duration::from_secs_f64(share)
    }

    fn fault(&mut self, error: &anyhow::Error) {
        *self.outcome.faults.entry(error.to_string()).or_default() += 1;
    }
}

/// A request: what it asks for, whether it is the first of its client, and when its time began.
type Sent = (SaleRequest, bool, Instant);

/// Sends one request and notes its answer. A connection that failed is opened anew. Gives when the client
/// comes again.
async fn exchange(
    connection: &mut HttpConnection,
    address: SocketAddr,
    request: &[u8],
    (asked, is_first, began): Sent,
    shared: &RefCell<SharedLoad>,
) -> anyhow::Result<Duration> {
    let failed = match timeout(PATIENCE, connection.send(request)).await {
        Ok(Ok(answer)) => return Ok(shared.borrow_mut().note(asked, answer, (is_first, began.elapsed()))),
        Ok(Err(error)) => error,
        Err(_) => anyhow::anyhow!("no answer within {} s", PATIENCE.as_secs()),
    };
    shared.borrow_mut().fault(&failed);
    *connection = HttpConnection::open(address).await.context("the service is gone")?;
    Ok(Duration::ZERO)
}

/// So many clients, each of which asks again as soon as it is answered. Must run within a `LocalSet`.
/// Gives the sale back as it was left.
///
/// # Errors
/// Where the service cannot be reached.
pub async fn closed(
    address: SocketAddr,
    sale: Sale,
    clients: usize,
    time: Duration,
) -> anyhow::Result<(LoadOutcome, Sale)> {
    let shared = Rc::new(RefCell::new(SharedLoad { sale, outcome: LoadOutcome::default() }));
    let mut connections = Vec::with_capacity(clients);
    for _ in 0..clients {
        connections.push(HttpConnection::open(address).await?);
    }
    let began = Instant::now();
    let end = began + time;
    let mut tasks = JoinSet::new();
    for mut connection in connections {
        let shared = shared.clone();
        tasks.spawn_local(async move {
            let (mut request, mut is_first) = (Vec::with_capacity(2048), true);
            loop {
                let now = Instant::now();
                if now >= end {
                    return Ok(());
                }
                let asked = shared.borrow_mut().sale.request(&mut request);
                let Some(asked) = asked else {
                    shared.borrow_mut().outcome.sold_out = true;
                    return Ok(());
                };
                let sent = (asked, std::mem::take(&mut is_first), now);
                let pause = exchange(&mut connection, address, &request, sent, &shared).await?;
                if !pause.is_zero() {
                    sleep_until((Instant::now() + pause).min(end)).await;
                }
            }
        });
    }
    finish(tasks, shared, began).await
}

/// Arrivals at a steady rate on average (exponential gaps), as travellers come: each is served by the
/// next idle client, and its time counts from when it should have been sent.
///
/// # Errors
/// Where the service cannot be reached.
pub async fn open(
    address: SocketAddr,
    sale: Sale,
    rate: f64,
    time: Duration,
) -> anyhow::Result<(LoadOutcome, Sale)> {
    /// More than ever wait at half of the peak rate; beyond it arrivals wait for a client, which counts.
    const CLIENTS: usize = 256;
    let shared = Rc::new(RefCell::new(SharedLoad { sale, outcome: LoadOutcome::default() }));
    let mut connections = Vec::with_capacity(CLIENTS);
    for _ in 0..CLIENTS {
        connections.push(HttpConnection::open(address).await?);
    }
    let began = Instant::now();
    let arrivals = Rc::new(RefCell::new(ArrivalSchedule { next: began, end: began + time, rate }));
    let mut tasks = JoinSet::new();
    for mut connection in connections {
        let (shared, arrivals) = (shared.clone(), arrivals.clone());
        tasks.spawn_local(async move {
            let mut request = Vec::with_capacity(2048);
            loop {
                let Some(due) = arrivals.borrow_mut().draw() else { return Ok(()) };
                sleep_until(due).await;
                let asked = shared.borrow_mut().sale.request(&mut request);
                let Some(asked) = asked else {
                    shared.borrow_mut().outcome.sold_out = true;
                    return Ok(());
                };
                exchange(&mut connection, address, &request, (asked, false, due), &shared).await?;
            }
        });
    }
    finish(tasks, shared, began).await
}

/// When travellers arrive.
struct ArrivalSchedule {
    next: Instant,
    end: Instant,
    rate: f64,
}

impl ArrivalSchedule {
    fn draw(&mut self) -> Option<Instant> {
        let share: f64 = rand::rng().random_range(f64::EPSILON..1.0);
        let due = self.next;
        self.next += Duration::from_secs_f64(-share.ln() / self.rate.max(0.001));
        (due < self.end).then_some(due)
    }
}

/// Asks, one request after the other, for seats that are taken; gives the outcome, whose latencies are
/// those of the refusals.
///
/// # Errors
/// Where the service cannot be reached.
pub async fn refusals(
    address: SocketAddr,
    sale: Sale,
    time: Duration,
) -> anyhow::Result<(LoadOutcome, Sale)> {
    let shared = RefCell::new(SharedLoad { sale, outcome: LoadOutcome::default() });
    let mut connection = HttpConnection::open(address).await?;
    let mut request = Vec::with_capacity(2048);
    let began = Instant::now();
    let mut latencies = Latencies::default();
    while began.elapsed() < time {
        let asked = shared.borrow_mut().sale.request_taken(&mut request);
        let asked = asked.context("no seat is sold that could be asked for")?;
        let sent = Instant::now();
        exchange(&mut connection, address, &request, (asked, false, sent), &shared).await?;
        latencies.record(sent.elapsed());
    }
    let SharedLoad { sale, mut outcome } = shared.into_inner();
    outcome.latencies = latencies;
    outcome.lasted = began.elapsed();
    Ok((outcome, sale))
}

async fn finish(
    mut tasks: JoinSet<anyhow::Result<()>>,
    shared: Rc<RefCell<SharedLoad>>,
    began: Instant,
) -> anyhow::Result<(LoadOutcome, Sale)> {
    while let Some(joined) = tasks.join_next().await {
        joined??;
    }
    let shared = Rc::into_inner(shared).context("a client is still running")?;
    let SharedLoad { sale, mut outcome } = shared.into_inner();
    outcome.lasted = began.elapsed();
    Ok((outcome, sale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_come_at_their_rate() {
        let now = Instant::now();
        let mut arrivals = ArrivalSchedule { next: now, end: now + Duration::from_secs(20), rate: 1000.0 };
        let drawn: Vec<_> = std::iter::from_fn(|| arrivals.draw()).collect();
        assert!((19_000..21_000).contains(&drawn.len()), "{}", drawn.len());
        assert!(drawn.is_sorted());
    }

    #[test]
    fn outcomes_add_up() {
        let mut outcome = LoadOutcome { booked: 3, lasted: Duration::from_secs(2), ..LoadOutcome::default() };
        outcome.refused.insert("409 seat_taken".to_owned(), 1);
        let other = outcome.clone();
        outcome.add(&other);
        assert_eq!(outcome.booked, 6);
        assert_eq!(outcome.refused["409 seat_taken"], 2);
        assert_eq!(outcome.rate(), 3.0);
    }
}
