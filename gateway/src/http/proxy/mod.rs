//! The way to the other services: looked up in the routing table, refused early where the caller may
//! not, else passed on once it is whole; answers come back piece by piece.

mod body;
mod connection;
mod headers;
mod streams;

pub use streams::Streams;

use crate::{
    actors::{InFlight, Load, Upstream, Upstreams},
    domain::routes::{Access, Answer, Found, Route, Service, find},
};
use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    dev::Payload,
    http::{Method, StatusCode, header, header::HeaderMap},
    web,
};
use awc::{
    Client, ClientResponse, Connector,
    error::{ConnectError, SendRequestError},
};
use body::{Collected, Places, RequestBody, Room};
use connection::Connecting;
use headers::Vouched;
use shared::{
    auth::{LastingToken, MaybeCaller, is_exempt},
    http::{Code, Problem, RequestId, TrustedProxies, require_identity},
};
use std::{
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(1);
/// An idle connection is closed after this time, before a service does: actix's servers wait 5 s at
/// least. Else a request could meet a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(3);
/// Connections of one thread to one service at most; requests beyond them wait for their turn.
const CONNECTIONS: usize = 1024;
/// How long a client may take to send a body, unless a service may take less.
const UPLOAD: Duration = Duration::from_secs(10);
/// Bytes of large bodies that one thread reads at the same time.
const UPLOADS: usize = 64 << 20;
/// What a client is told to wait before it tries again.
const AGAIN: Duration = Duration::from_secs(1);

/// The HTTP clients of one thread of the gateway; clients cannot be shared between threads.
pub struct ProxyClient {
    /// One a service: none takes the connections of another.
    ordinary: [(Service, Way); 3],
    /// Streams stay open: they must not take the connections of ordinary requests.
    events: Way,
    streams: Streams,
    upload: Duration,
    uploads: Room,
}

/// A way to the services.
struct Way {
    client: Client,
    load: Load,
    /// How long an answer may pause between two parts.
    pause: Duration,
}

impl Way {
    /// A client with so many connections (0: any number), that waits so long for the
    /// beginning of an answer.
    fn new(connections: usize, timeout: Duration, load: Load, pause: Duration) -> Self {
        let connector = Connector::new()
            .connector(Connecting::new())
            .timeout(CONNECT)
            .conn_keep_alive(IDLE)
            .limit(connections);
        let client = Client::builder()
            .connector(connector)
            .timeout(timeout)
            .disable_redirects()
            .no_default_headers()
            .finish();
        Self { client, load, pause }
    }
}

impl ProxyClient {
    /// A client whose upstreams have so long to begin their answer, and to continue it; streams may be
    /// silent for `stream_pause`.
    #[must_use]
    pub fn new(timeout: Duration, stream_pause: Duration, streams: Streams) -> Self {
        Self {
            ordinary: [Service::Flight, Service::Booking, Service::Mailer]
                .map(|service| (service, Way::new(CONNECTIONS, timeout, Load::Requests, timeout))),
            events: Way::new(0, timeout, Load::Streams, stream_pause),
            streams,
            upload: timeout.min(UPLOAD),
            uploads: Room::new(UPLOADS),
        }
    }

    fn way_to(&self, service: Service) -> Option<&Way> {
        self.ordinary.iter().find(|(of, _)| *of == service).map(|(_, way)| way)
    }
}

/// Answers every request that no handler of the gateway's own takes: passes it on to the service that
/// the routing table names, or says why not.
///
/// # Errors
/// 404, 405 with `Allow`, 401, 403, 413, 415, 503, 504.
pub async fn forward(
    request: HttpRequest,
    payload: web::Payload,
    upstreams: web::Data<Upstreams>,
    proxy: web::Data<ProxyClient>,
    (proxies, proof): (web::Data<TrustedProxies>, web::Data<LastingToken>),
    id: RequestId,
) -> Result<HttpResponse, Problem> {
    let route = match find(request.method().as_str(), request.uri().path()) {
        Found::Nothing => return Err(Problem::new(Code::NotFound)),
        Found::OtherMethods(allowed) => return Ok(not_allowed(&allowed)),
        Found::Route(route) => route,
    };
    admit(&request, route).await?;
    let size = RequestBody::of(request.headers());
    if size.is_too_large() {
        return Err(Problem::new(Code::PayloadTooLarge));
    }
    require_identity(request.headers())?;
    // The gateway's own routes have handlers: one that comes here is in the table by mistake.
    let unknown = || Problem::new(Code::NotFound);
    let upstream = upstreams.of(route.service).ok_or_else(unknown)?;
    let client = proxies.client(&request);
    let (way, stream) = match route.answer {
        Answer::Whole => (proxy.way_to(route.service).ok_or_else(unknown)?, None),
        Answer::Events => {
            let counted = client.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
            let counted = (!is_exempt(&request).await).then_some(counted);
            (&proxy.events, Some(proxy.streams.admit(counted)?))
        }
    };
    let body = body::collect(payload, size, proxy.upload, &proxy.uploads).await?;
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    // The mailer looks at no address, and has not got the secret: a token that it need not see is not sent to it.
    let proof = (route.service != Service::Mailer).then(|| proof.value()).transpose();
    let proof = proof.map_err(|error| Problem::internal(&error))?;
    let headers = headers::upstream_headers(&request, Vouched { id: &id, client, proof });
    let outgoing = Outgoing { way, request: &request, target, headers, body };

    let started = Instant::now();
    let answered = outgoing.exchange(upstream).await;
    let status =
        answered.as_ref().map_or_else(|problem| problem.code().status(), |(answer, _)| answer.status());
    measure(route, status, started.elapsed());
    let (answer, instance) = answered?;
    Ok(pass_back(answer, way.pause, Places::new(instance, stream)))
}

fn measure(route: &Route, status: StatusCode, elapsed: Duration) {
    let (service, path, status) = (route.service.as_str(), route.path, status.as_str().to_owned());
    metrics::counter!("upstream_requests_total", "service" => service, "method" => route.method, "route" => path, "status" => status).increment(1);
    metrics::histogram!("upstream_request_seconds", "service" => service, "method" => route.method, "route" => path).record(elapsed.as_secs_f64());
}

/// Refuses whom the table refuses.
async fn admit(request: &HttpRequest, route: &Route) -> Result<(), Problem> {
    let caller = MaybeCaller::from_request(request, &mut Payload::None).await;
    if route.access == Access::AuthenticatedOrGuest {
        // Whatever is not ours may be a guest's: the service knows.
        return match caller {
            Err(problem) if problem.code() == Code::TokenExpired => Err(problem),
            _ if request.headers().contains_key(header::AUTHORIZATION) => Ok(()),
            _ => Err(Problem::new(Code::Unauthenticated)),
        };
    }
    let caller = caller?.0;
    match (route.access, caller) {
        (Access::Public, _) => Ok(()),
        (_, None) => Err(Problem::new(Code::Unauthenticated)),
        (Access::Permitted(permissions), Some(caller)) => caller.require_any(permissions),
        (_, Some(_)) => Ok(()),
    }
}

fn not_allowed(allowed: &str) -> HttpResponse {
    let mut response = actix_web::ResponseError::error_response(&Problem::new(Code::MethodNotAllowed));
    if let Ok(value) = header::HeaderValue::from_str(allowed) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

/// A GET without a body may be sent again when its connection died: a kept connection may have been
/// closed just then, or the instance has gone and another answers.
fn may_repeat(request: &HttpRequest, body: &Collected, error: &SendRequestError) -> bool {
    let died = matches!(
        error,
        SendRequestError::Connect(_) | SendRequestError::Send(_) | SendRequestError::Response(_)
    );
    request.method() == Method::GET && body.bytes.is_none() && died
}

/// A request on its way.
struct Outgoing<'a> {
    way: &'a Way,
    request: &'a HttpRequest,
    target: &'a str,
    headers: HeaderMap,
    body: Collected,
}

impl Outgoing<'_> {
    /// Sends the request to an instance, or to another one where that is safe; gives the beginning of
    /// the answer.
    async fn exchange(&self, upstream: &Upstream) -> Result<(ClientResponse, InFlight), Problem> {
        let mut place = upstream.pick(self.way.load)?;
        let mut answer = self.send(&place).await;
        if let Err(error) = &answer
            && may_repeat(self.request, &self.body, error)
        {
            self.note(&place, error);
            // The place is given up first, so that another instance counts as less busy.
            drop(place);
            place = upstream.pick(self.way.load)?;
            answer = self.send(&place).await;
        }
        match answer {
            Ok(answer) => {
                place.answered();
                Ok((answer, place))
            }
            Err(error) => Err(self.problem(&place, &error)),
        }
    }

    async fn send(&self, place: &InFlight) -> Result<ClientResponse, SendRequestError> {
        let address = place.address(self.target);
        let mut outgoing = self.way.client.request(self.request.method().clone(), address).no_decompress();
        *outgoing.headers_mut() = self.headers.clone();
        match self.body.bytes.clone() {
            Some(bytes) => outgoing.send_body(bytes).await,
            None => outgoing.send_body(()).await,
        }
    }

    /// Tells what became of a request at an instance.
    fn note(&self, place: &InFlight, error: &SendRequestError) {
        match error {
            SendRequestError::Timeout | SendRequestError::Connect(ConnectError::Timeout) => {
                place.unanswered()
            }
            // An established connection that ends says nothing of the instance.
            SendRequestError::Connect(ConnectError::Disconnected) => {}
            SendRequestError::Connect(_) => place.refused(),
            _ => {}
        }
    }

    fn problem(&self, place: &InFlight, error: &SendRequestError) -> Problem {
        self.note(place, error);
        tracing::warn!(error.message = %error, http.path = self.request.path(), "An upstream did not answer");
        match error {
            SendRequestError::Timeout => Problem::new(Code::UpstreamTimeout),
            _ => Problem::new(Code::UpstreamUnavailable).retry_after(AGAIN),
        }
    }
}

/// The upstream's answer as the client gets it.
fn pass_back(answer: ClientResponse, pause: Duration, places: Places) -> HttpResponse {
    let mut response = HttpResponse::new(answer.status());
    *response.headers_mut() = headers::client_headers(answer.headers());
    response.set_body(body::answer_body(answer, pause, places))
}
