//! The waiting rooms of overloaded flights, on the way of a request.
//!
//! Only new bookings wait: a caller who pays, changes or cancels has a booking already, and holds seats meanwhile.
//! Callers with `limits:exempt` do not wait, but the overload that they meet is reported like any other.

use crate::{
    actors::{OverloadReport, QueuePlace, RoomEntry, WaitingRooms},
    domain::{queue_ticket::TicketHolder, routing_table::ApiRoute},
    http::proxy::overloaded,
};
use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    body::{self, BoxBody},
    dev::Payload,
    http::StatusCode,
    web,
};
use serde::Deserialize;
use shared::{
    auth::{MaybeCaller, Permission},
    http::{Code, Problem},
    ids::{FlightId, UserId},
};

/// The header in which a ticket comes back.
pub(crate) const QUEUE_TICKET: &str = "queue-ticket";
/// Bytes of a problem of booking at most.
const LARGEST_PROBLEM: usize = 16 * 1024;

/// A new booking that was let pass. It looks at the answer: an overload opens the flight's waiting room.
pub(crate) struct LetPass {
    rooms: web::Data<WaitingRooms>,
    user: UserId,
    /// What it books.
    flights: Vec<FlightId>,
    /// Whether it showed an admitted ticket.
    admitted: bool,
    /// Whether it waits for nobody.
    exempt: bool,
}

/// Lets a request pass, or holds it in the waiting room of one of its flights. Requests that do not wait yield `None`; so
/// do those whose flights are not known.
///
/// # Errors
/// `queued`, with the position and a ticket; `overloaded` where too many arrive at the same time.
pub(crate) async fn enter(
    request: &HttpRequest,
    route: &ApiRoute,
    flights: Vec<FlightId>,
) -> Result<Option<LetPass>, Problem> {
    if (route.method, route.path) != ("POST", "/api/v1/bookings") {
        return Ok(None);
    }
    let Some(rooms) = request.app_data::<web::Data<WaitingRooms>>() else { return Ok(None) };
    if flights.is_empty() {
        return Ok(None);
    }
    let Some(caller) = MaybeCaller::from_request(request, &mut Payload::None).await?.0 else {
        return Ok(None);
    };
    let (user, exempt) = (caller.user_id(), caller.may(Permission::LimitsExempt));
    let mut passes = LetPass { rooms: rooms.clone(), user, flights, admitted: false, exempt };
    if exempt {
        return Ok(Some(passes));
    }
    let shown = request.headers().get(QUEUE_TICKET).and_then(|value| value.to_str().ok());
    let Some(holder) = rooms.queue_of(&passes.flights, user, shown) else { return Ok(Some(passes)) };
    match rooms.enter(holder, shown).await {
        RoomEntry::Free => Ok(Some(passes)),
        RoomEntry::Admitted => {
            passes.admitted = true;
            count("admitted");
            Ok(Some(passes))
        }
        RoomEntry::Queued(place) => Err(queued(place)),
        RoomEntry::Full => Err(overloaded()),
    }
}

impl LetPass {
    /// Looks at the answer of booking. An overload of the flight is reported; a request without a ticket then gets the
    /// next place in the room instead of the answer, so that nobody who comes later is before it.
    ///
    /// # Errors
    /// `queued`; `upstream_unavailable` where the answer was incomplete.
    pub(crate) async fn answered(self, response: HttpResponse) -> Result<HttpResponse, Problem> {
        if response.status() != StatusCode::SERVICE_UNAVAILABLE {
            return Ok(response);
        }
        let (response, body) = response.into_parts();
        let body = match body::to_bytes_limited(body, LARGEST_PROBLEM).await {
            Ok(Ok(body)) => body,
            _ => {
                return Err(
                    Problem::new(Code::UpstreamUnavailable).retry_after(std::time::Duration::from_secs(1))
                );
            }
        };
        if let Some(flight) = overloaded_flight(&body).filter(|flight| self.flights.contains(flight)) {
            let holder = TicketHolder { flight, user: self.user };
            let queues = !self.admitted && !self.exempt;
            let report = OverloadReport { admitted: self.admitted, queues };
            if let Some(place) = self.rooms.overloaded(holder, report).await {
                return Err(queued(place));
            }
        }
        Ok(response.set_body(BoxBody::new(body)))
    }
}

/// The flight whose overload a problem reports.
fn overloaded_flight(body: &[u8]) -> Option<FlightId> {
    #[derive(Deserialize)]
    struct Report {
        code: String,
        flight_id: FlightId,
    }
    let report: Report = serde_json::from_slice(body).ok()?;
    (report.code == Code::Overloaded.as_str()).then_some(report.flight_id)
}

/// The answer to a request that waits.
fn queued(place: QueuePlace) -> Problem {
    count("queued");
    Problem::new(Code::Queued)
        .detail("Many want this flight. Send the request again with the ticket in the header Queue-Ticket.")
        .with("position", place.position)
        .with("ticket", place.ticket)
        .retry_after(place.wait)
}

fn count(outcome: &'static str) {
    metrics::counter!("aerobus_waiting_rooms_requests_total", "outcome" => outcome).increment(1);
}
