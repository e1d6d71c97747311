//! The price calendar. It is computed from the catalogue's last index for each request: a month takes some milliseconds
//! at most, and so it is never older than a search.

use super::{
    cache_control::FRESH,
    search_query::{SearchSettings, check_places, last_date, today},
};
use crate::{
    actors::catalogue::CatalogueHandle,
    domain::search::{self, CalendarDay},
};
use actix_web::{HttpResponse, http::header, web};
use chrono::{Months, NaiveDate, Utc};
use serde::Serialize;
use shared::{
    calendar_date::CalendarDate,
    db::Pool,
    http::{Code, Problem, QueryParameters},
    iata::AirportCode,
    seat::Cabin,
};
use std::{str::FromStr, time::Duration};
use utoipa::ToSchema;

/// A month, `2026-12`, by its first day.
struct Month(NaiveDate);

#[derive(Debug, thiserror::Error)]
#[error("must be a month such as 2026-12")]
struct InvalidMonth;

impl FromStr for Month {
    type Err = InvalidMonth;

    fn from_str(text: &str) -> Result<Self, InvalidMonth> {
        let CalendarDate(first) = format!("{text}-01").parse().map_err(|_| InvalidMonth)?;
        Ok(Self(first))
    }
}

/// The days of a month.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PriceCalendar {
    /// Each day of the month.
    data: Vec<CalendarDay>,
}

/// Read the lowest prices of a month
///
/// For each day what one adult pays for the cheapest way to travel, with a connection at most. It is what a search of
/// that day shows first.
#[utoipa::path(
    get,
    path = "/api/v1/price-calendar",
    tag = "search",
    params(
        ("origin" = String, Query, description = "Code of an airport, or of a city with all of its airports"),
        ("destination" = String, Query, description = "Code of an airport or a city"),
        ("month" = String, Query, description = "`2026-12`, local to the origin"),
        ("cabin" = Option<Cabin>, Query, description = "Only offers of this cabin"),
    ),
    responses(
        (status = 200, description = "All days of the month; `price` is null where nothing is sold, and beyond the days that a search may ask for", body = PriceCalendar),
        (status = 503, description = "The flights are not loaded yet"),
    )
)]
pub(crate) async fn read(
    mut parameters: QueryParameters,
    catalogue: web::Data<CatalogueHandle>,
    pool: web::Data<Pool>,
    settings: web::Data<SearchSettings>,
) -> Result<HttpResponse, Problem> {
    let now = Utc::now();
    let index = catalogue.index();
    let origin: Option<AirportCode> = parameters.required("origin");
    let destination: Option<AirportCode> = parameters.required("destination");
    let month = parameters.required("month").map(|Month(first)| first);
    let cabin: Option<Cabin> = parameters.optional("cabin");
    if origin.is_some() && origin == destination {
        parameters.error("destination", "must be another place than the origin");
    }
    if let (Some(month), Some(origin)) = (month, &origin) {
        let end = month.checked_add_months(Months::new(1)).unwrap_or(month);
        if end <= today(index.as_deref(), origin, now) {
            parameters.error("month", "has passed at the origin");
        } else if month > last_date(&settings, now) {
            parameters.error("month", format!("must begin {} days ahead at most", settings.horizon_days));
        }
    }
    let named: Vec<_> = [("origin", &origin), ("destination", &destination)]
        .into_iter()
        .filter_map(|(name, code)| Some((name, code.clone()?)))
        .collect();
    check_places(&mut parameters, index.as_deref(), &named, &pool).await?;
    parameters.finish()?;
    let (Some(origin), Some(destination), Some(month)) = (origin, destination, month) else {
        // An error was noted, so `finish` has answered.
        return Err(Problem::new(Code::ValidationFailed));
    };
    let loading = || Problem::new(Code::UpstreamUnavailable).retry_after(Duration::from_secs(1));
    let index = index.ok_or_else(loading)?;
    let mut data =
        search::price_calendar(&index, (&origin, &destination), month, cabin, (&settings.rules, now));
    // Days that a search refuses.
    let last = last_date(&settings, now);
    data.iter_mut().filter(|day| day.date > last).for_each(|day| day.price = None);
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, FRESH)).json(PriceCalendar { data }))
}
