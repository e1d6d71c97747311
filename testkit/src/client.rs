//! A small JSON client over real HTTP.

use crate::{SERVICE_TOKEN_SECRET, events::EventStream};
use awc::http::{Method, StatusCode, header::HeaderMap};
use serde_json::Value;
use shared::auth::{GATEWAY, LastingToken, SERVICE_TOKEN, ServiceTokens};
use std::time::Duration;

/// A client of one base address, with a token or without. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    http: awc::Client,
    base: String,
    headers: Vec<(String, String)>,
}

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub bytes: Vec<u8>,
    /// The body as JSON; null where it is none.
    pub json: Value,
}

impl Answer {
    /// A header's value; empty where it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The problem code of the answer; empty where it is none.
    #[must_use]
    pub fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    /// Demands a status and gives the JSON.
    ///
    /// # Panics
    /// With the whole answer, when the status is another.
    pub fn expect(self, status: u16) -> Value {
        let text = String::from_utf8_lossy(&self.bytes).into_owned();
        assert_eq!(self.status.as_u16(), status, "{text}");
        self.json
    }

    /// Demands a problem of this status and code.
    ///
    /// # Panics
    /// With the whole answer, when it is something else.
    pub fn expect_problem(&self, status: u16, code: &str) {
        let text = String::from_utf8_lossy(&self.bytes);
        assert_eq!((self.status.as_u16(), self.code()), (status, code), "{text}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{text}");
    }

    /// The pointers and parameters of a `validation_failed`, in the order told.
    #[must_use]
    pub fn invalid(&self) -> Vec<String> {
        let errors = self.json["errors"].as_array().cloned().unwrap_or_default();
        let place =
            |error: &Value| error["pointer"].as_str().or(error["parameter"].as_str()).map(str::to_owned);
        errors.iter().filter_map(place).collect()
    }
}

impl Client {
    /// A client without a token. `base` is `http://127.0.0.1:8080`, without a path.
    #[must_use]
    pub fn new(base: impl Into<String>) -> Self {
        let http = awc::Client::builder()
            .connector(awc::Connector::new().limit(0))
            .timeout(Duration::from_secs(30))
            .disable_redirects()
            .finish();
        Self { http, base: base.into(), headers: Vec::new() }
    }

    /// The same for another base address.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// The same with an access token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        self.with_header("authorization", &format!("Bearer {token}"))
    }

    /// The same with a header on every request.
    #[must_use]
    pub fn with_header(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.retain(|(present, _)| present != name);
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    /// The same as if the gateway passed on the requests of a client of this address, with its service token.
    ///
    /// # Panics
    /// When the token cannot be signed.
    #[must_use]
    pub fn by_gateway(&self, address: &str) -> Self {
        let tokens = ServiceTokens::new(SERVICE_TOKEN_SECRET.to_owned().into());
        let token = LastingToken::new(tokens, GATEWAY).value().expect("a token");
        self.with_header(SERVICE_TOKEN.as_str(), token.to_str().expect("a token is ASCII"))
            .with_header("x-forwarded-for", address)
    }

    /// Sends any request. The path starts with `/`.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Option<Vec<u8>>,
    ) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.insert_header((name.as_str(), value.as_str()));
        }
        let sent = match body {
            Some(body) => request.insert_header(("content-type", content_type)).send_body(body).await,
            None => request.send().await,
        };
        let mut response = sent.unwrap_or_else(|error| panic!("{path}: {error}"));
        let bytes =
            response.body().limit(64 << 20).await.unwrap_or_else(|error| panic!("{path}: {error}")).to_vec();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: response.status(), headers: response.headers().clone(), bytes, json }
    }

    /// Opens a stream of events, or goes on with one after the event of this id.
    ///
    /// # Panics
    /// When the answer is no stream.
    pub async fn events(&self, path: &str, last_event_id: Option<&str>) -> EventStream {
        let mut request = self.http.get(format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.insert_header((name.as_str(), value.as_str()));
        }
        if let Some(id) = last_event_id {
            request = request.insert_header(("last-event-id", id));
        }
        EventStream::new(request.send().await.unwrap_or_else(|error| panic!("{path}: {error}")))
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "", None).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, "", None).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, "application/json", Some(body.to_string().into_bytes())).await
    }

    /// PATCH with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, "application/merge-patch+json", Some(body.to_string().into_bytes()))
            .await
    }

    /// PUT with a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, "application/json", Some(body.to_string().into_bytes())).await
    }
}
