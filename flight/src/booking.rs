//! What this service asks the booking service: whether a flight may go.

use awc::http::header;
use serde::Deserialize;
use shared::{
    auth::{ServiceTokenError, ServiceTokens},
    ids::FlightId,
    trace,
};
use std::time::Duration;
use url::Url;

/// Shorter than what callers of ours wait.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The answer is a number in braces.
const ANSWER_LIMIT: usize = 4096;

/// Why the booking service gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BookingError {
    /// No token could be made for the call.
    #[error("the call could not be signed")]
    Sign(#[from] ServiceTokenError),
    /// It cannot be reached, or not in time.
    #[error("the booking service cannot be reached: {0}")]
    Unreachable(String),
    /// It answered something else.
    #[error("the booking service answered {0}")]
    Answer(String),
}

#[derive(Deserialize)]
struct Closed {
    live_bookings: u64,
}

/// A client of the booking service's internal routes. One a thread: its connections cannot be shared.
pub(crate) struct BookingClient {
    http: awc::Client,
    base: Url,
    tokens: ServiceTokens,
}

impl BookingClient {
    /// A client of the service at this base address.
    #[must_use]
    pub(crate) fn new(base: Url, tokens: ServiceTokens) -> Self {
        let http = awc::Client::builder().timeout(TIMEOUT).disable_redirects().finish();
        Self { http, base, tokens }
    }

    /// Takes a flight off sale if it has no live bookings; gives how many it has. With none it stays
    /// closed, so that nobody books it while it is being deleted.
    ///
    /// # Errors
    /// [`BookingError`]: then nothing is known.
    pub(crate) async fn close_flight(&self, flight: FlightId) -> Result<u64, BookingError> {
        let address = format!("{}internal/flights/{flight}/close", self.base);
        let mut request = self
            .http
            .post(address)
            .insert_header((header::AUTHORIZATION, self.tokens.authorization("flight")?));
        if let Some(context) = trace::current() {
            request = request.insert_header(("traceparent", context.to_string()));
        }
        let mut response =
            request.send().await.map_err(|error| BookingError::Unreachable(error.to_string()))?;
        if !response.status().is_success() {
            return Err(BookingError::Answer(response.status().to_string()));
        }
        let closed: Closed = response
            .json()
            .limit(ANSWER_LIMIT)
            .await
            .map_err(|error| BookingError::Answer(error.to_string()))?;
        Ok(closed.live_bookings)
    }
}
