//! Search. It reads the catalogue's last index, and the database only for codes that no flight has.

use super::{
    cache_control::FRESH,
    search_query::{SearchSettings, check_dates, check_places, named_places, read},
};
use crate::{
    actors::catalogue::CatalogueHandle,
    domain::search::{self, Itinerary, Journey, Rank},
};
use actix_web::{
    HttpResponse,
    http::header::{self, ContentType},
    web,
};
use chrono::Utc;
use shared::{
    db::Pool,
    http::{Code, Page, PageRequest, Problem, QueryParameters},
    seat::Cabin,
};
use std::time::Duration;

/// Slices of a page: an itinerary of six slices with two connections each has 18 flights.
const SLICES_OF_PAGE: usize = 200;

/// Search for journeys
///
/// Finds journeys that can be booked now: one way, out and back (`return_date`), or up to six slices (`slice`, repeated).
/// Each slice has a connection at most, unless `max_connections` says otherwise.
///
/// Each itinerary has a slice for each that is asked for, and its offers are for all of them: one cabin and brand on all
/// flights. A slice leaves after the one before has arrived. Within a slice a connection takes the airport's shortest
/// time at least, does not change the airport, and visits no city twice.
///
/// An itinerary of a slice is left out when another one leaves no earlier, arrives no later, has no more connections,
/// sells each of its offers no dearer, and is better in one of these.
///
/// Each price in `per_passenger` is that of one passenger of the type; `total` is for the whole party and journey.
/// `best` orders by the total plus 25.00 an hour and 40.00 a connection, where the installation has no other values.
#[utoipa::path(
    get,
    path = "/api/v1/search",
    tag = "search",
    params(
        ("origin" = Option<String>, Query, description = "Code of an airport, or of a city with all of its airports. Required where no `slice` is given, as are `destination` and `date`"),
        ("destination" = Option<String>, Query, description = "Code of an airport or a city"),
        ("date" = Option<String>, Query, description = "Date of the departure, local to the origin"),
        ("return_date" = Option<String>, Query, description = "Date of the way back, local to the destination. May be the day before `date`, across the date line"),
        ("slice" = Option<Vec<String>>, Query, description = "In the place of `origin`, `destination` and `date`, 1 to 6 times in the order of travel: `LHR,JFK,2026-12-01`"),
        ("adults" = Option<u32>, Query, description = "1 by default; with the children 9 at most"),
        ("children" = Option<u32>, Query, description = "2 to 11 years"),
        ("infants" = Option<u32>, Query, description = "Under 2 years; not more than adults"),
        ("cabin" = Option<Cabin>, Query, description = "Only offers of this cabin"),
        ("max_connections" = Option<u8>, Query, description = "The most connections of each slice, 0 to 2; 1 by default"),
        ("sort" = Option<String>, Query, description = "`price` (default), `duration`, `departure` or `best`"),
        ("airline" = Option<String>, Query, description = "Only flights of this airline"),
        ("via" = Option<String>, Query, description = "Only slices with a connection at this airport, or in this city"),
        ("depart_after" = Option<String>, Query, description = "Earliest departure of the first flight: `HH:MM`, local to the origin"),
        ("depart_before" = Option<String>, Query, description = "Latest departure of the first flight: `HH:MM`, local to the origin"),
        ("max_duration" = Option<u32>, Query, description = "The most minutes from departure to arrival of each slice"),
        ("max_price" = Option<String>, Query, description = "Highest total, in the sale currency: `250.00`"),
        ("limit" = Option<u8>, Query, description = "1 to 200, 50 by default; a page has 200 slices at most, so of journeys with several slices it may have fewer"),
        ("after" = Option<String>, Query, description = "Cursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page of itineraries", body = Page<Itinerary>),
        (status = 503, description = "The flights are not loaded yet"),
    )
)]
pub(crate) async fn search(
    mut parameters: QueryParameters,
    catalogue: web::Data<CatalogueHandle>,
    pool: web::Data<Pool>,
    settings: web::Data<SearchSettings>,
) -> Result<HttpResponse, Problem> {
    let now = Utc::now();
    let index = catalogue.index();
    let is_multi_city = parameters.has("slice");
    let query = read(&mut parameters, &settings);
    let mut page = PageRequest::<Rank>::read(&mut parameters, &("search", &query));
    if let Some(query) = &query {
        check_dates(&mut parameters, index.as_deref(), (query, is_multi_city), (&settings, now));
        let named = named_places(query, is_multi_city);
        check_places(&mut parameters, index.as_deref(), &named, &pool).await?;
    }
    parameters.finish()?;
    // Without a query an error was noted, so `finish` has answered.
    let query = query.ok_or_else(|| Problem::new(Code::ValidationFailed))?;
    let loading = || Problem::new(Code::UpstreamUnavailable).retry_after(Duration::from_secs(1));
    let index = index.ok_or_else(loading)?;
    let asked = (&query, &settings.rules);
    page.limit = page.limit.min(SLICES_OF_PAGE / query.slices.len().max(1));
    let found = search::search(&index, asked, now, page.after.as_ref(), page.limit + 1);
    let Page { data, page } = page.page(found, Journey::rank);
    let body = search::page(&data, page.next.as_deref(), asked, now);
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, FRESH))
        .insert_header(ContentType::json())
        .body(body))
}
