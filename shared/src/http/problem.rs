//! The one problem envelope (RFC 9457) with all codes of the contract.

use super::FieldError;
use crate::error_chain::ErrorChain;
use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderName},
    },
};
use serde::Serialize;
use serde_json::{Map, Value};
use std::{fmt, time::Duration};
use utoipa::ToSchema;

macro_rules! codes {
    ($($name:ident = $wire:literal, $status:literal, $title:literal;)+) => {
        /// What went wrong: a stable, machine-readable code with its status and title.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $(#[doc = $title] $name),+ }

        impl Code {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code on the wire, `seat_taken`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire),+ }
            }

            /// The HTTP status.
            #[must_use]
            pub fn status(self) -> StatusCode {
                let number: u16 = match self { $(Self::$name => $status),+ };
                // Every number of the table is a valid status.
                StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            /// A short sentence for people, the same for every occurrence.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }
        }
    };
}

codes! {
    MalformedJson = "malformed_json", 400, "The body is not valid JSON.";
    Unauthenticated = "unauthenticated", 401, "A valid access token is needed.";
    TokenExpired = "token_expired", 401, "The access token has expired.";
    InvalidCredentials = "invalid_credentials", 401, "The e-mail address or the password is wrong.";
    PaymentDeclined = "payment_declined", 402, "The payment was declined.";
    Forbidden = "forbidden", 403, "You lack the permission for this.";
    EmailUnverified = "email_unverified", 403, "The e-mail address must be verified first.";
    NotFound = "not_found", 404, "There is no such resource.";
    MethodNotAllowed = "method_not_allowed", 405, "This resource does not allow that method.";
    NotAcceptable = "not_acceptable", 406, "None of the accepted media types can be served.";
    SeatTaken = "seat_taken", 409, "A seat is already taken.";
    FlightFull = "flight_full", 409, "The flight has not enough seats left.";
    FlightNotBookable = "flight_not_bookable", 409, "The flight cannot be booked.";
    HoldExpired = "hold_expired", 409, "The hold has expired.";
    HoldLimit = "hold_limit", 409, "Too many seats are held.";
    AlreadyPaid = "already_paid", 409, "The booking is already paid.";
    AlreadyCancelled = "already_cancelled", 409, "The booking is already cancelled.";
    PaymentInProgress = "payment_in_progress", 409, "A payment is in progress.";
    PriceChanged = "price_changed", 409, "The price has changed.";
    QuoteExpired = "quote_expired", 409, "The quote has expired.";
    PassengerAlreadyBooked = "passenger_already_booked", 409, "The passenger is already booked on this flight.";
    EmailTaken = "email_taken", 409, "The e-mail address already has an account.";
    Conflict = "conflict", 409, "The resource conflicts with another.";
    IdempotencyInProgress = "idempotency_in_progress", 409, "The first request under this key is still running.";
    PreconditionFailed = "precondition_failed", 412, "The resource was changed meanwhile.";
    PayloadTooLarge = "payload_too_large", 413, "The body is too large.";
    UriTooLong = "uri_too_long", 414, "The address is too long.";
    UnsupportedMediaType = "unsupported_media_type", 415, "The body's media type or encoding is not supported.";
    ValidationFailed = "validation_failed", 422, "The request has invalid values.";
    IdempotencyKeyReused = "idempotency_key_reused", 422, "The key was used with another body.";
    SeatNotAllowed = "seat_not_allowed", 422, "A seat may not be given to that passenger.";
    RateLimited = "rate_limited", 429, "Too many requests.";
    AccountLocked = "account_locked", 429, "Too many failed logins.";
    HeadersTooLarge = "headers_too_large", 431, "The headers are too large.";
    Internal = "internal", 500, "Something went wrong on our side.";
    UpstreamUnavailable = "upstream_unavailable", 503, "A service that is needed is unavailable.";
    Overloaded = "overloaded", 503, "The service is overloaded.";
    Queued = "queued", 503, "The request waits in a queue.";
    UpstreamTimeout = "upstream_timeout", 504, "A service that is needed did not answer in time.";
}

/// How much may be asked, as the rate limit's headers tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// What tells it from other quotas: letters, digits and hyphens.
    pub name: &'static str,
    /// So many.
    pub requests: usize,
    /// In such a time; `None` where none gives them back.
    pub window: Option<Duration>,
}

impl Quota {
    /// The fields of draft-ietf-httpapi-ratelimit-headers-10, with what is left and for how long.
    #[must_use]
    pub fn headers(&self, remaining: usize, reset: Duration) -> [(HeaderName, String); 2] {
        let (name, requests) = (self.name, self.requests);
        let window = self.window.map(|window| format!(";w={}", window.as_secs())).unwrap_or_default();
        [
            (HeaderName::from_static("ratelimit-policy"), format!("\"{name}\";q={requests}{window}")),
            (HeaderName::from_static("ratelimit"), format!("\"{name}\";r={remaining};t={}", seconds(reset))),
        ]
    }
}

/// Whole seconds, at least 1: who comes back after them is not too early.
fn seconds(duration: Duration) -> u64 {
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).max(1)
}

/// A problem, as a handler returns it.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    detail: Option<String>,
    members: Map<String, Value>,
    retry_after: Option<Duration>,
    quota: Option<Quota>,
}

impl Problem {
    /// A problem of this code.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self { code, detail: None, members: Map::new(), retry_after: None, quota: None }
    }

    /// Invalid fields or parameters, all of them.
    #[must_use]
    pub fn validation(errors: Vec<FieldError>) -> Self {
        Self::new(Code::ValidationFailed).with("errors", errors)
    }

    /// One invalid field, by JSON pointer.
    #[must_use]
    pub fn invalid(pointer: impl Into<String>, message: impl fmt::Display) -> Self {
        Self::validation(vec![FieldError::at(pointer, message)])
    }

    /// A fault of ours. The cause is logged here, with the whole chain, and never shown to the client.
    #[must_use]
    pub fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error.chain = %ErrorChain(cause), "A request failed by a fault of ours");
        Self::new(Code::Internal)
    }

    /// A dependency is down: 503 with a hint to come back in a second. The cause is logged.
    #[must_use]
    pub fn unavailable(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::warn!(error.chain = %ErrorChain(cause), "A dependency is unavailable");
        Self::new(Code::UpstreamUnavailable).retry_after(Duration::from_secs(1))
    }

    /// A quota is used up; after this time there is more. With the headers that say so.
    #[must_use]
    pub fn rate_limited(quota: &Quota, reset: Duration) -> Self {
        Self { quota: Some(*quota), ..Self::new(Code::RateLimited).retry_after(reset) }
    }

    /// With a sentence about this occurrence, for people.
    #[must_use]
    pub fn detail(mut self, detail: impl fmt::Display) -> Self {
        self.detail = Some(detail.to_string());
        self
    }

    /// With a member of the code, such as `seats` of `seat_taken`.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Serialize) -> Self {
        // Members are plain data, which always serialises.
        self.members.insert(member.to_owned(), serde_json::to_value(value).unwrap_or(Value::Null));
        self
    }

    /// With a `Retry-After` of whole seconds, at least 1.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The members of the code.
    #[cfg(test)]
    pub(crate) fn members_for_test(&self) -> &Map<String, Value> {
        &self.members
    }

    /// The response, naming the request.
    #[must_use]
    pub fn to_response(&self, request_id: Option<&str>) -> HttpResponse {
        let mut body = Map::new();
        let code = self.code.as_str();
        body.insert("type".into(), format!("https://aerobus.dev/problems/{code}").into());
        body.insert("title".into(), self.code.title().into());
        body.insert("status".into(), self.code.status().as_u16().into());
        body.insert("code".into(), code.into());
        body.insert("detail".into(), self.detail.clone().into());
        body.insert("request_id".into(), request_id.into());
        body.extend(self.members.clone());
        let mut response = HttpResponse::build(self.code.status());
        response.insert_header((header::CONTENT_TYPE, "application/problem+json"));
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if self.code.status() == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        if let Some(after) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds(after).to_string()));
            for header in self.quota.iter().flat_map(|quota| quota.headers(0, after)) {
                response.insert_header(header);
            }
        }
        response.body(Value::Object(body).to_string())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.as_str())
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    /// Without a request id; the [envelope](super::envelope) rebuilds it with one.
    fn error_response(&self) -> HttpResponse {
        self.to_response(None)
    }
}

impl From<crate::db::DbError> for Problem {
    fn from(error: crate::db::DbError) -> Self {
        match &error {
            crate::db::DbError::Unavailable(_) => Self::unavailable(&error),
            crate::db::DbError::Query(cause) => cause.into(),
        }
    }
}

impl From<&diesel::result::Error> for Problem {
    fn from(error: &diesel::result::Error) -> Self {
        match crate::db::Fault::of(error) {
            crate::db::Fault::ConnectionLost => Self::unavailable(error),
            _ => Self::internal(error),
        }
    }
}

impl From<diesel::result::Error> for Problem {
    fn from(error: diesel::result::Error) -> Self {
        (&error).into()
    }
}

/// The OpenAPI schema of a problem. Members of the code stand beside these.
#[derive(ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "read by the schema derive only")]
pub struct ProblemBody {
    /// Address of the code's documentation.
    #[schema(example = "https://aerobus.dev/problems/seat_taken")]
    r#type: String,
    /// The same for every occurrence of the code.
    title: String,
    /// The HTTP status.
    #[schema(example = 409)]
    status: u16,
    /// Stable and machine-readable.
    #[schema(example = "seat_taken")]
    code: String,
    /// About this occurrence.
    detail: Option<String>,
    /// To find the request in the logs.
    request_id: Option<String>,
    /// For `validation_failed`: all invalid fields, up to 100; of the rest nothing is said.
    errors: Option<Vec<FieldError>>,
}
