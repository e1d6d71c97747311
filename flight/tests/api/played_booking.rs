//! A booking service that is played: it answers what a test says, and notes what it is asked.

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value, json};
use shared::{
    auth::{ServiceCaller, ServiceTokens},
    events::SeatsState,
    http::Id,
    ids::FlightId,
};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};
use testkit::SERVICE_TOKEN_SECRET;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard, Notify};

/// What it answers, and what it was asked.
pub(crate) struct PlayedBooking {
    /// The answer to a closing.
    pub(crate) live_bookings: Arc<AtomicU64>,
    /// How often it was asked to close a flight.
    pub(crate) closings: Arc<AtomicU64>,
    impact: Mutex<Value>,
    /// `None`: it is out of order.
    withdrawal: Mutex<Option<Value>>,
    asked: Mutex<Vec<(String, Value)>>,
    /// Told of each question for a withdrawal, when it has come.
    pub(crate) asked_to_withdraw: Notify,
    /// Withdrawals are answered one after the other.
    answering: AsyncMutex<()>,
    /// The seats that it has sold.
    pub(crate) seats: Mutex<Vec<SeatsState>>,
}

impl PlayedBooking {
    /// Starts it; gives its address, too.
    pub(crate) fn start() -> (Arc<Self>, url::Url) {
        let played = Arc::new(Self {
            live_bookings: Arc::default(),
            closings: Arc::default(),
            impact: Mutex::new(json!({
                "bookings": 0, "passengers": 0, "paid": {"amount": "0.00", "currency": "EUR"}, "reseated": [],
                "too_small": null,
            })),
            withdrawal: Mutex::new(Some(json!({"outcome": "withdrawn", "was_on_sale": true}))),
            asked: Mutex::default(),
            asked_to_withdraw: Notify::new(),
            answering: AsyncMutex::default(),
            seats: Mutex::default(),
        });
        let address = serve(played.clone());
        (played, address)
    }

    /// What it answers from now on to the question what a disruption would mean.
    pub(crate) fn set_impact(&self, impact: Value) {
        *self.impact.lock().expect("a lock") = impact;
    }

    /// What it answers from now on to a withdrawal; `None`: it is out of order.
    pub(crate) fn set_withdrawal(&self, withdrawal: Option<Value>) {
        *self.withdrawal.lock().expect("a lock") = withdrawal;
    }

    /// Keeps it from answering withdrawals, as long as what it gives lives.
    pub(crate) async fn stall(&self) -> AsyncMutexGuard<'_, ()> {
        self.answering.lock().await
    }

    /// What it was asked since the last call: acts, with their bodies.
    pub(crate) fn asked(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.asked.lock().expect("a lock"))
    }

    /// The acts that it was asked since the last call.
    pub(crate) fn acts(&self) -> Vec<String> {
        self.asked().into_iter().map(|(act, _)| act).collect()
    }

    fn note(&self, act: &str, body: Value) {
        self.asked.lock().expect("a lock").push((act.to_owned(), body));
    }
}

async fn close(
    _: ServiceCaller,
    _: Id<FlightId>,
    body: web::Json<Value>,
    played: web::Data<PlayedBooking>,
) -> HttpResponse {
    assert!(body["flight"]["version"].is_i64(), "{body:?}");
    played.closings.fetch_add(1, Ordering::SeqCst);
    HttpResponse::Ok().json(match played.live_bookings.load(Ordering::SeqCst) {
        0 => json!({"outcome": "closed"}),
        live => json!({"outcome": "booked", "live_bookings": live}),
    })
}

async fn act(
    _: ServiceCaller,
    path: web::Path<(FlightId, String)>,
    body: web::Json<Value>,
    played: web::Data<PlayedBooking>,
) -> HttpResponse {
    let act = path.into_inner().1;
    played.note(&act, body.into_inner());
    match act.as_str() {
        "impact" => HttpResponse::Ok().json(&*played.impact.lock().expect("a lock")),
        "withdraw" => {
            played.asked_to_withdraw.notify_one();
            let _answering = played.answering.lock().await;
            match &*played.withdrawal.lock().expect("a lock") {
                Some(answer) => HttpResponse::Ok().json(answer),
                None => HttpResponse::ServiceUnavailable().finish(),
            }
        }
        _ => HttpResponse::NotFound().finish(),
    }
}

async fn follow(
    _: ServiceCaller,
    _: Id<FlightId>,
    body: web::Json<Value>,
    played: web::Data<PlayedBooking>,
) -> HttpResponse {
    played.note("follow", body.into_inner());
    HttpResponse::NoContent().finish()
}

async fn seat_versions(_: ServiceCaller, played: web::Data<PlayedBooking>) -> HttpResponse {
    let seats = played.seats.lock().expect("the seats");
    let versions: Vec<_> = seats.iter().map(|state| (state.flight_id, state.version)).collect();
    HttpResponse::Ok().json(json!({"data": versions, "next": null}))
}

async fn seats(_: ServiceCaller, request: HttpRequest, played: web::Data<PlayedBooking>) -> HttpResponse {
    let seats = played.seats.lock().expect("the seats");
    let asked = |state: &&SeatsState| request.query_string().contains(&state.flight_id.to_string());
    HttpResponse::Ok().json(json!({"data": seats.iter().filter(asked).collect::<Vec<_>>()}))
}

fn serve(played: Arc<PlayedBooking>) -> url::Url {
    let tokens = web::Data::new(ServiceTokens::new(SERVICE_TOKEN_SECRET.to_owned().into()));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::from(played.clone()))
            .app_data(tokens.clone())
            .route("/internal/seats/versions", web::get().to(seat_versions))
            .route("/internal/seats", web::get().to(seats))
            .route("/internal/flights/{id}/close", web::post().to(close))
            .route("/internal/flights/{id}/{act}", web::post().to(act))
            .route("/internal/flights/{id}", web::put().to(follow))
    })
    .workers(1)
    .disable_signals()
    .bind("127.0.0.1:0")
    .expect("a port");
    let address = server.addrs()[0];
    actix_web::rt::spawn(server.run());
    format!("http://{address}").parse().expect("an address")
}
