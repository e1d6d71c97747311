//! Disruptions: a flight is late, does not take place, or gets another airplane.
//!
//! | file | what |
//! |---|---|
//! | `body` | the bodies of the requests |
//! | `delay`, `cancellation`, `equipment` | the acts, and their dry runs |
//! | `plan` | the flight after an act, and the later flights that it affects |
//! | `withdrawal` | booking is asked before a cancellation and a change of equipment |
//! | `answer` | the answers |

mod answer;
mod body;
mod cancellation;
mod delay;
mod deps;
mod equipment;
pub(crate) mod handlers;
mod plan;
mod withdrawal;

use actix_web::{Resource, web};
use shared::http::method_not_allowed;

/// The routes.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(act("delay").route(web::post().to(handlers::delay)))
        .service(act("cancel").route(web::post().to(handlers::cancel)))
        .service(act("equipment").route(web::post().to(handlers::change_equipment)));
}

/// What is done to a flight.
fn act(name: &str) -> Resource {
    web::resource(format!("/admin/flights/{{id}}/{name}")).default_service(method_not_allowed("POST"))
}
