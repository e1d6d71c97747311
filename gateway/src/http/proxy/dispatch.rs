//! The short way to the services: actix's router tries each of the gateway's own routes in turn, and what a service
//! serves would be tried against all of them.

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

type Handled =
    (web::Data<Upstreams>, web::Data<super::ProxyClient>, web::Data<TrustedProxies>, web::Data<LastingToken>);

/// Middleware, the innermost one: passes on what another service serves, and leaves the rest to the gateway's routes.
///
/// # Errors
/// Those of what it wraps.
pub(crate) async fn dispatch(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // The limits have looked the route up.
    let is_proxied = match request.extensions().get() {
        Some(RouteMatch::Route(route)) => route.service != ServiceName::Gateway,
        _ => false,
    };
    if !is_proxied {
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
