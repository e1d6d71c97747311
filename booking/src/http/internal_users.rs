//! `/internal/users`: what the gateway asks for the owner of an account.

use super::booking_reader::BookingReader;
use crate::store::{
    bookings::OwnBookingsQuery,
    erasure::{self, ErasureOutcome},
    presented,
};
use actix_web::{HttpResponse, web};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::json;
use shared::{
    auth::ServiceCaller,
    db::DbError,
    http::{Body, Code, EmptyBody, Id, NoParameters, PageRequest, Problem, QueryParameters},
    ids::{BookingId, UserId},
};

/// `GET /internal/users/{id}/bookings`: all bookings of an account, newest first, as pages of the API.
pub(super) async fn bookings(
    _caller: ServiceCaller,
    id: Id<UserId>,
    mut parameters: QueryParameters,
    reading: web::Data<BookingReader>,
) -> Result<HttpResponse, Problem> {
    let request = PageRequest::<BookingId>::read(&mut parameters, &("account", id.0));
    parameters.finish()?;
    let asked = OwnBookingsQuery { owner: id.0, status: None, after: request.after, limit: request.rows() };
    let mut connection = reading.pool.get().await?;
    let found = presented::own(&mut connection, &reading.flights, &asked).await.map_err(DbError::from)?;
    let page = request.page(found, |(booking, _)| booking.id).map(|(_, state)| state);
    Ok(HttpResponse::Ok().json(page))
}

/// `POST /internal/users/{id}/erase`: takes out of an account's bookings what names people, and gives the ids of all of
/// them; 409 with `refers` where a journey or a payment is not over. It may be repeated.
pub(super) async fn erase(
    _caller: ServiceCaller,
    id: Id<UserId>,
    _: NoParameters,
    _: Body<EmptyBody>,
    reading: web::Data<BookingReader>,
) -> Result<HttpResponse, Problem> {
    let (pool, user) = (reading.pool.clone(), id.0);
    // A task of its own: whatever becomes of the request, the transaction comes to its end.
    let task = actix_web::rt::spawn(async move {
        let mut connection = pool.get().await?;
        let connection: &mut AsyncPgConnection = &mut connection;
        let erase = async |connection: &mut AsyncPgConnection| erasure::erase(connection, user).await;
        connection.transaction(erase).await.map_err(DbError::from)
    });
    match task.await.map_err(|error| Problem::internal(&error))?? {
        ErasureOutcome::Erased(bookings) => Ok(HttpResponse::Ok().json(json!({ "bookings": bookings }))),
        ErasureOutcome::Ahead(bookings) => {
            let refers: Vec<_> = bookings.iter().map(|id| format!("bookings/{id}")).collect();
            let detail = "bookings whose journey or payment is not over must be cancelled first";
            Err(Problem::new(Code::Conflict).detail(detail).with("refers", refers))
        }
    }
}
