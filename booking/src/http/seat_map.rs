//! `GET /flights/{id}/seat-map`.

use crate::{actors::sales::Sales, client};
use actix_web::{HttpRequest, HttpResponse, web};
use booking_engine::inventory::seat_map::SeatMap;
use shared::{
    http::{ClientAddress, Id, Problem, ProblemBody, QueryParameters, conditional},
    ids::FlightId,
};

/// The seats of a flight.
#[utoipa::path(
    get, path = "/api/v1/flights/{id}/seat-map", tag = "seats", params(("id" = String, Path, description = "The flight")),
    responses(
        (status = 200, description = "The seats; `ETag` tells of them and of the cabin", body = SeatMap),
        (status = 304, description = "The copy that the client has is good"),
        (status = 404, description = "There is no such flight", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(
    request: HttpRequest,
    id: Id<FlightId>,
    parameters: QueryParameters,
    ClientAddress(address): ClientAddress,
    sales: web::Data<Sales>,
) -> Result<HttpResponse, Problem> {
    parameters.finish()?;
    let map = client::scope(address, sales.directory.seat_map(id.0)).await?;
    Ok(conditional(&request, &map.tag(), "no-cache", &map))
}
