//! Live seat maps of another instance: two services over one database, with RabbitMQ between them. Seats
//! are booked on one, and followed on the other.

use super::{
    client::{HttpConnection, find},
    flights,
    sale::{self, Sale},
    service::{ServiceProcess, ServiceSettings, ServiceTuning},
    workload::Workload,
};
use crate::{
    cluster::{Cluster, ServiceDatabase},
    report::{ResultLine, rounded},
    statistics::Latencies,
};
use anyhow::{Context, bail};
use rand::RngExt;
use serde_json::{Value, json};
use servers::{RabbitMq, RabbitMqOptions};
use shared::ids::FlightId;
use std::{cell::RefCell, net::SocketAddr, rc::Rc, time::Duration};
use testkit::TokenIssuer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

/// Those who follow the flight at once, in one round and in the other.
const READERS: [usize; 2] = [1, 2000];
/// Seats booked a round.
const BOOKINGS: usize = 100;
/// Between two bookings, milliseconds: longer than events are gathered.
const GAP_MS: std::ops::Range<u64> = 100..200;
/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the events took, from two beginnings.
#[derive(Default)]
struct EventDelays {
    from_answer: Latencies,
    from_request: Latencies,
}

impl EventDelays {
    fn shown(&mut self) -> Value {
        let both = |latencies: &mut Latencies| {
            let mut at = |percent| rounded(latencies.percentile_ms(percent));
            json!({"p50_ms": at(50.0), "p99_ms": at(99.0), "most_ms": at(100.0)})
        };
        json!({"from_201": both(&mut self.from_answer), "from_request": both(&mut self.from_request)})
    }
}

/// Measures the time from a booking on one instance to its event on the other.
///
/// # Errors
/// Where something does not start, or an event does not come.
pub async fn measure(cluster: &Cluster, tuning: ServiceTuning) -> anyhow::Result<ResultLine> {
    // Two ends of each connection, one of them here.
    shared::service::raise_file_limit();
    eprintln!("live_seat_map: starting a private RabbitMQ ...");
    let base_dir = cluster.folder().join("broker");
    let starting = move || RabbitMq::start(RabbitMqOptions { base_dir, port: None });
    let broker = tokio::task::spawn_blocking(starting).await?.context("RabbitMQ did not start")?;
    let database = cluster.create("ours_live", "booking", booking::MIGRATIONS).await?;
    let issuer = TokenIssuer::new();
    let settings = ServiceSettings { amqp_url: Some(broker.url()), ..ServiceSettings::default() };
    // The first one publishes what both have to tell, so that the other's way is the longer one.
    let followed = ServiceProcess::start(&database, issuer.key_set(), tuning, settings.clone()).await?;
    let booked = ServiceProcess::start(&database, issuer.key_set(), tuning, settings).await?;
    let mut line = ResultLine {
        what: "live_seat_map".to_owned(),
        unit: "ms, p99 from the 201 on one instance to 2,000 readers on another",
        ..ResultLine::default()
    };
    for readers in READERS {
        eprintln!("live_seat_map: {readers} readers ...");
        let at = (booked.address, followed.address);
        let mut delays = round(&database, &issuer, at, readers).await?;
        line.p50_ms = Some(delays.from_answer.percentile_ms(50.0));
        line.p99_ms = Some(delays.from_answer.percentile_ms(99.0));
        line.ours = line.p99_ms;
        line.more.insert(format!("readers_{readers}"), delays.shown());
    }
    line.more.insert("bookings_a_round".to_owned(), json!(BOOKINGS));
    booked.stop().await?;
    followed.stop().await?;
    tokio::task::spawn_blocking(move || drop(broker)).await?;
    Ok(line)
}

/// Bookings on one instance while so many follow on the other.
async fn round(
    database: &ServiceDatabase,
    issuer: &TokenIssuer,
    (book_at, follow_at): (SocketAddr, SocketAddr),
    readers: usize,
) -> anyhow::Result<EventDelays> {
    let workload = Workload::Held;
    let flights = flights::store(database, 1, workload.layout()).await?;
    let flight = *flights.first().context("no flight")?;
    let seen = Rc::new(RefCell::new(Vec::with_capacity(readers * BOOKINGS)));
    let mut following = JoinSet::new();
    for _ in 0..readers {
        let mut reader =
            timeout(PATIENCE, SeatStreamReader::open(follow_at, flight)).await.context("no stream")??;
        let seen = seen.clone();
        following.spawn_local(async move {
            let mut known = 0;
            while known < BOOKINGS {
                let version = reader.next().await?;
                let now = Instant::now();
                // One event may tell of several.
                seen.borrow_mut().extend((known..version).map(|booking| (booking, now)));
                known = version;
            }
            anyhow::Ok(())
        });
    }
    let mut sale = Sale::new(workload, flights, sale::tokens(issuer), 0);
    let mut connection = HttpConnection::open(book_at).await?;
    let (mut request, mut times) = (Vec::new(), Vec::with_capacity(BOOKINGS));
    while times.len() < BOOKINGS {
        sleep(Duration::from_millis(rand::rng().random_range(GAP_MS))).await;
        sale.request_on(&mut request, 0);
        let began = Instant::now();
        let answer = timeout(PATIENCE, connection.send(&request)).await.context("no answer")??;
        if answer.status != 201 {
            bail!("a booking was answered with {}", answer.status);
        }
        times.push((began, Instant::now()));
    }
    let ending = async {
        while let Some(joined) = following.join_next().await {
            joined??;
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, ending).await.context("an event did not come")??;
    let mut delays = EventDelays::default();
    for (booking, at) in seen.take() {
        let Some((began, answered)) = times.get(booking) else { continue };
        delays.from_request.record(at.saturating_duration_since(*began));
        delays.from_answer.record(at.saturating_duration_since(*answered));
    }
    Ok(delays)
}

/// Follows a flight's seats, and reads no more of the events than their names and versions.
struct SeatStreamReader {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl SeatStreamReader {
    /// Begins to follow; ready when the whole map has come.
    async fn open(address: SocketAddr, flight: FlightId) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        let path = format!("/api/v1/flights/{flight}/seat-map/events");
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).await?;
        let mut reader = Self { stream, buffer: Vec::with_capacity(16 * 1024) };
        while reader.event().await?.0 != "snapshot" {}
        Ok(reader)
    }

    /// The version of the next change.
    async fn next(&mut self) -> anyhow::Result<usize> {
        loop {
            let (name, version) = self.event().await?;
            if name == "seats" {
                return Ok(version);
            }
        }
    }

    async fn event(&mut self) -> anyhow::Result<(String, usize)> {
        loop {
            if let Some((event, end)) = event(&self.buffer) {
                self.buffer.drain(..end);
                return Ok(event);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("a stream has ended");
            }
        }
    }
}

/// The first complete event: its name and version, and where it ends. What frames it on its way is passed
/// over.
fn event(bytes: &[u8]) -> Option<((String, usize), usize)> {
    let begin = find(bytes, b"event: ")?;
    let end = begin + find(&bytes[begin..], b"\n\n")? + 2;
    let text = String::from_utf8_lossy(&bytes[begin..end]);
    let name = text.lines().find_map(|line| line.strip_prefix("event: "))?;
    let version = text.lines().find_map(|line| line.strip_prefix("id: "))?;
    Some(((name.to_owned(), version.parse().ok()?), end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_in_their_frames() {
        let stream = b"HTTP/1.1 200 OK\r\n\r\ne\r\nretry: 1000\n\n\r\n1f\r\nevent: seats\nid: 12\ndata: {}\n\n\r\nc\r\n: heartbeat\n\n";
        let (found, end) = event(stream).unwrap();
        assert_eq!(found, ("seats".to_owned(), 12));
        assert!(event(&stream[end..]).is_none());
        assert!(event(&stream[..end - 1]).is_none(), "it is not complete");
    }
}
