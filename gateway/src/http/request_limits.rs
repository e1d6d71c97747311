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

/// Middleware: 414 and 431 as problems, well below the limits at which the server hangs up.
///
/// # Errors
/// Those of what it wraps.
pub async fn request_limits(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let headers: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let problem = match (target > LONGEST_TARGET, headers > LARGEST_HEADERS) {
        (true, _) => Problem::new(Code::UriTooLong),
        (false, true) => Problem::new(Code::HeadersTooLarge),
        (false, false) => return Ok(next.call(request).await?.map_into_boxed_body()),
    };
    let (request, _) = request.into_parts();
    Ok(ServiceResponse::from_err(problem, request))
}
