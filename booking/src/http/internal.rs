//! `/internal`: what other services ask.

use super::booking_reader::BookingReader;
use crate::{actors::sales::InstanceSales, store};
use actix_web::{HttpResponse, web};
use booking_engine::ports::FlightInventory;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::json;
use shared::{
    auth::ServiceCaller,
    db::DbError,
    http::{Id, NoParameters, Problem},
    ids::FlightId,
};

/// `POST /internal/flights/{id}/close`: closes a flight for sale unless live bookings are on it, and
/// tells how many are. Atomic: no claim can come between the count and the closing.
pub(super) async fn close(
    _caller: ServiceCaller,
    id: Id<FlightId>,
    _: NoParameters,
    (sales, reading): (web::Data<InstanceSales>, web::Data<BookingReader>),
) -> Result<HttpResponse, Problem> {
    let (pool, flight) = (reading.pool.clone(), id.0);
    // A task of its own: whatever becomes of the request, the transaction comes to its end.
    let task = actix_web::rt::spawn(async move {
        let mut connection = pool.get().await?;
        let connection: &mut AsyncPgConnection = &mut connection;
        let closed = connection
            .transaction(async |connection: &mut AsyncPgConnection| {
                store::flights::close(connection, flight).await
            })
            .await;
        closed.map_err(DbError::from)
    });
    let live = task.await.map_err(|error| Problem::internal(&error))??;
    sales.deps.directory.invalidate(flight);
    Ok(HttpResponse::Ok().json(json!({ "live_bookings": live })))
}
