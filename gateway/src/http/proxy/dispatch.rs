//! The short way to the services: actix's router tries each of the gateway's own routes in turn, and what a service
//! serves would be tried against all of them.
//!
//! It is also what makes the routing table binding. actix decodes a path before it compares, and the table does not: a
//! path that only matches after decoding would reach a route past the table's access rule and class.

use super::forward::forward;
use crate::{
    actors::Upstreams,
    domain::routing_table::{RouteMatch, ServiceName},
    http::trusted_proxies::TrustedProxies,
};
use actix_web::{
    Error, HttpMessage,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
    web,
};
use shared::{auth::LastingToken, http::RequestId};

/// Whether a path outside of the table may be one of the gateway's pages: documentation, probes, documents for services.
fn is_page(path: &str) -> bool {
    !path.contains('%') && !path.starts_with("/api/v1/")
}

type Handled =
    (web::Data<Upstreams>, web::Data<super::ProxyClient>, web::Data<TrustedProxies>, web::Data<LastingToken>);

/// Middleware, the innermost one: passes on what another service serves, and leaves the gateway's routes to actix.
///
/// # Errors
/// Those of what it wraps.
pub(crate) async fn dispatch(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // The limits have looked the route up.
    let is_own = match request.extensions().get() {
        Some(RouteMatch::Route(route)) => route.service == ServiceName::Gateway,
        Some(RouteMatch::MethodNotAllowed(_)) | None => true,
        Some(RouteMatch::UnknownPath) => is_page(request.uri().path()),
    };
    if is_own {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let payload = request.extract::<web::Payload>().await?;
    let (upstreams, client, proxies, service_token) = request.extract::<Handled>().await?;
    let id = request.extract::<RequestId>().await?;
    let handled = request.request().clone();
    let answer = forward(handled, payload, upstreams, client, (proxies, service_token), id).await;
    Ok(match answer {
        Ok(answer) => request.into_response(answer),
        Err(problem) => {
            let (request, _) = request.into_parts();
            ServiceResponse::from_err(problem, request)
        }
    })
}
