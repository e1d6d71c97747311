//! `/internal/seats`: what the flight service asks when it may have missed messages about seats.

use super::booking_reader::BookingReader;
use crate::store::seat_versions;
use actix_web::{HttpResponse, web};
use serde_json::json;
use shared::{
    auth::ServiceCaller,
    db::DbError,
    http::{Problem, QueryParameters},
    ids::FlightId,
};
use uuid::Uuid;

/// Versions of one answer.
const VERSIONS: i64 = 5000;
/// Flights that can be asked for at once.
const FLIGHTS: usize = 100;

/// `GET /internal/seats/versions?after=`: the seat versions of flights ahead that have any, by flight id, from behind one;
/// `next` is the `after` of the next answer, null at the end.
pub(super) async fn versions(
    _caller: ServiceCaller,
    mut parameters: QueryParameters,
    reading: web::Data<BookingReader>,
) -> Result<HttpResponse, Problem> {
    let after = parameters.optional("after").unwrap_or(FlightId(Uuid::nil()));
    parameters.finish()?;
    let mut connection = reading.pool.get().await?;
    let found = seat_versions::behind(&mut connection, after, VERSIONS).await.map_err(DbError::from)?;
    let is_full = i64::try_from(found.len()).is_ok_and(|count| count == VERSIONS);
    let next = found.last().filter(|_| is_full).map(|(flight, _)| *flight);
    Ok(HttpResponse::Ok().json(json!({ "data": found, "next": next })))
}

/// `GET /internal/seats?flight=&flight=`: the seats of these flights as `seats.changed` tells them. Unknown flights are
/// left out.
pub(super) async fn states(
    _caller: ServiceCaller,
    mut parameters: QueryParameters,
    reading: web::Data<BookingReader>,
) -> Result<HttpResponse, Problem> {
    let mut flights: Vec<FlightId> = Vec::new();
    for text in parameters.repeated("flight") {
        match text.parse() {
            Ok(flight) => flights.push(flight),
            Err(error) => parameters.error("flight", error),
        }
    }
    if flights.len() > FLIGHTS {
        parameters.error("flight", format!("must be given {FLIGHTS} times at most"));
    }
    parameters.finish()?;
    let mut connection = reading.pool.get().await?;
    let data = seat_versions::states(&mut connection, &flights).await.map_err(DbError::from)?;
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}
