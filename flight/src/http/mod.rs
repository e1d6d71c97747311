//! Handlers: they parse, ask, and present.

mod admin_flights;
mod admin_schedules;
mod boards;
mod cache_control;
mod changes;
mod deletion;
mod disruption;
mod flight_body;
mod flight_fit;
mod flights;
mod imports;
mod noted_withdrawal;
mod openapi;
mod parameters;
mod permitted;
mod places;
mod preconditions;
mod price_calendar;
mod recorded_flight;
mod reference;
mod sale_currency;
mod schedule_body;
mod schedule_check;
mod schedule_generation;
mod schedule_import;
mod search;
mod search_query;

pub(crate) use changes::{CommittedChanges, ImportFollower};
pub(crate) use imports::ImportSlots;
pub use openapi::document;
pub(crate) use sale_currency::SaleCurrency;
pub(crate) use search_query::SearchSettings;

use actix_web::{HttpResponse, web};
use schedule_import::schedule_transfers;
use shared::http::method_not_allowed;

/// Mounts the service's routes.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    let read_only = || method_not_allowed("GET, HEAD");
    let api = web::scope("/api/v1")
        .configure(reference::routes)
        .configure(disruption::routes)
        .service(web::resource("/flights").route(web::get().to(flights::list)).default_service(read_only()))
        .service(
            web::resource("/flights/{id}").route(web::get().to(flights::get)).default_service(read_only()),
        )
        .service(
            web::resource("/airports/{iata}/board")
                .route(web::get().to(boards::read))
                .default_service(read_only()),
        )
        .service(web::resource("/search").route(web::get().to(search::search)).default_service(read_only()))
        .service(
            web::resource("/price-calendar")
                .route(web::get().to(price_calendar::read))
                .default_service(read_only()),
        )
        .service(web::resource("/places").route(web::get().to(places::list)).default_service(read_only()))
        .service(
            web::resource("/admin/imports/{id}")
                .route(web::get().to(imports::read_import))
                .default_service(read_only()),
        )
        .service(
            web::resource("/admin/flights")
                .route(web::post().to(admin_flights::create))
                .default_service(method_not_allowed("POST")),
        )
        .service(
            web::resource("/admin/flights/{id}")
                .route(web::patch().to(admin_flights::change))
                .route(web::delete().to(admin_flights::delete))
                .default_service(method_not_allowed("PATCH, DELETE")),
        )
        .service(
            web::resource("/admin/schedules")
                .route(web::get().to(admin_schedules::list))
                .route(web::post().to(admin_schedules::create))
                .default_service(method_not_allowed("GET, HEAD, POST")),
        )
        .service(
            web::resource("/admin/schedules/import")
                .route(web::post().to(schedule_transfers::import))
                .default_service(method_not_allowed("POST")),
        )
        .service(
            web::resource("/admin/schedules/export")
                .route(web::get().to(schedule_transfers::export))
                .default_service(read_only()),
        )
        .service(
            web::resource("/admin/schedules/{id}")
                .route(web::get().to(admin_schedules::get))
                .route(web::patch().to(admin_schedules::change))
                .route(web::delete().to(admin_schedules::delete))
                .default_service(method_not_allowed("GET, HEAD, PATCH, DELETE")),
        )
        .service(
            web::resource("/admin/schedules/{id}/generate")
                .route(web::post().to(schedule_generation::generate))
                .default_service(method_not_allowed("POST")),
        );
    config.service(api).configure(shared::operations::routes).service(
        web::resource("/openapi.json").route(web::get().to(own_document)).default_service(read_only()),
    );
}

/// `GET /openapi.json`, like that of every service.
async fn own_document() -> HttpResponse {
    HttpResponse::Ok().json(document())
}
