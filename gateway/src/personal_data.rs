//! What this service asks booking and the mailer: to tell and to erase what they keep of a person.

use crate::{
    actors::{InstanceChoice, NoInstance, Upstreams},
    domain::routing_table::ServiceName,
};
use awc::http::{Method, StatusCode, header};
use chrono::{DateTime, Utc};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use shared::{
    auth::{GATEWAY, ServiceTokenError, ServiceTokens},
    ids::UserId,
    trace,
};
use std::{collections::BTreeMap, time::Duration};
use uuid::Uuid;

/// How long a service may take. An account with very many bookings takes seconds.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer at most.
const ANSWER_LIMIT: usize = 16 << 20;
/// Bytes of an export at most: it is kept in memory until it is whole.
const EXPORT_LIMIT: usize = 64 << 20;

/// Subjects of one call at most: 100 KiB of a body.
const SUBJECTS: usize = 2500;

/// Why a service gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum PersonalDataError {
    /// No token could be made for the call.
    #[error("the call could not be signed")]
    Sign(#[from] ServiceTokenError),
    /// No instance can be asked.
    #[error("{0} is unavailable")]
    NoInstance(&'static str),
    /// It cannot be reached, or not in time.
    #[error("{0} cannot be reached: {1}")]
    Unreachable(&'static str, String),
    /// It answered something else.
    #[error("{0} answered {1}")]
    Answer(&'static str, String),
    /// What is kept does not fit into an answer.
    #[error("an export is too large")]
    TooLarge,
}

impl From<NoInstance> for PersonalDataError {
    fn from(error: NoInstance) -> Self {
        let (NoInstance::Unavailable(service) | NoInstance::Busy(service)) = error;
        Self::NoInstance(service)
    }
}

/// What became of the erasure of an account's bookings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BookingErasure {
    /// They name nobody any more. Letters about them are still to be erased.
    Erased(Vec<Uuid>),
    /// Nothing was erased, because of bookings ahead: their addresses.
    Ahead(Vec<String>),
}

#[derive(Deserialize)]
struct ErasedBookings {
    bookings: Vec<Uuid>,
}

#[derive(Deserialize)]
struct ErasedLetters {
    sending: u64,
}

#[derive(Deserialize)]
struct Letters {
    letters: Vec<Value>,
}

/// A client of the internal routes that know people. One a thread: its connections cannot be shared.
pub(crate) struct PersonalDataClient {
    http: awc::Client,
    upstreams: Upstreams,
    tokens: ServiceTokens,
}

impl PersonalDataClient {
    /// A client of these services.
    pub(crate) fn new(upstreams: Upstreams, tokens: ServiceTokens) -> Self {
        let http = awc::Client::builder().timeout(TIMEOUT).disable_redirects().finish();
        Self { http, upstreams, tokens }
    }

    /// All bookings of an account, newest first.
    ///
    /// # Errors
    /// [`PersonalDataError`]: then nothing is known.
    pub(crate) async fn bookings(&self, user: UserId) -> Result<Vec<Value>, PersonalDataError> {
        let (mut all, mut size, mut after) = (Vec::new(), 0, String::new());
        loop {
            let path = format!("/internal/users/{user}/bookings?limit=200{after}");
            let (status, bytes) = self.ask(ServiceName::Booking, Method::GET, &path, None).await?;
            size += bytes.len();
            if size > EXPORT_LIMIT {
                return Err(PersonalDataError::TooLarge);
            }
            let mut page: Value = read(ServiceName::Booking, status, &bytes)?;
            let Some(Value::Array(bookings)) = page.get_mut("data").map(Value::take) else {
                return Err(PersonalDataError::Answer("booking", "no list".to_owned()));
            };
            all.extend(bookings);
            match page["page"]["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return Ok(all),
            }
        }
    }

    /// All letters about these subjects, newest first, and those to an address that is known to be the person's.
    ///
    /// # Errors
    /// [`PersonalDataError`]: then nothing is known.
    pub(crate) async fn letters(
        &self,
        email: Option<&str>,
        subjects: &[Uuid],
    ) -> Result<Vec<Value>, PersonalDataError> {
        let (mut all, mut size) = (BTreeMap::new(), 0);
        for part in parts(subjects) {
            let body = json!({"email": email, "subjects": part});
            let path = "/internal/letters/export";
            let (status, bytes) = self.ask(ServiceName::Mailer, Method::POST, path, Some(&body)).await?;
            size += bytes.len();
            if size > EXPORT_LIMIT {
                return Err(PersonalDataError::TooLarge);
            }
            let letters = read::<Letters>(ServiceName::Mailer, status, &bytes)?.letters;
            // The letters to the address are in each part. Ids grow with time.
            all.extend(letters.into_iter().map(|letter| (letter["id"].to_string(), letter)));
        }
        Ok(all.into_values().rev().collect())
    }

    /// Erases the bookings of an account, unless some are ahead.
    ///
    /// # Errors
    /// [`PersonalDataError`]: then they may be erased or not.
    pub(crate) async fn erase_bookings(&self, user: UserId) -> Result<BookingErasure, PersonalDataError> {
        let path = format!("/internal/users/{user}/erase");
        let (status, bytes) = self.ask(ServiceName::Booking, Method::POST, &path, None).await?;
        if status == StatusCode::CONFLICT {
            let problem: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let refers = serde_json::from_value(problem["refers"].clone()).unwrap_or_default();
            return Ok(BookingErasure::Ahead(refers));
        }
        let erased = read::<ErasedBookings>(ServiceName::Booking, status, &bytes)?;
        Ok(BookingErasure::Erased(erased.bookings))
    }

    /// Erases the letters about these subjects, and those from before an instant to an address that is known to be the
    /// person's; returns whether some are just being sent, and stay for now.
    ///
    /// # Errors
    /// [`PersonalDataError`]: then they may be erased or not.
    pub(crate) async fn erase_letters(
        &self,
        (email, before): (Option<&str>, DateTime<Utc>),
        subjects: &[Uuid],
    ) -> Result<bool, PersonalDataError> {
        let mut some_left = false;
        for part in parts(subjects) {
            let body = json!({"email": email, "before": before, "subjects": part});
            let path = "/internal/letters/erase";
            let (status, bytes) = self.ask(ServiceName::Mailer, Method::POST, path, Some(&body)).await?;
            some_left |= read::<ErasedLetters>(ServiceName::Mailer, status, &bytes)?.sending > 0;
        }
        Ok(some_left)
    }

    async fn ask(
        &self,
        service: ServiceName,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Vec<u8>), PersonalDataError> {
        let name = service.as_str();
        let upstream = self.upstreams.of(service).ok_or(PersonalDataError::NoInstance(name))?;
        let in_flight = upstream.pick(InstanceChoice::LEAST_BUSY)?;
        let mut request = self
            .http
            .request(method, in_flight.address(path))
            .insert_header((header::AUTHORIZATION, self.tokens.authorization(GATEWAY)?));
        if let Some(context) = trace::current() {
            request = request.insert_header(("traceparent", context.to_string()));
        }
        let sent = match body {
            Some(body) => request.send_json(body).await,
            None => request.send().await,
        };
        let mut response = sent.map_err(|error| PersonalDataError::Unreachable(name, error.to_string()))?;
        let bytes = response.body().limit(ANSWER_LIMIT).await;
        let bytes = bytes.map_err(|error| PersonalDataError::Unreachable(name, error.to_string()))?;
        Ok((response.status(), bytes.to_vec()))
    }
}

/// Subjects in parts that a body can hold. No subjects are one empty part.
fn parts(subjects: &[Uuid]) -> impl Iterator<Item = &[Uuid]> {
    let (first, rest) = subjects.split_at(subjects.len().min(SUBJECTS));
    std::iter::once(first).chain(rest.chunks(SUBJECTS))
}

fn read<T: DeserializeOwned>(
    service: ServiceName,
    status: StatusCode,
    bytes: &[u8],
) -> Result<T, PersonalDataError> {
    let unexpected = |answer: String| PersonalDataError::Answer(service.as_str(), answer);
    if !status.is_success() {
        return Err(unexpected(status.to_string()));
    }
    serde_json::from_slice(bytes).map_err(|error| unexpected(error.to_string()))
}
