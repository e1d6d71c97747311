//! The service's OpenAPI document.

use super::{bookings, lookup, payments, seat_map};
use shared::http::ProblemBody;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Aerobus booking", description = "Seats, holds, payments.", license(name = "MIT")),
    paths(
        seat_map::get, bookings::list, bookings::create, bookings::get, bookings::cancel, payments::pay,
        lookup::lookup,
    ),
    components(schemas(ProblemBody)),
    modifiers(&Bearer),
    tags(
        (name = "seats", description = "Seat maps"),
        (name = "bookings", description = "Bookings, held and paid"),
    ),
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// The service's document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
