//! The limits of clients: before anything is done for a request, and before its body is read.

use super::{
    api_key_exchange::{ExchangedKey, exchange_api_key, is_api_key_at_hand},
    trusted_proxies::TrustedProxies,
};
use crate::domain::{
    limits::{Admission, ClientLimits, InFlightCount, LimitKind, LimitSettings, LimitedClient, Refusal},
    route_class::RouteClass,
    route_lookup::find,
    routing_table::RouteMatch,
};
use actix_web::{
    Error, FromRequest, HttpMessage, HttpRequest,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::header::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    web::{self, Bytes},
};
use rand::RngExt;
use shared::{
    auth::{MaybeCaller, Permission, is_caller_at_hand},
    http::{Problem, Quota, RequestFacts},
};
use std::{
    net::{IpAddr, Ipv6Addr},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

const MINUTE: Duration = Duration::from_secs(60);
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");
/// Probes have no limit: an orchestrator would end an instance that refuses them. They cost next to nothing.
const PROBES: [&str; 2] = ["/health/live", "/health/ready"];

/// The limits, with what answers say of them.
pub(crate) struct RequestLimiter {
    limits: ClientLimits,
    /// The value of `RateLimit-Policy`, by class; `None` without a limit.
    policies: [Option<HeaderValue>; RouteClass::ALL.len()],
}

impl RequestLimiter {
    pub(crate) fn new(settings: &LimitSettings) -> Self {
        let limits = ClientLimits::new(settings);
        let policies = RouteClass::ALL.map(|class| {
            let requests = limits.per_minute(class)? as usize;
            let [(_, policy), _] = rate(class, requests).headers(requests, MINUTE);
            HeaderValue::from_str(&policy).ok()
        });
        Self { limits, policies }
    }

    /// Forgets clients that have all of their requests back, and tells how many counts are left.
    pub(crate) fn forget_idle_clients(&self) {
        let counts = self.limits.forget_idle_clients();
        #[expect(clippy::cast_precision_loss, reason = "the table has far fewer places than 2^52")]
        metrics::gauge!("aerobus_limit_counts").set(counts as f64);
    }

    fn tell(&self, class: RouteClass, remaining: u32, headers: &mut HeaderMap) {
        // A refusal by a narrower limit, such as that of streams, tells of that one.
        if headers.contains_key(LEFT) {
            return;
        }
        let left = format!("\"{}\";r={remaining};t={}", class.as_str(), MINUTE.as_secs());
        if let (Some(policy), Ok(left)) = (&self.policies[class as usize], HeaderValue::from_str(&left)) {
            headers.insert(POLICY, policy.clone());
            headers.insert(LEFT, left);
        }
    }
}

fn rate(class: RouteClass, requests: usize) -> Quota {
    Quota { name: class.as_str(), requests, window: Some(MINUTE) }
}

/// The caller of a request, as far as limits go.
struct LimitedCaller {
    account: Option<LimitedClient>,
    api_key: Option<LimitedClient>,
    /// The permission `limits:exempt` lifts all limits.
    is_exempt: bool,
}

impl LimitedCaller {
    /// A bad token earns nothing; whether it is refused is the route's to say.
    async fn of(request: &HttpRequest) -> Self {
        let caller = MaybeCaller::from_request(request, &mut Payload::None).await;
        let caller = caller.ok().and_then(|caller| caller.0);
        let is_exempt = caller.as_ref().is_some_and(|caller| caller.may(Permission::LimitsExempt));
        let account = caller.map(|caller| LimitedClient::Account(caller.user_id()));
        let api_key = request.extensions().get::<ExchangedKey>().map(|key| LimitedClient::ApiKey(key.0));
        Self { account, api_key, is_exempt }
    }

    fn kind(&self) -> &'static str {
        match (self.is_exempt, self.api_key.or(self.account)) {
            (true, _) => "exempt",
            (false, Some(client)) => client.kind(),
            (false, None) => "anonymous",
        }
    }
}

/// Middleware: finds the route of a request, exchanges its API key, and refuses it with 429 where a client is beyond a
/// limit of the route's class. The further handling finds the [`RouteMatch`] in the request's extensions.
///
/// # Errors
/// Those of what it wraps.
pub(crate) async fn limits(
    limiter: web::Data<RequestLimiter>,
    proxies: web::Data<TrustedProxies>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let matched = find(request.method().as_str(), request.uri().path());
    let route = if let RouteMatch::Route(route) = &matched { Some(*route) } else { None };
    let class = route.map_or(RouteClass::Read, RouteClass::of);
    let path = route.map(|route| route.path);
    let facts = RequestFacts { route: path, class: class.as_str(), client: "anonymous", upstream: None };
    request.extensions_mut().insert(facts.clone());
    request.extensions_mut().insert(matched);
    let address = proxies.client(request.request()).unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    let address = LimitedClient::at(address);
    // Junk that is no key or token must not cost more than it is counted for, so its address is counted before it is
    // looked at. A credential that is at hand costs nothing, and may turn out to be exempt.
    let mut counted = None;
    if !is_caller_at_hand(request.request()) && !is_api_key_at_hand(&request) {
        match limiter.limits.admit(class, [Some(address), None, None]) {
            Ok(admission) => counted = Some(admission),
            Err(refusal) => return Ok(refused(request, class, &refusal).await),
        }
    }
    if let Err(problem) = exchange_api_key(&mut request, route).await {
        return Ok(answer(request, problem));
    }
    let caller = LimitedCaller::of(request.request()).await;
    request.extensions_mut().insert(RequestFacts { client: caller.kind(), ..facts });
    if caller.is_exempt && counted.take().is_some() {
        limiter.limits.take_back(class, address);
    }
    if caller.is_exempt || PROBES.contains(&request.uri().path()) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let uncounted = counted.is_none().then_some(address);
    match limiter.limits.admit(class, [uncounted, caller.account, caller.api_key]) {
        Ok(admission) => {
            let Admission { in_flight, remaining } = admission.beside(counted);
            let mut response = next.call(request).await?.map_into_boxed_body();
            if let Some(remaining) = remaining {
                limiter.tell(class, remaining, response.headers_mut());
            }
            Ok(response.map_body(|_, body| hold(body, in_flight)))
        }
        Err(refusal) => Ok(refused(request, class, &refusal).await),
    }
}

fn answer(request: ServiceRequest, problem: Problem) -> ServiceResponse<BoxBody> {
    let (request, _) = request.into_parts();
    ServiceResponse::from_err(problem, request)
}

/// The answer to a request beyond a limit.
async fn refused(request: ServiceRequest, class: RouteClass, refusal: &Refusal) -> ServiceResponse<BoxBody> {
    let problem = refuse(class, refusal);
    if !refusal.pause.is_zero() {
        // Not all at the same instant: a client with many connections asks again with all of them.
        tokio::time::sleep(refusal.pause.mul_f64(rand::rng().random_range(0.5..1.5))).await;
    }
    answer(request, problem)
}

fn refuse(class: RouteClass, refusal: &Refusal) -> Problem {
    let (client, kind) = (refusal.client.kind(), refusal.kind.as_str());
    metrics::counter!("aerobus_limit_refusals_total", "class" => class.as_str(), "client" => client, "kind" => kind)
        .increment(1);
    let requests = refusal.limit as usize;
    let (quota, of_what) = match refusal.kind {
        LimitKind::Rate => (rate(class, requests), "requests a minute"),
        LimitKind::Concurrency => {
            (Quota { name: class.as_str(), requests, window: None }, "requests at the same time")
        }
    };
    let detail =
        format_args!("{} {of_what} of this kind are allowed for one {}", refusal.limit, refusal.client);
    Problem::rate_limited(&quota, refusal.wait).detail(detail)
}

/// Keeps a request counted until its answer has been sent, where a service is still sending it.
fn hold(body: BoxBody, in_flight: [Option<InFlightCount>; 3]) -> BoxBody {
    if in_flight.iter().all(Option::is_none) {
        return body;
    }
    // An answer that is complete already occupies nobody.
    match body.try_into_bytes() {
        Ok(bytes) => BoxBody::new(bytes),
        Err(body) => BoxBody::new(CountedBody { body, _in_flight: in_flight }),
    }
}

struct CountedBody {
    body: BoxBody,
    _in_flight: [Option<InFlightCount>; 3],
}

impl MessageBody for CountedBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.body.as_pin_mut().poll_next(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{
        App, HttpResponse,
        dev::Service,
        http::StatusCode,
        middleware::from_fn,
        test::{TestRequest, call_service, init_service},
    };
    use futures_util::{FutureExt, stream};

    fn settings() -> LimitSettings {
        LimitSettings { concurrent_read: 1, ..LimitSettings::lifted() }
    }

    /// A request of one client, without an account.
    fn get(path: &str) -> TestRequest {
        TestRequest::with_uri(path).peer_addr("10.0.0.1:1234".parse().unwrap())
    }

    #[actix_web::test]
    async fn a_place_comes_back_when_a_client_goes_away() {
        let app = init_service(
            App::new()
                .wrap(from_fn(limits))
                .app_data(web::Data::new(RequestLimiter::new(&settings())))
                .app_data(web::Data::new(TrustedProxies::default()))
                .route("/silent", web::get().to(std::future::pending::<HttpResponse>))
                .route(
                    "/stream",
                    web::get().to(|| async {
                        HttpResponse::Ok().streaming(stream::pending::<Result<Bytes, Error>>())
                    }),
                )
                .route("/", web::get().to(HttpResponse::Ok)),
        )
        .await;
        let status = async |path| call_service(&app, get(path).to_request()).await.status();
        // Before the answer.
        let mut silent = Box::pin(app.call(get("/silent").to_request()));
        assert!((&mut silent).now_or_never().is_none());
        assert_eq!(status("/").await, StatusCode::TOO_MANY_REQUESTS);
        drop(silent);
        assert_eq!((status("/").await, status("/").await), (StatusCode::OK, StatusCode::OK));
        // In the middle of it.
        let answer = call_service(&app, get("/stream").to_request()).await;
        assert_eq!(status("/").await, StatusCode::TOO_MANY_REQUESTS);
        drop(answer);
        assert_eq!(status("/").await, StatusCode::OK);
    }
}
