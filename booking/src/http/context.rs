//! The context of a request: its deadline, and on whose behalf it comes.

use actix_web::{
    Error, FromRequest, HttpMessage, HttpRequest,
    body::MessageBody,
    dev::{Payload, ServiceRequest, ServiceResponse},
    middleware::Next,
    web,
};
use booking_engine::ports::RequestContext;
use shared::http::{ClientAddress, network_of};
use std::{
    convert::Infallible,
    future,
    time::{Duration, Instant},
};

/// What holds for all requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestPolicy {
    /// How long a request may take up to its first commit.
    pub(crate) admission_timeout: Duration,
    /// Whether only accounts with a verified address make bookings.
    pub(crate) require_verified_email: bool,
}

#[derive(Debug, Clone, Copy)]
struct Deadline(Instant);

/// Sets the deadline of a request, by which it must have come to its first commit.
pub(super) async fn set_deadline<B: MessageBody>(
    policy: web::Data<RequestPolicy>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let deadline = Deadline((tokio::time::Instant::now() + policy.admission_timeout).into_std());
    request.extensions_mut().insert(deadline);
    next.call(request).await
}

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context(pub(super) RequestContext);

impl FromRequest for Context {
    type Error = Infallible;
    type Future = future::Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let deadline = request.extensions().get::<Deadline>().map(|deadline| deadline.0);
        let ClientAddress(address) = ClientAddress::of(request);
        // A route without a deadline of its own has no time to wait.
        let deadline = deadline.unwrap_or_else(|| tokio::time::Instant::now().into_std());
        future::ready(Ok(Self(RequestContext { deadline, client: network_of(address) })))
    }
}
