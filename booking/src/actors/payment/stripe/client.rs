//! The way to Stripe's HTTP API: one queue, a bounded number of requests at a time, a bound on each.

use super::{
    intent::ApiAnswer,
    settings::{StripeError, StripeSettings},
};
use awc::{
    Connector,
    error::SendRequestError,
    http::{Method, header},
};
use booking_engine::ports::ProviderError;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use shared::supervisor::{WorkerEnd, supervise};
use std::{rc::Rc, sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, Semaphore, mpsc, oneshot},
    time::timeout,
};

/// The version of the API that this adapter was written for; Stripe keeps to it.
const API_VERSION: &str = "2024-06-20";
/// Requests that wait for their turn; further callers wait before they enter the queue.
const QUEUE: usize = 256;
/// How long a connection may take, encryption included.
const CONNECT: Duration = Duration::from_secs(3);
/// The longest body that is read.
const LONGEST_BODY: usize = 1 << 20;

/// Fields of a form.
pub(super) type Form = Vec<(String, String)>;

/// A request on its way.
struct ApiRequest {
    method: Method,
    path: String,
    form: Form,
    /// The idempotency key: a repeated request has no further effect.
    key: Option<String>,
    reply: oneshot::Sender<Result<ApiAnswer, ProviderError>>,
}

/// A cloneable way to the API.
#[derive(Clone)]
pub(super) struct StripeClient {
    requests: mpsc::Sender<ApiRequest>,
}

impl StripeClient {
    /// Starts it on the present arbiter.
    pub(super) fn start(settings: &StripeSettings) -> Result<Self, StripeError> {
        let tls = tls()?;
        let (sender, requests) = mpsc::channel(QUEUE);
        let requests = Arc::new(Mutex::new(requests));
        let settings = settings.clone();
        supervise("booking", "stripe client", move || {
            send_all(settings.clone(), tls.clone(), requests.clone())
        });
        Ok(Self { requests: sender })
    }

    pub(super) async fn get(&self, path: String) -> Result<ApiAnswer, ProviderError> {
        self.ask(Method::GET, path, Form::new(), None).await
    }

    /// `key`: repeated under the same key, it is done once.
    pub(super) async fn post(&self, path: &str, key: String, form: Form) -> Result<ApiAnswer, ProviderError> {
        self.ask(Method::POST, path.to_owned(), form, Some(key)).await
    }

    async fn ask(
        &self,
        method: Method,
        path: String,
        form: Form,
        key: Option<String>,
    ) -> Result<ApiAnswer, ProviderError> {
        let stopped = || ProviderError("the client of the provider is stopped".to_owned());
        let (reply, answer) = oneshot::channel();
        let request = ApiRequest { method, path, form, key, reply };
        self.requests.send(request).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

/// The one TLS provider of the workspace, and Mozilla's certificate authorities.
fn tls() -> Result<Arc<ClientConfig>, StripeError> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| StripeError::Tls(error.to_string()))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Sends requests until the client is gone.
async fn send_all(
    settings: StripeSettings,
    tls: Arc<ClientConfig>,
    requests: Arc<Mutex<mpsc::Receiver<ApiRequest>>>,
) -> WorkerEnd {
    let mut requests = requests.lock().await;
    let connector = Connector::new().rustls_0_23(tls).timeout(CONNECT).handshake_timeout(CONNECT);
    let http = awc::Client::builder()
        .connector(connector)
        .timeout(settings.timeout)
        .disable_redirects()
        .add_default_header(("stripe-version", API_VERSION))
        .finish();
    let settings = Rc::new(settings);
    let turns = Arc::new(Semaphore::new(settings.concurrency.max(1)));
    while let Some(request) = requests.recv().await {
        // An error would mean that the turns are closed, which they never are.
        let Ok(turn) = turns.clone().acquire_owned().await else { return WorkerEnd::Died };
        // A request without a waiting caller is not begun; a begun one is not aborted.
        if request.reply.is_closed() {
            continue;
        }
        let (http, settings) = (http.clone(), settings.clone());
        actix::spawn(async move {
            let _turn = turn;
            let limit = settings.timeout;
            let sent = timeout(limit, send(&http, &settings, &request)).await;
            let answer = sent.unwrap_or_else(|_| Err(ProviderError("no answer in time".to_owned())));
            // An error means that nobody waits any longer.
            let _ = request.reply.send(answer);
        });
    }
    WorkerEnd::Done
}

async fn send(
    http: &awc::Client,
    settings: &StripeSettings,
    request: &ApiRequest,
) -> Result<ApiAnswer, ProviderError> {
    match send_once(http, settings, request).await {
        // The server may have closed an idle connection. A repeated request has no further effect.
        Err(SendRequestError::Send(_) | SendRequestError::Response(_)) => {
            send_once(http, settings, request).await
        }
        result => result,
    }
    .map_err(|error| ProviderError(kind(&error).to_owned()))
}

async fn send_once(
    http: &awc::Client,
    settings: &StripeSettings,
    request: &ApiRequest,
) -> Result<ApiAnswer, SendRequestError> {
    let url = format!("{}{}", settings.base_url.trim_end_matches('/'), request.path);
    let mut outgoing = http
        .request(request.method.clone(), url)
        .insert_header((header::AUTHORIZATION, bearer(&settings.secret_key)));
    if let Some(key) = &request.key {
        outgoing = outgoing.insert_header(("idempotency-key", key.as_str()));
    }
    let mut response = match request.method {
        Method::GET => outgoing.send().await?,
        _ => outgoing.send_form(&request.form).await?,
    };
    let status = response.status().as_u16();
    let body = response.body().limit(LONGEST_BODY).await;
    // A broken body leaves the outcome unknown, as a body that is not JSON.
    let body = body.ok().and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or(Value::Null);
    Ok(ApiAnswer { status, body })
}

fn bearer(key: &SecretString) -> String {
    format!("Bearer {}", key.expose_secret())
}

/// The kind of the fault, without the content of the request.
fn kind(error: &SendRequestError) -> &'static str {
    match error {
        SendRequestError::Connect(_) => "no connection",
        SendRequestError::Timeout => "no answer in time",
        SendRequestError::Send(_) | SendRequestError::Response(_) => "the connection broke",
        _ => "the request failed",
    }
}
