//! The door for new bookings: who comes when as many wait for the ledgers as may is told so before anything
//! is made of what they want, for the time that takes is missing to those who were let in.

use crate::{actors::sales::Sales, error::overloaded};
use actix_web::{
    Error, HttpMessage,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
    web,
};
use futures_util::StreamExt;
use shared::http::BODY_LIMIT;

/// Lets a request in, or refuses it. (It has its place while its body comes in: the gateway, before which
/// nobody else asks, sends bodies that it has collected.)
pub(super) async fn let_in(
    sales: web::Data<Sales>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if let Some(place) = sales.ledgers.room.enter() {
        return Ok(place.scope(next.call(request)).await?.map_into_boxed_body());
    }
    // To its end: a connection whose request was not read is closed, and a client that has to connect again
    // is one more burden.
    let (mut body, mut left) = (request.take_payload(), BODY_LIMIT);
    while let Some(Ok(chunk)) = body.next().await {
        let Some(rest) = left.checked_sub(chunk.len()) else { break };
        left = rest;
    }
    let (request, _) = request.into_parts();
    Ok(ServiceResponse::from_err(overloaded(), request))
}
