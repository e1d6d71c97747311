//! Places to fly from or to, for who is typing.

use super::{cache_control::SLOW, parameters::NOTHING_TO_FIND};
use crate::{
    domain::folding::fold,
    store::places::{self, Place},
};
use actix_web::{HttpResponse, http::header, web};
use shared::{
    db::Pool,
    http::{Page, Problem, QueryParameters},
};

/// Find airports and cities
///
/// By code or name.
#[utoipa::path(
    get,
    path = "/api/v1/places",
    tag = "reference data",
    params(
        ("q" = String, Query, description = "A code or a part of a name, 1 to 100 characters; accents and capitals make no difference"),
        ("limit" = Option<u8>, Query, description = "1 to 50, 10 by default"),
    ),
    responses(
        (status = 200, description = "The best matches first", body = Page<Place>),
    )
)]
pub(crate) async fn list(
    mut parameters: QueryParameters,
    pool: web::Data<Pool>,
) -> Result<HttpResponse, Problem> {
    let text = parameters.text("q").map(|text| text.trim().to_owned()).unwrap_or_default();
    if !(1..=100).contains(&text.chars().count()) {
        parameters.error("q", "must have 1 to 100 characters");
    } else if fold(&text).is_empty() {
        parameters.error("q", NOTHING_TO_FIND);
    }
    let limit = parameters.optional::<u8>("limit").unwrap_or(10);
    if !(1..=50).contains(&limit) {
        parameters.error("limit", "must be from 1 to 50");
    }
    parameters.finish()?;
    let mut connection = pool.get().await?;
    let found = places::search(&mut connection, &text, limit.into()).await?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, SLOW)).json(Page::whole(found)))
}
