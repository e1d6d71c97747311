//! A server in the place of booking and the mailer, as far as they know people.

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, web};
use serde_json::{Value, json};
use shared::auth::{ServiceCaller, ServiceTokens};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};
use testkit::SERVICE_TOKEN_SECRET;
use tokio::sync::{mpsc, watch};
use url::Url;

const BOOKINGS: [&str; 2] = ["0190f2b0-0000-7000-8000-000000000002", "0190f2b0-0000-7000-8000-000000000001"];

struct State {
    /// The calls, in their order.
    calls: Mutex<Vec<Value>>,
    heard: mpsc::UnboundedSender<()>,
    ahead: AtomicBool,
    /// Whether calls are answered, or wait.
    answers: watch::Sender<bool>,
}

/// The server. It answers only to calls with a service token.
pub(crate) struct FakePeople {
    pub(crate) url: Url,
    state: Arc<State>,
    heard: mpsc::UnboundedReceiver<()>,
    handle: ServerHandle,
}

async fn answer(
    _: ServiceCaller,
    request: HttpRequest,
    state: web::Data<State>,
    body: web::Bytes,
) -> HttpResponse {
    let path = request.uri().to_string();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    state.calls.lock().unwrap().push(json!({"path": path, "body": body}));
    let answer = match path.as_str() {
        "/internal/letters/export" => json!({"letters": [{"id": "letter"}]}),
        "/internal/letters/erase" => json!({"sending": 0}),
        path if path.ends_with("/erase") && state.ahead.load(Ordering::Relaxed) => {
            return HttpResponse::Conflict().json(json!({"refers": ["bookings/x"]}));
        }
        path if path.ends_with("/erase") => json!({"bookings": BOOKINGS}),
        path if path.ends_with("after=next") => {
            json!({"data": [{"id": BOOKINGS[1]}], "page": {"next": null}})
        }
        _ => json!({"data": [{"id": BOOKINGS[0]}], "page": {"next": "next"}}),
    };
    let _ = state.heard.send(());
    let _ = state.answers.subscribe().wait_for(|answers| *answers).await;
    HttpResponse::Ok().json(answer)
}

impl FakePeople {
    pub(crate) fn start() -> Self {
        let (sender, heard) = mpsc::unbounded_channel();
        let state = Arc::new(State {
            calls: Mutex::default(),
            heard: sender,
            ahead: AtomicBool::new(false),
            answers: watch::Sender::new(true),
        });
        let shared = web::Data::from(Arc::clone(&state));
        let tokens = web::Data::new(ServiceTokens::new(SERVICE_TOKEN_SECRET.to_owned().into()));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .app_data(tokens.clone())
                .route("/health/ready", web::get().to(HttpResponse::Ok))
                .default_service(web::to(answer))
        })
        .workers(1)
        .shutdown_timeout(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
        let url = format!("http://{}", server.addrs()[0]).parse().unwrap();
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { url, state, heard, handle }
    }

    /// The ids of everybody's bookings.
    pub(crate) fn bookings(&self) -> Vec<Value> {
        BOOKINGS.iter().map(|id| json!(id)).collect()
    }

    /// The calls so far.
    pub(crate) fn calls(&self) -> Vec<Value> {
        self.state.calls.lock().unwrap().clone()
    }

    /// Whether bookings are ahead from now on.
    pub(crate) fn set_ahead(&self, ahead: bool) {
        self.state.ahead.store(ahead, Ordering::Relaxed);
    }

    /// Whether calls are answered from now on, or wait until they are.
    pub(crate) fn set_answers(&self, answers: bool) {
        self.state.answers.send_replace(answers);
    }

    /// Waits for the next call that succeeds.
    pub(crate) async fn heard(&mut self) {
        self.heard.recv().await.unwrap();
    }

    pub(crate) async fn stop(self) {
        self.handle.stop(false).await;
    }
}
