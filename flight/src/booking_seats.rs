//! What this service asks the booking service about seats: all versions, and the seats of some flights.

use crate::booking::BookingError;
use awc::http::header;
use serde::{Deserialize, de::DeserializeOwned};
use shared::{auth::ServiceTokens, events::SeatsState, ids::FlightId};
use std::time::Duration;
use url::Url;

/// A page of versions takes booking some milliseconds.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer: the seats of a hundred full airplanes.
const ANSWER_LIMIT: usize = 4 * 1024 * 1024;

/// Flights whose seats are asked for at once.
pub(crate) const FLIGHTS: usize = 100;

/// Seat versions of flights, by flight id.
#[derive(Deserialize)]
pub(crate) struct SeatVersions {
    /// Flights with their versions.
    pub(crate) data: Vec<(FlightId, i64)>,
    /// Behind which flight the next ones are.
    pub(crate) next: Option<FlightId>,
}

#[derive(Deserialize)]
struct SeatsOfFlights {
    data: Vec<SeatsState>,
}

/// A client of the booking service's internal routes about seats. It stays on its thread.
pub(crate) struct SeatsClient {
    http: awc::Client,
    base: Url,
    tokens: ServiceTokens,
}

impl SeatsClient {
    /// A client of the service at this base address.
    #[must_use]
    pub(crate) fn new(base: Url, tokens: ServiceTokens) -> Self {
        let http = awc::Client::builder().timeout(TIMEOUT).disable_redirects().finish();
        Self { http, base, tokens }
    }

    /// The versions behind a flight.
    ///
    /// # Errors
    /// [`BookingError`]
    pub(crate) async fn versions(&self, after: Option<FlightId>) -> Result<SeatVersions, BookingError> {
        let mut address = self.base.clone();
        address.set_path("/internal/seats/versions");
        if let Some(after) = after {
            address.query_pairs_mut().append_pair("after", &after.to_string());
        }
        self.get(&address).await
    }

    /// The seats of flights, [`FLIGHTS`] at most.
    ///
    /// # Errors
    /// [`BookingError`]
    pub(crate) async fn seats(&self, flights: &[FlightId]) -> Result<Vec<SeatsState>, BookingError> {
        let mut address = self.base.clone();
        address.set_path("/internal/seats");
        let named = flights.iter().map(|flight| ("flight", flight.to_string()));
        address.query_pairs_mut().extend_pairs(named);
        let SeatsOfFlights { data } = self.get(&address).await?;
        Ok(data)
    }

    async fn get<T: DeserializeOwned>(&self, address: &Url) -> Result<T, BookingError> {
        let token = self.tokens.authorization("flight")?;
        let request = self.http.get(address.as_str()).insert_header((header::AUTHORIZATION, token));
        let mut response =
            request.send().await.map_err(|error| BookingError::Unreachable(error.to_string()))?;
        if !response.status().is_success() {
            return Err(BookingError::Answer(response.status().to_string()));
        }
        let answer = response.json().limit(ANSWER_LIMIT).await;
        answer.map_err(|error| BookingError::Answer(error.to_string()))
    }
}
