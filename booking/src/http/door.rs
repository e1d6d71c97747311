//! The door for new bookings: who comes when as many wait for the ledgers as may is told so before anything
//! is made of what they want, for the time that takes is missing to those who were let in.

use crate::{actors::sales::Sales, error::overloaded};
use actix_web::{
    Error, HttpMessage,
    body::{BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    middleware::Next,
    web,
};
use shared::http::collect;

/// Lets a request in, or refuses it: when its body has come in, for who sends slowly keeps a place from
/// others, and a connection whose request was not read is closed; a client that has to connect again is one
/// more burden. (The request's deadline runs meanwhile. The gateway, before which nobody else asks, sends bodies that it
/// has collected.)
pub(super) async fn let_in(
    sales: web::Data<Sales>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let entered = match collect(request.take_payload()).await {
        Ok(body) => sales.ledgers.room.enter().map(|place| (place, body)).ok_or_else(overloaded),
        Err(problem) => Err(problem),
    };
    match entered {
        Ok((place, body)) => {
            request.set_payload(Payload::from(body));
            Ok(place.scope(next.call(request)).await?.map_into_boxed_body())
        }
        Err(problem) => {
            let (request, _) = request.into_parts();
            Ok(ServiceResponse::from_err(problem, request))
        }
    }
}
