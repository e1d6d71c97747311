//! Places to fly from or to, while a traveller types.

use super::{cache_control::SLOW, parameters::NOTHING_TO_FIND};
use crate::{
    actors::places::PlacesHandle,
    domain::{folding::fold, places::Place},
};
use actix_web::{HttpResponse, http::header, web};
use shared::http::{Code, Page, Problem, QueryParameters};
use std::time::Duration;

/// Find airports and cities
///
/// By code or name: codes first, a city with its airports; then names by the beginnings of their words, then parts of words.
/// Where nothing matches, one letter may be wrong.
#[utoipa::path(
    get,
    path = "/api/v1/places",
    tag = "reference data",
    params(
        ("q" = String, Query, description = "A code or a part of a name, 1 to 100 characters; accents and capitals make no difference"),
        ("limit" = Option<u8>, Query, description = "1 to 200, 10 by default"),
    ),
    responses(
        (status = 200, description = "The best matches first", body = Page<Place>),
        (status = 503, description = "The places are not loaded yet"),
    )
)]
pub(crate) async fn list(
    mut parameters: QueryParameters,
    places: web::Data<PlacesHandle>,
) -> Result<HttpResponse, Problem> {
    let text = parameters.text("q").map(|text| text.trim().to_owned()).unwrap_or_default();
    if !(1..=100).contains(&text.chars().count()) {
        parameters.error("q", "must have 1 to 100 characters");
    } else if fold(&text).is_empty() {
        parameters.error("q", NOTHING_TO_FIND);
    }
    let limit = parameters.optional::<u8>("limit").unwrap_or(10);
    if !(1..=200).contains(&limit) {
        parameters.error("limit", "must be from 1 to 200");
    }
    parameters.finish()?;
    let loading = || Problem::new(Code::UpstreamUnavailable).retry_after(Duration::from_secs(1));
    let index = places.index().ok_or_else(loading)?;
    let found = Page::whole(index.search_json(&text, limit.into()).collect());
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, SLOW)).json(found))
}
