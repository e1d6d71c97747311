//! The service's OpenAPI document.

use super::{
    admin_flights, admin_schedules, boards,
    disruption::handlers as disruptions,
    flights, imports, places, price_calendar,
    reference::{
        aircraft_type_handlers, aircraft_type_transfers, airline_handlers, airline_transfers,
        airplane_handlers, airplane_transfers, airport_handlers, airport_transfers, city_handlers,
        city_transfers, seat_layout_handlers, seat_layout_transfers,
    },
    schedule_generation,
    schedule_import::schedule_transfers,
    search,
};
use shared::http::{BearerToken, Refusals};
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(title = "Aerobus flight", description = "Reference data, flights and search.", license(name = "MIT")),
    paths(
        city_handlers::list, city_handlers::get, city_handlers::create, city_handlers::change, city_handlers::delete,
        airport_handlers::list, airport_handlers::get, airport_handlers::create, airport_handlers::change,
        airport_handlers::delete,
        airline_handlers::list, airline_handlers::get, airline_handlers::create, airline_handlers::change,
        airline_handlers::delete,
        aircraft_type_handlers::list, aircraft_type_handlers::get, aircraft_type_handlers::create,
        aircraft_type_handlers::change, aircraft_type_handlers::delete,
        seat_layout_handlers::list, seat_layout_handlers::get, seat_layout_handlers::create,
        seat_layout_handlers::change, seat_layout_handlers::delete,
        airplane_handlers::list, airplane_handlers::get, airplane_handlers::create, airplane_handlers::change,
        airplane_handlers::delete,
        city_transfers::import, city_transfers::export, airport_transfers::import, airport_transfers::export,
        airline_transfers::import, airline_transfers::export, aircraft_type_transfers::import,
        aircraft_type_transfers::export, seat_layout_transfers::import, seat_layout_transfers::export,
        airplane_transfers::import, airplane_transfers::export, imports::read_import,
        flights::list, flights::get, boards::read, admin_flights::create, admin_flights::change, admin_flights::delete,
        admin_schedules::list, admin_schedules::get, admin_schedules::create, admin_schedules::change,
        admin_schedules::delete, schedule_generation::generate, schedule_transfers::import, schedule_transfers::export,
        disruptions::delay, disruptions::cancel, disruptions::change_equipment,
        search::search, price_calendar::read, places::list,
    ),
    modifiers(&BearerToken, &Refusals),
    tags(
        (name = "reference data", description = "Cities, airports, airlines, types, layouts, airplanes"),
        (name = "flights", description = "Dated departures"),
        (name = "schedules", description = "Season schedules, which flights are generated from"),
        (name = "search", description = "Journeys with their offers"),
    ),
)]
struct Document;

/// The service's document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
