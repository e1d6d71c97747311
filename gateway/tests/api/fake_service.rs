//! A small server in the place of a service.

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, http::header, web};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::mpsc;
use url::Url;

pub(crate) struct FakeService {
    pub(crate) url: Url,
    handle: ServerHandle,
    /// Parts of the body of `GET /api/v1/cities/STREAM` or of a seat map's events, sent as they come;
    /// the body ends with the sender.
    pub(crate) parts: Option<mpsc::UnboundedSender<web::Bytes>>,
}

struct FakeServiceState {
    document: Value,
    parts: Mutex<Option<mpsc::UnboundedReceiver<web::Bytes>>>,
}

/// Tells what it was asked.
async fn echo(request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let headers: serde_json::Map<String, Value> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().into()))
        .collect();
    HttpResponse::Ok().json(json!({
        "method": request.method().as_str(),
        "target": request.uri().to_string(),
        "headers": headers,
        "length": body.len(),
        "body": String::from_utf8_lossy(&body[..body.len().min(100)]),
    }))
}

async fn silent() -> HttpResponse {
    std::future::pending().await
}

async fn city(code: web::Path<String>, state: web::Data<FakeServiceState>) -> HttpResponse {
    match code.as_str() {
        "HOPS" => HttpResponse::Created()
            .insert_header(("keep-alive", "timeout=5"))
            .insert_header(("x-end-to-end", "1"))
            .insert_header(("access-control-allow-origin", "*"))
            .insert_header(("etag", "\"7\""))
            .body("made"),
        "REDIRECT" => {
            HttpResponse::Found().insert_header(("location", "http://127.0.0.1:1/elsewhere")).finish()
        }
        "UNCHANGED" => HttpResponse::NotModified().insert_header(("etag", "\"7\"")).finish(),
        "BARE" => HttpResponse::NotFound().body("not here"),
        "FORBIDDEN" => HttpResponse::Forbidden().json(json!({"code": "forbidden"})),
        "UNVERIFIED" => HttpResponse::Forbidden().json(json!({"code": "email_unverified"})),
        "ZIPPED" => {
            HttpResponse::Ok().insert_header(("content-encoding", "gzip")).body(&b"not really zipped"[..])
        }
        "PAGE" => HttpResponse::Ok()
            .insert_header(("content-security-policy", "default-src 'self'"))
            .insert_header(("referrer-policy", "same-origin"))
            .body("a page"),
        "LARGE" => HttpResponse::Ok().body(vec![b'x'; 5 << 20]),
        "STREAM" => stream(&state).unwrap(),
        "SILENT" => silent().await,
        _ => HttpResponse::Ok().json(json!({"code": code.as_str()})),
    }
}

/// The parts as they come, for whoever asks first.
fn stream(state: &FakeServiceState) -> Option<HttpResponse> {
    let parts = state.parts.lock().unwrap().take()?;
    let parts = futures_util::stream::unfold(parts, async |mut parts| {
        parts.recv().await.map(|part| (Ok::<_, std::io::Error>(part), parts))
    });
    Some(HttpResponse::Ok().content_type("text/event-stream").streaming(parts))
}

async fn events(request: HttpRequest, state: web::Data<FakeServiceState>) -> HttpResponse {
    let mut response = stream(&state).unwrap_or_else(|| HttpResponse::Ok().finish());
    if let Some(seen) = request.headers().get("last-event-id") {
        response.headers_mut().insert(header::HeaderName::from_static("x-seen"), seen.clone());
    }
    response
}

impl FakeService {
    pub(crate) fn start() -> Self {
        Self::start_with(json!({"openapi": "3.1.0", "info": {}, "paths": {}}))
    }

    pub(crate) fn start_with(document: Value) -> Self {
        let (parts, receiver) = mpsc::unbounded_channel();
        let state = FakeServiceState { document, parts: Mutex::new(Some(receiver)) };
        let state = web::Data::from(Arc::new(state));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(state.clone())
                .app_data(web::PayloadConfig::new(64 << 20))
                .route(
                    "/openapi.json",
                    web::get().to(async |state: web::Data<FakeServiceState>| {
                        HttpResponse::Ok().json(&state.document)
                    }),
                )
                .route("/health/ready", web::get().to(HttpResponse::Ok))
                .route("/api/v1/cities/{code}", web::get().to(city))
                .route("/api/v1/flights/{id}/seat-map/events", web::get().to(events))
                .route("/api/v1/flights/SILENT/seat-map", web::get().to(silent))
                .default_service(web::to(echo))
        })
        .workers(1)
        .shutdown_timeout(1)
        .keep_alive(Duration::from_secs(5))
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
        let url = format!("http://{}", server.addrs()[0]).parse().unwrap();
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { url, handle, parts: Some(parts) }
    }

    pub(crate) async fn stop(self) {
        self.handle.stop(false).await;
    }
}
