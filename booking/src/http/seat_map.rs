//! `GET /flights/{id}/seat-map`.

use crate::{actors::sales::InstanceSales, error::not_found, http::context::Context};
use actix_web::{HttpRequest, HttpResponse, web};
use booking_engine::inventory::seat_map::SeatMap;
use shared::{
    http::{Id, Problem, QueryParameters, conditional},
    ids::FlightId,
};

/// Read the seat map of a flight
#[utoipa::path(
    get, path = "/api/v1/flights/{id}/seat-map", tag = "seats", params(("id" = String, Path, description = "The flight")),
    responses(
        (status = 200, description = "The seats; `ETag` tells of them and of the cabin", body = SeatMap),
        (status = 304, description = "The copy that the client has is good"),
    ),
)]
pub(crate) async fn get(
    request: HttpRequest,
    id: Id<FlightId>,
    parameters: QueryParameters,
    Context(context): Context,
    sales: web::Data<InstanceSales>,
) -> Result<HttpResponse, Problem> {
    parameters.finish()?;
    let map = sales.deps.directory.seat_map(id.0, context).await.map_err(not_found)?;
    Ok(conditional(&request, &map.tag(), "no-cache", &map))
}
