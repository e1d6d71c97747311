//! The documentation of all services: one OpenAPI document, and a browser for it that works offline.

use super::openapi;
use crate::{
    actors::{Load, Upstreams},
    domain::{openapi::merge, routes::Service},
};
use actix_web::{
    HttpResponse,
    http::header,
    web::{self, Bytes},
};
use awc::Client;
use futures_util::future::join_all;
use serde_json::Value;
use shared::http::{Code, NoParameters, Problem, ProblemBody};
use std::{sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::Instant};
use utoipa_swagger_ui::Config;

/// The document is put together again after this time...
const KEPT: Duration = Duration::from_secs(60);
/// ...or sooner, while a service is missing from it.
const KEPT_INCOMPLETE: Duration = Duration::from_secs(2);
/// How long a service may take to show its own.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes at most of a service's own.
const LARGEST: usize = 8 << 20;

/// The merged document, shared by the threads of the gateway.
#[derive(Default)]
pub struct Documents(Mutex<Option<(Instant, Bytes)>>);

/// The OpenAPI document of all services. One that does not answer is named in
/// `x-unavailable-services`.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "documentation", operation_id = "openapi",
    responses(
        (status = 200, description = "OpenAPI 3.1.", body = Object),
        (status = 422, description = "`validation_failed`", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn merged(
    _: NoParameters,
    documents: web::Data<Documents>,
    upstreams: web::Data<Upstreams>,
) -> Result<HttpResponse, Problem> {
    // Who comes meanwhile waits for the same document: at most as long as a service may take.
    let mut kept = documents.0.lock().await;
    let document = match kept.as_ref().filter(|(until, _)| *until > Instant::now()) {
        Some((_, document)) => document.clone(),
        None => {
            let (document, complete) = put_together(&upstreams).await;
            let bytes = Bytes::from(document.to_string());
            let until = Instant::now() + if complete { KEPT } else { KEPT_INCOMPLETE };
            *kept = Some((until, bytes.clone()));
            bytes
        }
    };
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(document))
}

/// Gives the document, and whether all services are in it.
async fn put_together(upstreams: &Upstreams) -> (Value, bool) {
    let mut whole = serde_json::to_value(openapi::document()).unwrap_or_default();
    // What is not public is in no document.
    let client = Client::builder().timeout(PATIENCE).disable_redirects().finish();
    let fetched = join_all(Service::UPSTREAMS.map(|service| fetch(&client, upstreams, service))).await;
    let mut missing = Vec::new();
    for (service, document) in Service::UPSTREAMS.into_iter().zip(fetched) {
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

async fn fetch(client: &Client, upstreams: &Upstreams, service: Service) -> Option<Value> {
    let place = upstreams.of(service)?.pick(Load::Requests).ok()?;
    let mut response = client.get(place.address("/openapi.json")).send().await.ok()?;
    if !response.status().is_success() {
        return None;
    }
    let bytes = tokio::time::timeout(PATIENCE, response.body().limit(LARGEST)).await.ok()?.ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}

/// `GET /api/docs`: relative links of the page need the slash.
pub(super) async fn to_browser() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/api/docs/")).finish()
}

/// `GET /api/docs/...`: Swagger UI, whose files are in the binary.
pub(super) async fn browser(file: web::Path<String>) -> Result<HttpResponse, Problem> {
    let config = Arc::new(Config::new(["/api/openapi.json"]).use_base_layout());
    let found = utoipa_swagger_ui::serve(&file, config).map_err(|error| Problem::internal(&*error))?;
    let file = found.ok_or_else(|| Problem::new(Code::NotFound))?;
    let mut response = HttpResponse::Ok();
    if file.gzpipped {
        response.insert_header(header::ContentEncoding::Gzip);
    }
    Ok(response
        .content_type(file.content_type)
        .insert_header((header::CACHE_CONTROL, "public, max-age=60"))
        .body(file.bytes.into_owned()))
}
