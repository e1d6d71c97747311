//! `GET /admin/flights/{id}/manifest`.

use super::deps::StaffDeps;
use crate::{
    deadline,
    domain::manifest::{Manifest, ManifestPassenger},
    http::{booking_reader::BookingReader, cache_control::PRIVATE, context::Context},
    store,
};
use actix_web::{HttpRequest, HttpResponse, http::header, web};
use booking_engine::ports::RequestContext;
use diesel_async::AsyncPgConnection;
use shared::{
    auth::{AuditAuthor, Permitted, required},
    db::DbError,
    events::AuditRecord,
    http::{Code, Id, Problem, QueryParameters, RequestId, preferred, spreadsheet},
    ids::FlightId,
    outbox,
    seat::SeatDesignator,
};

const JSON: &str = "application/json";
const CSV: &str = "text/csv";

/// The names of the columns; see [`columns`].
const COLUMNS: [&str; 9] = [
    "seat",
    "cabin",
    "locator",
    "type",
    "family_name",
    "given_name",
    "ticket_number",
    "adult_seat",
    "passenger_id",
];

/// Read the manifest of a flight
///
/// The passengers of confirmed bookings by seat, as JSON or, by `Accept`, as CSV with a header. Each passenger has a
/// line. The line of an infant follows that of its adult and names the adult's seat. The audit log records each
/// reading.
#[utoipa::path(
    get, path = "/api/v1/admin/flights/{id}/manifest", tag = "staff", security(("bearer" = ["manifest:read"])),
    params(("id" = String, Path, description = "The flight")),
    responses(
        (status = 200, description = "The manifest", content((Manifest = "application/json"), (String = "text/csv"))),
        (status = 406, description = "Neither JSON nor CSV is accepted"),
    ),
)]
pub(crate) async fn get(
    caller: Permitted<required::ManifestRead>,
    (request, request_id): (HttpRequest, RequestId),
    id: Id<FlightId>,
    parameters: QueryParameters,
    Context(context): Context,
    (reading, staff): (web::Data<BookingReader>, web::Data<StaffDeps>),
) -> Result<HttpResponse, Problem> {
    parameters.finish()?;
    let media_type = preferred(&request, &[JSON, CSV])?;
    let author = AuditAuthor::new(&caller, &request_id);
    let record = author.reading("manifest.read", format_args!("flight/{}", id.0));
    let manifest =
        read(&reading, id.0, record, context).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    staff.relay.nudge();
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, PRIVATE)).insert_header((header::VARY, "Accept"));
    if media_type == JSON {
        return Ok(response.json(manifest));
    }
    let attachment = format!("attachment; filename=\"{}\"", file_name(&manifest));
    Ok(response
        .insert_header((header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"))
        .insert_header((header::CONTENT_DISPOSITION, attachment))
        .body(text(&manifest).map_err(|error| Problem::internal(&error))?))
}

/// The manifest of a flight, and the record of its being read: one is not without the other.
async fn read(
    reading: &BookingReader,
    id: FlightId,
    record: AuditRecord,
    context: RequestContext,
) -> Result<Option<Manifest>, Problem> {
    let pool = reading.pool.clone();
    // A task of its own: whatever becomes of the request, the transaction comes to its end.
    let task = actix_web::rt::spawn(async move {
        let mut connection = pool.get().await?;
        let mut snapshot = connection.build_transaction().repeatable_read();
        let read = async |connection: &mut AsyncPgConnection| {
            let Some(flight) = store::flights::states(connection, &[id.0]).await?.pop() else {
                return Ok(None);
            };
            let on_board = store::manifest::passengers_of(connection, id).await?;
            outbox::append(connection, &[record.event("booking")]).await?;
            Ok::<_, diesel::result::Error>(Some(Manifest::new(&flight, &on_board)))
        };
        snapshot.run(read).await.map_err(DbError::from)
    });
    let read = deadline::until(context.deadline, async { Ok(task.await) }).await?;
    Ok(read.map_err(|error| Problem::internal(&error))??)
}

/// `manifest-AE101-2026-12-01.csv`: the day is that of the departure, local to the origin.
fn file_name(manifest: &Manifest) -> String {
    let day: String = manifest.flight.departure.local.to_string().chars().take(10).collect();
    format!("manifest-{}-{day}.csv", manifest.flight.flight_number)
}

fn text(manifest: &Manifest) -> std::io::Result<Vec<u8>> {
    let lines: Vec<_> = manifest.passengers.iter().map(columns).collect();
    let lines = lines.iter().map(|line| line.each_ref().map(String::as_str));
    spreadsheet::document([COLUMNS].into_iter().chain(lines))
}

fn columns(passenger: &ManifestPassenger) -> [String; COLUMNS.len()] {
    let seat = |seat: Option<SeatDesignator>| seat.map(|seat| seat.to_string()).unwrap_or_default();
    [
        seat(passenger.seat),
        passenger.cabin.to_string(),
        passenger.locator.clone(),
        passenger.r#type.to_string(),
        passenger.family_name.clone(),
        passenger.given_name.clone(),
        passenger.ticket_number.clone().unwrap_or_default(),
        seat(passenger.adult_seat),
        passenger.passenger_id.to_string(),
    ]
}
