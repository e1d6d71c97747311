//! Flights as everybody may read them. They come from the database, so that what one instance has
//! written every instance shows.

use super::{
    cache_control::FRESH,
    parameters::{CalendarDate, NoParameters, known_places},
};
use crate::{
    domain::flight::FlightView,
    store::flights::{self, FlightFilter},
};
use actix_web::{HttpRequest, HttpResponse, http::header, web};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use shared::{
    db::Pool,
    events::FlightStatus,
    http::{Code, Id, Page, PageRequest, Problem, QueryParameters, conditional},
    ids::FlightId,
};
use std::{
    hash::{DefaultHasher, Hasher},
    ops::RangeInclusive,
    str::FromStr,
};
use uuid::Uuid;

/// A flight's place in a list.
pub(super) type FlightListKey = (DateTime<Utc>, Uuid);

/// No flight leaves in other years. A forged cursor could name a time that the database cannot.
const CURSOR_YEARS: RangeInclusive<i32> = 1970..=2200;

/// Whether a flight could leave on this date.
pub(super) fn has_flights(date: NaiveDate) -> bool {
    CURSOR_YEARS.contains(&date.year())
}

/// Whether a flight could have this place.
pub(super) fn is_listed((at, _): &FlightListKey) -> bool {
    CURSOR_YEARS.contains(&at.year())
}

/// A status by name.
struct Status(FlightStatus);

#[derive(Debug, thiserror::Error)]
#[error("must be scheduled, delayed, cancelled, departed or arrived")]
struct UnknownStatus;

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        match text {
            "scheduled" => Ok(Self(FlightStatus::Scheduled)),
            "delayed" => Ok(Self(FlightStatus::Delayed)),
            "cancelled" => Ok(Self(FlightStatus::Cancelled)),
            "departed" => Ok(Self(FlightStatus::Departed)),
            "arrived" => Ok(Self(FlightStatus::Arrived)),
            _ => Err(UnknownStatus),
        }
    }
}

/// List flights
///
/// By departure.
#[utoipa::path(
    get,
    path = "/api/v1/flights",
    tag = "flights",
    params(
        ("origin" = Option<String>, Query, description = "Code of an airport, or of a city with all of its airports"),
        ("destination" = Option<String>, Query, description = "Code of an airport or a city"),
        ("date" = Option<String>, Query, description = "Date of the planned departure, local to the origin: a late flight keeps it"),
        ("flight_number" = Option<String>, Query, description = "`AE101`"),
        ("status" = Option<FlightStatus>, Query, description = "Departed and arrived are by the clock"),
        ("limit" = Option<u8>, Query, description = "1 to 200, 50 by default"),
        ("after" = Option<String>, Query, description = "Cursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page of flights", body = Page<FlightView>),
    )
)]
pub(crate) async fn list(
    mut parameters: QueryParameters,
    pool: web::Data<Pool>,
) -> Result<HttpResponse, Problem> {
    let filter = FlightFilter {
        origin: parameters.optional("origin"),
        destination: parameters.optional("destination"),
        date: parameters.optional("date").map(|CalendarDate(date)| date),
        flight_number: parameters.optional("flight_number"),
        status: parameters.optional("status").map(|Status(status)| status),
        from: None,
    };
    let page = PageRequest::<FlightListKey>::read(&mut parameters, &("flights", &filter));
    if page.after.is_some_and(|after| !is_listed(&after)) {
        parameters.error("after", "is not a cursor of this list with these filters");
    }
    parameters.finish()?;
    let mut connection = pool.get().await?;
    let named: Vec<_> = [("origin", &filter.origin), ("destination", &filter.destination)]
        .into_iter()
        .filter_map(|(name, code)| Some((name, code.as_ref()?)))
        .collect();
    if !named.is_empty() {
        known_places(&mut connection, &named).await?;
    }
    let now = Utc::now();
    let found = flights::list(&mut connection, &filter, page.after, page.rows(), now).await?;
    let found = flights::with_seats(&mut connection, found).await?;
    let page = page.page(found, |found| (found.flight.departure.at, found.flight.id.0));
    let page = page.map(|found| found.view(now));
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, FRESH)).json(page))
}

/// Read a flight
///
/// Its entity tag also covers seats and prices.
#[utoipa::path(
    get,
    path = "/api/v1/flights/{id}",
    tag = "flights",
    params(("id" = FlightId, Path)),
    responses(
        (status = 200, description = "The flight", body = FlightView),
        (status = 304, description = "Not changed"),
    )
)]
pub(crate) async fn get(
    _: NoParameters,
    request: HttpRequest,
    Id(id): Id<FlightId>,
    pool: web::Data<Pool>,
) -> Result<HttpResponse, Problem> {
    let mut connection = pool.get().await?;
    let found = flights::find(&mut connection, id).await?;
    let found = found.ok_or_else(|| Problem::new(Code::NotFound))?;
    let mut found = flights::with_seats(&mut connection, vec![found]).await?;
    let view = found.pop().map(|found| found.view(Utc::now())).ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(conditional(&request, &tag(&view), FRESH, &view))
}

/// The entity tag of a flight: its version, for writes, and a hash of all that is shown, for reads.
pub(crate) fn tag(view: &FlightView) -> String {
    // With fixed keys, so that all instances say the same.
    let mut hasher = DefaultHasher::new();
    // A view is plain data, which always serialises.
    hasher.write(&serde_json::to_vec(view).unwrap_or_default());
    format!("\"{}.{:016x}\"", view.version, hasher.finish())
}
