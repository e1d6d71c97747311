//! Bounds of what comes before a body.

use actix_web::{
    Error,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};
use shared::http::{Code, Problem};

/// Bytes of the request's target at most.
const LONGEST_TARGET: usize = 8 * 1024;
/// Bytes of all headers at most.
const LARGEST_HEADERS: usize = 32 * 1024;
/// Headers at most. The parser takes 96, and a service gets some more than a client has sent: those of the gateway.
const MOST_HEADERS: usize = 80;

/// Middleware: 414 and 431, well below the limits of the parser. Beyond these the server gives the same answers, but
/// it closes the connection.
///
/// # Errors
/// Those of what it wraps.
pub(crate) async fn request_limits(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let headers: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let large = headers > LARGEST_HEADERS || request.headers().len() > MOST_HEADERS;
    let problem = match (target > LONGEST_TARGET, large) {
        (true, _) => Problem::new(Code::UriTooLong),
        (false, true) => Problem::new(Code::HeadersTooLarge),
        (false, false) => return Ok(next.call(request).await?.map_into_boxed_body()),
    };
    let (request, _) = request.into_parts();
    Ok(ServiceResponse::from_err(problem, request))
}
