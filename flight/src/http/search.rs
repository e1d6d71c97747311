//! Search. It reads the catalogue's last index, and the database only for codes that no flight has.

use super::{
    SaleCurrency,
    cache_control::FRESH,
    parameters::{CalendarDate, known_places},
};
use crate::{
    actors::catalogue::CatalogueHandle,
    domain::{
        search::{self, Itinerary, Party, Query, Rank, Slice, Sort},
        timetable::Index,
    },
};
use actix_web::{HttpResponse, http::header, web};
use chrono::{NaiveDate, Utc};
use shared::{
    db::Pool,
    http::{Code, Page, PageRequest, Problem, QueryParameters},
    iata::AirportCode,
    money::{Currency, Money},
    seat::Cabin,
};
use std::time::Duration;

/// Passengers with seats on one booking.
const PARTY: u32 = 9;

/// Search for journeys
///
/// Finds journeys that can be booked now.
///
/// With `return_date` each itinerary has two slices, and its offers are for both. Each price in
/// `per_passenger` is that of one passenger of the type; `total` is for the whole party and journey.
/// `best` weighs the price against the time: a minute counts a third of a unit of money per seat.
#[utoipa::path(
    get,
    path = "/api/v1/search",
    tag = "search",
    params(
        ("origin" = String, Query, description = "Code of an airport, or of a city with all of its airports"),
        ("destination" = String, Query, description = "Code of an airport or a city"),
        ("date" = String, Query, description = "Date of the departure, local to the origin"),
        ("return_date" = Option<String>, Query, description = "Date of the way back, local to the destination. May be the day before `date`, across the date line"),
        ("adults" = Option<u32>, Query, description = "1 by default; with the children 9 at most"),
        ("children" = Option<u32>, Query, description = "2 to 11 years"),
        ("infants" = Option<u32>, Query, description = "Under 2 years; not more than adults"),
        ("cabin" = Option<Cabin>, Query, description = "Only offers of this cabin"),
        ("max_connections" = Option<u8>, Query, description = "0 to 2; journeys are direct"),
        ("sort" = Option<String>, Query, description = "`price` (default), `duration`, `departure` or `best`"),
        ("airline" = Option<String>, Query, description = "Only flights of this airline"),
        ("depart_after" = Option<String>, Query, description = "`HH:MM`, local to the origin"),
        ("depart_before" = Option<String>, Query, description = "`HH:MM`, local to the origin"),
        ("max_price" = Option<String>, Query, description = "Highest total, in the sale currency: `250.00`"),
        ("limit" = Option<u8>, Query, description = "1 to 200, 50 by default"),
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
    currency: web::Data<SaleCurrency>,
) -> Result<HttpResponse, Problem> {
    let query = read(&mut parameters, currency.0);
    let page = PageRequest::<Rank>::read(&mut parameters, &("search", &query));
    parameters.finish()?;
    // Without a query an error was noted, so `finish` has answered.
    let query = query.ok_or_else(|| Problem::new(Code::ValidationFailed))?;
    let loading = || Problem::new(Code::UpstreamUnavailable).retry_after(Duration::from_secs(1));
    let index = catalogue.index().ok_or_else(loading)?;
    let now = Utc::now();
    let mut found = search::search(&index, &query, currency.0, now);
    if found.is_empty() {
        check_places(&index, &query, &pool).await?;
    }
    if let Some(after) = &page.after {
        found.drain(..found.partition_point(|journey| journey.rank <= *after));
    }
    found.truncate(page.limit + 1);
    let page = page.page(found, |journey| journey.rank.clone()).map(|journey| journey.view(now));
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, FRESH)).json(page))
}

/// Nothing may be found between known places, but a code that nobody has is an error.
async fn check_places(index: &Index, query: &Query, pool: &Pool) -> Result<(), Problem> {
    let Some(slice) = query.slices.first() else { return Ok(()) };
    let named = [("origin", &slice.origin), ("destination", &slice.destination)];
    if named.iter().all(|(_, code)| index.serves(code)) {
        return Ok(());
    }
    let mut connection = pool.get().await?;
    known_places(&mut connection, &named).await
}

/// Reads what is looked for. `None` means that an error was noted.
fn read(parameters: &mut QueryParameters, currency: Currency) -> Option<Query> {
    if !parameters.repeated("slice").is_empty() {
        parameters.error("slice", "is not supported yet: use origin, destination, date and return_date");
    }
    let origin: Option<AirportCode> = parameters.required("origin");
    let destination: Option<AirportCode> = parameters.required("destination");
    let date = parameters.required("date").map(|CalendarDate(date)| date);
    let return_date = parameters.optional("return_date").map(|CalendarDate(date)| date);
    if origin.is_some() && origin == destination {
        parameters.error("destination", "must be another place than the origin");
    }
    if let (Some(out), Some(back)) = (date, return_date)
        && back < earliest_return(out)
    {
        parameters
            .error("return_date", "must be date, the day before it (across the date line) or a later day");
    }
    if parameters.optional::<u8>("max_connections").is_some_and(|most| most > 2) {
        parameters.error("max_connections", "must be from 0 to 2");
    }
    let party = read_party(parameters);
    let cabin = parameters.optional("cabin");
    let sort = parameters.optional("sort").unwrap_or(Sort::Price);
    let airline = parameters.optional("airline");
    let (depart_after, depart_before) =
        (parameters.optional("depart_after"), parameters.optional("depart_before"));
    let max_price = read_max_price(parameters, currency);
    let (origin, destination) = (origin?, destination?);
    let mut slices = vec![Slice { origin: origin.clone(), destination: destination.clone(), date: date? }];
    slices.extend(return_date.map(|date| Slice { origin: destination, destination: origin, date }));
    Some(Query { slices, party: party?, cabin, sort, airline, depart_after, depart_before, max_price })
}

/// The first date on which a way back can leave. The two dates are of two places: eastwards across the date line
/// the way out lands on the day before its departure, and no flight gains a day more. Search itself compares the
/// instants: the way back leaves after the way out has arrived.
fn earliest_return(out: NaiveDate) -> NaiveDate {
    out.pred_opt().unwrap_or(out)
}

fn read_party(parameters: &mut QueryParameters) -> Option<Party> {
    let adults: u32 = parameters.optional("adults").unwrap_or(1);
    let children: u32 = parameters.optional("children").unwrap_or(0);
    let infants: u32 = parameters.optional("infants").unwrap_or(0);
    if !(1..=PARTY).contains(&adults) {
        parameters.error("adults", format!("must be from 1 to {PARTY}"));
        return None;
    }
    if children > PARTY - adults {
        parameters.error("children", format!("adults and children may be {PARTY} at most"));
        return None;
    }
    if infants > adults {
        parameters.error("infants", "may not be more than adults");
        return None;
    }
    Some(Party { adults, children, infants })
}

fn read_max_price(parameters: &mut QueryParameters, currency: Currency) -> Option<i64> {
    let text = parameters.text("max_price")?;
    match Money::parse(&text, currency) {
        Ok(money) if money.minor >= 0 => Some(money.minor),
        Ok(_) => {
            parameters.error("max_price", "must not be negative");
            None
        }
        Err(error) => {
            parameters.error("max_price", error);
            None
        }
    }
}
