//! `GET /flights/{id}/seat-map/events`.

use super::context::Context;
use crate::{actors::seat_map::SeatMapFeeds, error::not_found};
use actix_web::{HttpRequest, HttpResponse, http::header, web};
use shared::{
    http::{Id, Problem, QueryParameters},
    ids::FlightId,
};
use utoipa::ToSchema;

/// Follow the seat map of a flight
///
/// Server-Sent Events: `snapshot` with the whole seat map, then `seats` with the seats that changed. The `id` of an
/// event is the version of the seats, the same on all instances. A client sends the last one in `Last-Event-ID` to
/// go on where a stream ended; where that is not possible, the stream begins with a `snapshot`. The seats of an
/// expired hold become available when the hold is swept, as a rule within a second. The server closes the stream of
/// a client that reads too slowly; the client may connect again.
#[utoipa::path(
    get, path = "/api/v1/flights/{id}/seat-map/events", tag = "seats",
    params(
        ("id" = String, Path, description = "The flight"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event seen"),
    ),
    responses(
        (status = 200, description = "Events `snapshot` (data: `SeatMap`) and `seats` (data: `ChangedSeats`), a heartbeat each 15 seconds", body = SeatMapEvent, content_type = "text/event-stream"),
        (status = 429, description = "rate_limited: this client follows too many already"),
        (status = 503, description = "Too many follow already; `Retry-After`"),
    ),
)]
pub(crate) async fn get(
    request: HttpRequest,
    id: Id<FlightId>,
    parameters: QueryParameters,
    Context(context): Context,
    feeds: web::Data<SeatMapFeeds>,
) -> Result<HttpResponse, Problem> {
    parameters.finish()?;
    let reader = feeds.open(id.0, last_seen(&request), context).await.map_err(not_found)?;
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        // For proxies that would collect the stream.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(reader))
}

/// An event of the stream.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read by the schema derive only")]
struct SeatMapEvent {
    /// `snapshot` or `seats`.
    event: SeatMapEventName,
    /// The version of the seats.
    #[schema(example = "42")]
    id: String,
    /// A `SeatMap` after `snapshot`, `ChangedSeats` after `seats`, as JSON.
    data: String,
}

/// What an event tells.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the schema derive only")]
enum SeatMapEventName {
    /// The whole seat map.
    Snapshot,
    /// Seats that changed.
    Seats,
}

/// The version that the client has seen last; what is none counts as absent.
fn last_seen(request: &HttpRequest) -> Option<i64> {
    request.headers().get("last-event-id")?.to_str().ok()?.trim().parse().ok().filter(|version| *version >= 0)
}
