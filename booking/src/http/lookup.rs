//! `POST /bookings/lookup`: a booking by its locator and a family name.

use super::{
    PRIVATE, Reading,
    access_token::{AccessTokens, LIFETIME},
    bookings::redacted,
};
use crate::{
    domain::{locator::Locator, passenger::fold},
    store::presented,
};
use actix_web::{HttpRequest, HttpResponse, http::header, web};
use moka::sync::Cache;
use serde::Serialize;
use shared::{
    db::DbError,
    events::BookingState,
    http::{Body, Code, FromJson, NoParameters, Object, Problem, ProblemBody, RequestId, TrustedProxies},
};
use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use utoipa::ToSchema;

/// Failures of an address with a locator within [`WINDOW`].
const FAILURES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(3600);
/// Pairs that are remembered; the least recently used are forgotten first.
const REMEMBERED: u64 = 100_000;

/// Counts failed look-ups, in the memory of this instance.
#[derive(Clone)]
pub(crate) struct Lookups {
    failures: Cache<(IpAddr, String), Arc<AtomicU32>>,
    trusted_proxies: TrustedProxies,
}

impl Lookups {
    /// Behind proxies in these networks.
    pub(crate) fn new(trusted_proxies: TrustedProxies) -> Self {
        let failures = Cache::builder().max_capacity(REMEMBERED).time_to_live(WINDOW).build();
        Self { failures, trusted_proxies }
    }

    fn address(&self, request: &HttpRequest) -> IpAddr {
        self.trusted_proxies.client(request).unwrap_or(IpAddr::from([0, 0, 0, 0]))
    }
}

/// What is looked up.
#[derive(Debug, Clone)]
pub(crate) struct Lookup {
    locator: String,
    family_name: String,
}

impl FromJson for Lookup {
    fn read(object: &mut Object<'_>) -> Option<Self> {
        let locator = object.text("locator", 1..=20);
        let family_name = object.text("family_name", 1..=60);
        Some(Self { locator: locator?.to_ascii_uppercase(), family_name: family_name? })
    }
}

/// What is looked up.
#[derive(Serialize, ToSchema)]
#[schema(as = Lookup)]
pub(crate) struct LookupSchema {
    #[schema(example = "K3RT7X")]
    locator: String,
    /// Of any passenger.
    #[schema(example = "Lovelace")]
    family_name: String,
}

/// A booking that was found.
#[derive(Serialize, ToSchema)]
pub(crate) struct FoundBooking {
    /// Without contact and dates of birth.
    booking: BookingState,
    /// Opens this booking, and nothing else, for reading.
    access_token: String,
    /// Seconds.
    expires_in: i64,
}

/// Finds a booking without a login. Ten failures an hour per address and locator.
#[utoipa::path(
    post, path = "/api/v1/bookings/lookup", tag = "bookings", request_body = LookupSchema,
    responses(
        (status = 200, description = "The booking, and a token that reads it", body = FoundBooking),
        (status = 404, description = "There is no such booking with that name", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many failures", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn lookup(
    request: HttpRequest,
    request_id: RequestId,
    _: NoParameters,
    body: Body<Lookup>,
    (lookups, reading, tokens): (web::Data<Lookups>, web::Data<Reading>, web::Data<AccessTokens>),
) -> Result<HttpResponse, Problem> {
    let asked = body.value;
    let pair = (lookups.address(&request), asked.locator.clone());
    let failures = lookups.failures.get_with(pair, Arc::default);
    // Counted before it is known to fail: many at once must not get by.
    if failures.fetch_add(1, Ordering::AcqRel) >= FAILURES {
        failures.fetch_sub(1, Ordering::AcqRel);
        return Ok(limited(&request_id));
    }
    let found = find(&reading, &asked).await;
    if !matches!(found, Ok(None)) {
        // Found, or a fault of ours: nobody has guessed.
        failures.fetch_sub(1, Ordering::AcqRel);
    }
    let found = found?.ok_or_else(|| Problem::new(Code::NotFound))?;
    let access_token = tokens.issue(found.id)?;
    let found = FoundBooking { booking: redacted(found), access_token, expires_in: LIFETIME };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(found))
}

async fn find(reading: &Reading, asked: &Lookup) -> Result<Option<BookingState>, Problem> {
    let Ok(locator) = asked.locator.parse::<Locator>() else { return Ok(None) };
    let mut connection = reading.pool.get().await?;
    let found =
        presented::by_locator(&mut connection, &reading.flights, &locator).await.map_err(DbError::from)?;
    let name = fold(&asked.family_name);
    let named = |(booking, _): &presented::Presented| {
        booking.passengers.iter().any(|passenger| passenger.family_name.folded() == name)
    };
    Ok(found.filter(named).map(|(_, state)| state))
}

fn limited(request_id: &RequestId) -> HttpResponse {
    let problem = Problem::new(Code::RateLimited).retry_after(WINDOW);
    let mut response = problem.to_response(Some(&request_id.0));
    let headers = [("ratelimit-policy", "\"lookup\";q=10;w=3600"), ("ratelimit", "\"lookup\";r=0;t=3600")];
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(header::HeaderName::from_static(name), header::HeaderValue::from_static(value));
    }
    response
}
