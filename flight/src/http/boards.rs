//! The boards of airports: what leaves and what lands on a day.

use super::{
    cache_control::FRESH,
    flights::{FlightListKey, has_flights, is_listed},
    parameters::CalendarDate,
};
use crate::{
    domain::{board::BoardDirection, flight::FlightView, reference::Airport},
    store::{
        ReferenceTable,
        flights::{self, BoardFilter},
    },
};
use actix_web::{HttpRequest, HttpResponse, http::header, web};
use chrono::{NaiveDate, Utc};
use shared::{
    db::Pool,
    flight_time::FlightTime,
    http::{Code, Page, PageRequest, Problem, QueryParameters, key},
    iata::AirportCode,
};

/// The day of a board, and a flight's place in it.
type BoardKey = (NaiveDate, FlightListKey);

/// Read an airport's board
///
/// Its departures or arrivals of a day by their actual time, cancelled ones among them: a flight that is late over midnight stands
/// on the board of the next day.
#[utoipa::path(
    get,
    path = "/api/v1/airports/{iata}/board",
    tag = "flights",
    params(
        ("iata" = String, Path, description = "Code of the airport"),
        ("direction" = Option<String>, Query, description = "`departures`, which is the default, or `arrivals`"),
        ("date" = Option<String>, Query, description = "Local date at the airport, of the actual departure or arrival; today by default"),
        ("limit" = Option<u8>, Query, description = "1 to 200, 50 by default"),
        ("after" = Option<String>, Query, description = "Cursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page of flights", body = Page<FlightView>),
    )
)]
pub(crate) async fn read(
    mut parameters: QueryParameters,
    request: HttpRequest,
    pool: web::Data<Pool>,
) -> Result<HttpResponse, Problem> {
    let direction: BoardDirection = parameters.optional("direction").unwrap_or_default();
    let wanted = parameters.optional("date").map(|CalendarDate(date)| date);
    let named: Result<AirportCode, Problem> = key(&request, "iata");
    let subject = named.as_ref().ok().map(AirportCode::as_str);
    let page = PageRequest::<BoardKey>::read(&mut parameters, &("board", subject, direction, wanted));
    if page.after.is_some_and(|(date, after)| !is_listed(&after) || !has_flights(date)) {
        parameters.error("after", "is not a cursor of this list with these filters");
    }
    parameters.finish()?;
    let mut connection = pool.get().await?;
    let airport = Airport::find(&mut connection, &named?).await?;
    let airport = airport.ok_or_else(|| Problem::new(Code::NotFound))?.value;
    let (zone, now) = (&airport.time_zone, Utc::now());
    let bad_zone = |error: shared::flight_time::InvalidTime| Problem::internal(&error);
    // The pages of a board are of one day, also where its date is not given and midnight passes between two of them.
    let date = match wanted.or(page.after.map(|(date, _)| date)) {
        Some(date) => date,
        None => FlightTime::from_instant(now, zone).map_err(bad_zone)?.local.date(),
    };
    let day = FlightTime::day(date, zone).map_err(bad_zone)?;
    let filter = BoardFilter { airport: airport.iata, direction, day };
    let after = page.after.map(|(_, after)| after);
    let found = flights::board(&mut connection, &filter, after, page.rows()).await?;
    let found = flights::with_seats(&mut connection, found).await?;
    let page = page.page(found, |found| {
        let time = match direction {
            BoardDirection::Departures => &found.flight.departure,
            BoardDirection::Arrivals => &found.flight.arrival,
        };
        (date, (time.at, found.flight.id.0))
    });
    let page = page.map(|found| found.view(now));
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, FRESH)).json(page))
}
