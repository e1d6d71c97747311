//! Forwards requests to the services by the routing table.

use super::{
    answer_body::AnswerGuards,
    client::ProxyClient,
    exchange::ForwardedRequest,
    headers::GatewayHeaders,
    request_body::{self, BodyFraming, BufferedBody},
    upstream_metrics::measure,
};
use crate::{
    actors::{LoadKind, Upstreams},
    domain::{
        rendezvous::RoutingKey,
        requested_flights::requested_flights,
        route_lookup::find,
        routing_table::{ApiRoute, ResponseKind, RouteAccess, RouteMatch, ServiceName},
    },
    http::{trusted_proxies::TrustedProxies, waiting_room},
};
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, dev::Payload, http::header, web};
use shared::{
    auth::{LastingToken, MaybeCaller, is_exempt},
    http::{Code, Problem, RequestFacts, RequestId, require_identity},
    ids::FlightId,
};
use std::{
    net::{IpAddr, Ipv6Addr},
    time::Instant,
};

/// Answers every request without a handler of the gateway's own: passes it on to the service that the routing
/// table names, or says why not.
///
/// # Errors
/// 404, 405 with `Allow`, 401, 403, 413, 415, 503, 504.
pub(crate) async fn forward(
    request: HttpRequest,
    payload: web::Payload,
    upstreams: web::Data<Upstreams>,
    proxy: web::Data<ProxyClient>,
    (proxies, service_token): (web::Data<TrustedProxies>, web::Data<LastingToken>),
    id: RequestId,
) -> Result<HttpResponse, Problem> {
    // The limits have looked it up.
    let matched = request.extensions_mut().remove::<RouteMatch>();
    let route = match matched.unwrap_or_else(|| find(request.method().as_str(), request.uri().path())) {
        RouteMatch::UnknownPath => return Err(Problem::new(Code::NotFound)),
        RouteMatch::MethodNotAllowed(allowed) => return Ok(method_not_allowed(&allowed)),
        RouteMatch::Route(route) => route,
    };
    check_access(&request, route).await?;
    let framing = BodyFraming::of(request.headers());
    if framing.is_too_large(route.largest_body) {
        return Err(Problem::new(Code::PayloadTooLarge));
    }
    require_identity(request.headers())?;
    // The gateway's own routes have handlers: one that comes here is in the table by mistake.
    let unknown = || Problem::new(Code::NotFound);
    let upstream = upstreams.of(route.service).ok_or_else(unknown)?;
    let client_address = proxies.client(&request);
    let (load, stream) = match route.response {
        ResponseKind::Bounded => (LoadKind::Requests, None),
        ResponseKind::EventStream => {
            let counted = client_address.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
            let counted = (!is_exempt(&request).await).then_some(counted);
            (LoadKind::Streams, Some(proxy.stream_limit.admit(counted)?))
        }
    };
    let body = request_body::collect(payload, framing, proxy.uploads.bounds(route.largest_body)).await?;
    let flights = booking_flights(route, &request, &body);
    // Booking commits an itinerary on the ledger of its lowest flight.
    let key = flights.first().copied().map(RoutingKey::flight);
    let let_pass = waiting_room::enter(&request, route, flights).await?;
    // The mailer reads no client address, so it is not sent the token.
    let service_token = (route.service != ServiceName::Mailer).then(|| service_token.value()).transpose();
    let service_token = service_token.map_err(|error| Problem::internal(&error))?;
    let stated = GatewayHeaders { id: &id, client: client_address, service_token };
    let forwarded = ForwardedRequest { client: &proxy, load, request: &request, route, key, stated, body };

    let started = Instant::now();
    let exchanged = forwarded.exchange(upstream).await;
    let status =
        exchanged.as_ref().map_or_else(|problem| problem.code().status(), |(answer, _)| answer.head.status);
    measure(route, status, started.elapsed());
    let (answer, in_flight) = exchanged?;
    RequestFacts::answered_by(&request, route.service.as_str(), in_flight.name());
    let response = answer.pass_back(proxy.pause(load), AnswerGuards::new(in_flight, stream));
    match let_pass {
        Some(let_pass) => let_pass.answered(response).await,
        None => Ok(response),
    }
}

/// The flights that a request to booking is about. They keep the requests for a flight on one instance of booking, where
/// its allocator is warm. Live seat maps have none: they ask no allocator, and the readers of a hot flight are many.
fn booking_flights(route: &ApiRoute, request: &HttpRequest, body: &BufferedBody) -> Vec<FlightId> {
    if route.service != ServiceName::Booking || route.response == ResponseKind::EventStream {
        return Vec::new();
    }
    requested_flights(request.uri().path(), body.bytes.as_deref())
}

/// Refuses callers that the table does not admit.
async fn check_access(request: &HttpRequest, route: &ApiRoute) -> Result<(), Problem> {
    let caller = MaybeCaller::from_request(request, &mut Payload::None).await;
    if route.access == RouteAccess::AuthenticatedOrGuest {
        // A token that is not an access token may be a guest's, which only the service can check.
        return match caller {
            Err(problem) if problem.code() == Code::TokenExpired => Err(problem),
            _ if request.headers().contains_key(header::AUTHORIZATION) => Ok(()),
            _ => Err(Problem::new(Code::Unauthenticated)),
        };
    }
    let caller = caller?.0;
    match (route.access, caller) {
        (RouteAccess::Public, _) => Ok(()),
        (_, None) => Err(Problem::new(Code::Unauthenticated)),
        (RouteAccess::Permitted(permissions), Some(caller)) => caller.require_any(permissions),
        (_, Some(_)) => Ok(()),
    }
}

fn method_not_allowed(allowed: &str) -> HttpResponse {
    let mut response = actix_web::ResponseError::error_response(&Problem::new(Code::MethodNotAllowed));
    if let Ok(value) = header::HeaderValue::from_str(allowed) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}
