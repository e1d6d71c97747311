//! One OpenAPI document of all services.

use crate::{
    actors::{InstanceChoice, Upstreams},
    domain::{openapi_merge::merge, routing_table::ServiceName},
};
use actix_web::{
    HttpResponse,
    http::header,
    web::{self, Bytes},
};
use awc::Client;
use futures_util::future::join_all;
use serde_json::Value;
use shared::http::{NoParameters, Problem};
use std::time::Duration;
use tokio::{sync::Mutex, time::Instant};

/// How long the document is kept before it is merged again...
const KEEP_COMPLETE: Duration = Duration::from_secs(60);
/// ...and how long while a service is missing from it.
const KEEP_INCOMPLETE: Duration = Duration::from_secs(2);
/// How long a service may take to answer with its document.
const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes of a service's document at most.
const LARGEST_DOCUMENT: usize = 8 << 20;

/// The merged document, shared by the threads of the gateway.
pub(crate) struct MergedOpenApi {
    /// The gateway's own document, into which the others are merged.
    own: Value,
    kept: Mutex<Option<(Instant, Bytes)>>,
}

impl MergedOpenApi {
    /// Merges the services' documents into the gateway's own.
    pub(crate) fn new(own: &utoipa::openapi::OpenApi) -> Self {
        Self { own: serde_json::to_value(own).unwrap_or_default(), kept: Mutex::default() }
    }

    /// The document as JSON. Requests at the same time wait for one merge, for as long as a service may take to
    /// answer.
    async fn json(&self, upstreams: &Upstreams) -> Bytes {
        let mut kept = self.kept.lock().await;
        if let Some((_, document)) = kept.as_ref().filter(|(until, _)| *until > Instant::now()) {
            return document.clone();
        }
        let (document, complete) = self.merge_all(upstreams).await;
        let bytes = Bytes::from(document.to_string());
        let until = Instant::now() + if complete { KEEP_COMPLETE } else { KEEP_INCOMPLETE };
        *kept = Some((until, bytes.clone()));
        bytes
    }

    /// The document, and whether all services are in it.
    async fn merge_all(&self, upstreams: &Upstreams) -> (Value, bool) {
        let mut whole = self.own.clone();
        let client = Client::builder().timeout(FETCH_TIMEOUT).disable_redirects().finish();
        let fetches = ServiceName::UPSTREAMS.map(|service| fetch(&client, upstreams, service));
        let documents = join_all(fetches).await;
        let mut missing = Vec::new();
        for (service, document) in ServiceName::UPSTREAMS.into_iter().zip(documents) {
            match document {
                Some(document) => merge(&mut whole, service.as_str(), document),
                None => missing.push(service.as_str()),
            }
        }
        let complete = missing.is_empty();
        whole["servers"] = serde_json::json!([{"url": "/"}]);
        whole["x-unavailable-services"] = missing.into();
        (whole, complete)
    }
}

async fn fetch(client: &Client, upstreams: &Upstreams, service: ServiceName) -> Option<Value> {
    let request = upstreams.of(service)?.pick(InstanceChoice::LEAST_BUSY).ok()?;
    let mut response = client.get(request.address("/openapi.json")).send().await.ok()?;
    if !response.status().is_success() {
        return None;
    }
    let body = tokio::time::timeout(FETCH_TIMEOUT, response.body().limit(LARGEST_DOCUMENT));
    let bytes = body.await.ok()?.ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}

/// Read this document
///
/// The OpenAPI document of all services. `x-unavailable-services` names those that do not answer.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "documentation", operation_id = "openapi",
    responses(
        (status = 200, description = "OpenAPI 3.1.", body = Object),
    ),
)]
pub(super) async fn merged(
    _: NoParameters,
    document: web::Data<MergedOpenApi>,
    upstreams: web::Data<Upstreams>,
) -> Result<HttpResponse, Problem> {
    let json = document.json(&upstreams).await;
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(json))
}
