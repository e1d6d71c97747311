//! A client whose server may die at any time: an answer that does not come is an outcome.

use awc::{
    error::{ConnectError, SendRequestError},
    http::{Method, StatusCode},
};
use serde_json::Value;
use std::{io::ErrorKind, net::SocketAddr, time::Duration};

/// Longer than any answer may take. The service's own limits add up to 15 s: five up to the first commit,
/// five for the provider, five for the commit that confirms.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// A user's client of one instance.
#[derive(Clone)]
pub(crate) struct UserClient {
    http: awc::Client,
    base: String,
    token: String,
}

/// What a server answered.
#[derive(Debug, Clone)]
pub(crate) struct ServiceAnswer {
    pub(crate) status: u16,
    /// Whether it says that it is the answer of an earlier request.
    pub(crate) replayed: bool,
    pub(crate) json: Value,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Nobody took the request.
    Refused,
    /// The connection was cut: it may have been carried out, or not.
    Cut,
    /// Nothing came: a hang.
    Silence,
}

impl ServiceAnswer {
    pub(crate) fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    /// The id of the booking that it shows.
    pub(crate) fn id(&self) -> &str {
        self.json["id"].as_str().unwrap_or_default()
    }
}

impl UserClient {
    pub(crate) fn new(address: SocketAddr, token: &str) -> Self {
        let http = awc::Client::builder()
            .connector(awc::Connector::new().limit(0).timeout(Duration::from_secs(5)))
            .timeout(REQUEST_TIMEOUT)
            .disable_redirects()
            .finish();
        Self { http, base: format!("http://{address}"), token: token.to_owned() }
    }

    /// The same of another instance.
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        Self { base: format!("http://{address}"), ..self.clone() }
    }

    /// The same as another user; it shares connections.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    pub(crate) async fn get(&self, path: &str) -> Result<ServiceAnswer, Lost> {
        self.send(Method::GET, path, None, None).await
    }

    pub(crate) async fn post(
        &self,
        path: &str,
        key: Option<&str>,
        body: &Value,
    ) -> Result<ServiceAnswer, Lost> {
        self.send(Method::POST, path, key, Some(body)).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Result<ServiceAnswer, Lost> {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        if let Some(key) = key {
            request = request.insert_header(("idempotency-key", key));
        }
        let sent = match body {
            Some(body) => request.send_json(body).await,
            None => request.send().await,
        };
        let mut response = sent.map_err(|error| match error {
            SendRequestError::Timeout => Lost::Silence,
            SendRequestError::Connect(ConnectError::Io(error))
                if error.kind() == ErrorKind::ConnectionRefused =>
            {
                Lost::Refused
            }
            // Also what awc calls a disconnection: it may be one after the request was sent.
            _ => Lost::Cut,
        })?;
        let bytes = response.body().limit(1 << 20).await.map_err(|_| Lost::Cut)?;
        let status: StatusCode = response.status();
        Ok(ServiceAnswer {
            status: status.as_u16(),
            replayed: response.headers().contains_key("idempotent-replayed"),
            json: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        })
    }
}
