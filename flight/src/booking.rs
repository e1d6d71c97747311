//! What this service asks the booking service: whether a flight may go, what a disruption would mean for its bookings,
//! and that nothing of it is sold while it is disrupted.

use awc::{
    ClientResponse,
    http::{Method, header},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use shared::{
    auth::{ServiceTokenError, ServiceTokens},
    events::FlightState,
    ids::{BookingId, FlightId},
    money::Money,
    seat::{Cabin, SeatDesignator, SeatPlan},
    trace,
};
use std::time::Duration;
use url::Url;
use utoipa::ToSchema;

/// Shorter than what callers of ours wait.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer names a move of each passenger of the largest airplane.
const ANSWER_LIMIT: usize = 256 * 1024;

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

/// The outcome of a closing.
#[derive(Debug, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Closing {
    /// Nothing of the flight is sold any more, and it has no live bookings.
    Closed,
    /// It has live bookings; it stays on sale.
    Booked {
        /// Their number.
        live_bookings: u64,
    },
    /// Booking knows a newer version of the flight; nothing is changed.
    Stale,
}

/// What a disruption would mean for the bookings of a flight.
#[derive(Debug, Deserialize)]
pub(crate) struct BookingsImpact {
    /// The live bookings.
    pub(crate) bookings: u64,
    /// Their passengers, with infants.
    pub(crate) passengers: u64,
    /// What was paid and not given back.
    pub(crate) paid: Money,
    /// Who would move, where other seats were asked about.
    pub(crate) reseated: Vec<SeatMove>,
    /// The cabin that has too few seats, where other seats were asked about.
    pub(crate) too_small: Option<Cabin>,
}

/// A passenger's move to another seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct SeatMove {
    /// The booking.
    pub(crate) booking_id: BookingId,
    /// The seat that is gone.
    #[schema(value_type = String, example = "30A")]
    pub(crate) from: SeatDesignator,
    /// The new seat.
    #[schema(value_type = String, example = "26A")]
    pub(crate) to: SeatDesignator,
}

/// What became of a withdrawal.
#[derive(Debug, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Withdrawal {
    /// Nothing of the flight is sold any more.
    Withdrawn {
        /// Whether it was on sale before.
        was_on_sale: bool,
    },
    /// Booking knows a newer version of the flight; nothing is changed.
    Stale,
    /// Too few seats for the passengers of a cabin; nothing is changed.
    TooSmall {
        /// The cabin.
        cabin: Cabin,
    },
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

    /// Takes a flight off sale in this version if it has no live bookings, so that nobody books it while it is being deleted.
    /// It stays so until it has a newer version.
    ///
    /// # Errors
    /// [`BookingError`]: then nothing is known.
    pub(crate) async fn close_flight(&self, state: &FlightState) -> Result<Closing, BookingError> {
        self.ask(&format!("{}/close", state.id), Some(json!({ "flight": state }))).await
    }

    /// What a disruption would mean for the bookings of a flight; with these seats instead of its own, if they are given.
    ///
    /// # Errors
    /// [`BookingError`].
    pub(crate) async fn impact(
        &self,
        flight: FlightId,
        plan: Option<&SeatPlan>,
    ) -> Result<BookingsImpact, BookingError> {
        self.ask(&format!("{flight}/impact"), Some(json!({ "seat_plan": plan }))).await
    }

    /// Takes a flight off sale with its bookings, before it is cancelled or, with a plan, gets these seats. It stays
    /// so until it has a newer version.
    ///
    /// # Errors
    /// [`BookingError`]: then nothing is known.
    pub(crate) async fn withdraw(
        &self,
        state: &FlightState,
        plan: Option<&SeatPlan>,
    ) -> Result<Withdrawal, BookingError> {
        let body = json!({ "flight": state, "seat_plan": plan });
        self.ask(&format!("{}/withdraw", state.id), Some(body)).await
    }

    /// Tells of a committed state before its event comes.
    ///
    /// # Errors
    /// [`BookingError`]: then the event has to do it.
    pub(crate) async fn follow(&self, state: &FlightState) -> Result<(), BookingError> {
        let body = json!({ "flight": state });
        self.send(Method::PUT, &state.id.to_string(), Some(body)).await.map(drop)
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str, body: Option<Value>) -> Result<T, BookingError> {
        let mut response = self.send(Method::POST, path, body).await?;
        let answer = response.json().limit(ANSWER_LIMIT).await;
        answer.map_err(|error| BookingError::Answer(error.to_string()))
    }

    /// Calls a route below `/internal/flights/`.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<ClientResponse, BookingError> {
        let address = format!("{}internal/flights/{path}", self.base);
        let mut request = self
            .http
            .request(method, address)
            .insert_header((header::AUTHORIZATION, self.tokens.authorization("flight")?));
        if let Some(context) = trace::current() {
            request = request.insert_header(("traceparent", context.to_string()));
        }
        let sent = match body {
            Some(body) => request.send_json(&body).await,
            None => request.send().await,
        };
        let response = sent.map_err(|error| BookingError::Unreachable(error.to_string()))?;
        match response.status().is_success() {
            true => Ok(response),
            false => Err(BookingError::Answer(response.status().to_string())),
        }
    }
}
