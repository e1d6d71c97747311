//! A client that books and cancels one seat again and again on an instance, while another one dies.

use crate::{flights, requests::UserClient};
use serde_json::json;
use shared::ids::FlightId;
use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

/// How long a cancellation may take until the test fails.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(30);
/// The probe's own seat.
const SEAT: &str = "30F";

/// See the module.
pub(crate) struct AvailabilityProbe {
    stopping: Rc<Cell<bool>>,
    task: JoinHandle<ProbeResult>,
}

/// What a probe has seen.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ProbeResult {
    pub(crate) successes: usize,
    /// The longest time from one success to the next.
    pub(crate) longest: Duration,
}

impl AvailabilityProbe {
    /// Starts a probe on a flight.
    pub(crate) fn start(client: UserClient, flight: FlightId) -> Self {
        let stopping = Rc::new(Cell::new(false));
        let task = actix_web::rt::spawn(run(client, flight, stopping.clone()));
        Self { stopping, task }
    }

    /// Stops it after its present booking.
    pub(crate) async fn stop(self) -> ProbeResult {
        self.stopping.set(true);
        self.task.await.unwrap()
    }
}

async fn run(client: UserClient, flight: FlightId, stopping: Rc<Cell<bool>>) -> ProbeResult {
    let mut seen = ProbeResult::default();
    let mut last = Instant::now();
    let mut succeeded = |seen: &mut ProbeResult| {
        seen.successes += 1;
        seen.longest = seen.longest.max(last.elapsed());
        last = Instant::now();
    };
    while !stopping.get() {
        let body = flights::booking(flight, 900_000 + seen.successes, Some(SEAT), None);
        let Ok(held) = client.post("/api/v1/bookings", None, &body).await else { continue };
        if held.status != 201 {
            assert_eq!(held.status, 503, "{:?}", held.json);
            continue;
        }
        succeeded(&mut seen);
        let cancel = format!("/api/v1/bookings/{}/cancel", held.id());
        let begun = Instant::now();
        while client.post(&cancel, None, &json!({})).await.map(|answer| answer.status) != Ok(200) {
            assert!(begun.elapsed() < CANCEL_TIMEOUT, "a booking cannot be cancelled");
        }
        succeeded(&mut seen);
    }
    seen
}
