//! The routes of booking: thin handlers that parse, ask and present.

mod access_token;
mod account_limits;
mod admin;
mod answers;
mod booking_reader;
mod bookings;
mod cache_control;
mod cancellation;
mod changes;
mod context;
mod documents;
mod field_errors;
mod internal_flights;
mod internal_seats;
mod internal_users;
mod keyed;
mod letter_limit;
mod load_shedding;
mod lookup;
mod lookup_limit;
mod new_booking;
mod openapi;
mod payment_body;
mod payments;
mod resend_confirmation;
mod seat_map;
mod seat_map_events;

pub(crate) use access_token::AccessTokens;
pub(crate) use admin::StaffDeps;
pub(crate) use booking_reader::BookingReader;
pub(crate) use context::RequestPolicy;
pub(crate) use documents::BookingDocuments;
pub(crate) use field_errors::field_errors;
pub(crate) use lookup_limit::Lookups;
pub use openapi::document;

use actix_web::{HttpResponse, middleware::from_fn, web};
use shared::http::{method_not_allowed, readable};

/// The routes.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::scope("/api/v1")
                .wrap(from_fn(context::set_deadline))
                // First: routes are tried in their order, and most requests by far want this one.
                .service(
                    web::resource("/bookings")
                        .route(web::get().to(bookings::list))
                        .route(web::post().to(bookings::create).wrap(from_fn(load_shedding::admit)))
                        .default_service(method_not_allowed("GET, HEAD, POST")),
                )
                .configure(admin::routes)
                .service(readable("/flights/{id}/seat-map").route(web::get().to(seat_map::get)))
                .service(readable("/flights/{id}/seat-map/events").route(web::get().to(seat_map_events::get)))
                .service(
                    web::resource("/bookings/lookup")
                        .route(web::post().to(lookup::lookup))
                        .default_service(method_not_allowed("POST")),
                )
                .service(
                    web::resource("/bookings/{id}")
                        .route(web::get().to(bookings::get))
                        .route(web::patch().to(changes::contact))
                        .default_service(method_not_allowed("GET, HEAD, PATCH")),
                )
                .service(readable("/bookings/{id}/ticket.pdf").route(web::get().to(documents::ticket)))
                .service(readable("/bookings/{id}/calendar.ics").route(web::get().to(documents::calendar)))
                .service(
                    web::resource("/bookings/{id}/passengers/{passenger_id}")
                        .route(web::patch().to(changes::name))
                        .default_service(method_not_allowed("PATCH")),
                )
                .service(
                    web::resource("/bookings/{id}/seats")
                        .route(web::patch().to(changes::seats))
                        .default_service(method_not_allowed("PATCH")),
                )
                .service(
                    web::resource("/bookings/{id}/cancellation-quote")
                        .route(web::post().to(cancellation::quote))
                        .default_service(method_not_allowed("POST")),
                )
                .service(
                    web::resource("/bookings/{id}/resend-confirmation")
                        .route(web::post().to(resend_confirmation::resend))
                        .default_service(method_not_allowed("POST")),
                )
                .service(
                    web::resource("/bookings/{id}/payments")
                        .route(web::post().to(payments::pay))
                        .default_service(method_not_allowed("POST")),
                )
                .service(
                    web::resource("/bookings/{id}/cancel")
                        .route(web::post().to(cancellation::cancel))
                        .default_service(method_not_allowed("POST")),
                ),
        )
        .service(internal_post("/internal/flights/{id}/close").route(web::post().to(internal_flights::close)))
        .service(readable("/internal/seats").route(web::get().to(internal_seats::states)))
        .service(readable("/internal/seats/versions").route(web::get().to(internal_seats::versions)))
        .service(
            web::resource("/internal/flights/{id}")
                .route(web::put().to(internal_flights::follow))
                .default_service(method_not_allowed("PUT")),
        )
        .service(
            internal_post("/internal/flights/{id}/impact").route(web::post().to(internal_flights::assess)),
        )
        .service(
            internal_post("/internal/flights/{id}/withdraw")
                .route(web::post().to(internal_flights::withdraw)),
        )
        .service(
            web::resource("/internal/users/{id}/erase")
                .route(web::post().to(internal_users::erase))
                .default_service(method_not_allowed("POST")),
        )
        .service(readable("/internal/users/{id}/bookings").route(web::get().to(internal_users::bookings)))
        .configure(shared::operations::routes)
        .service(readable("/openapi.json").route(web::get().to(own_document)));
}

/// A resource that is only posted to.
fn internal_post(path: &str) -> actix_web::Resource {
    web::resource(path).default_service(method_not_allowed("POST"))
}

/// `GET /openapi.json`, like that of every service.
async fn own_document() -> HttpResponse {
    HttpResponse::Ok().json(document())
}
