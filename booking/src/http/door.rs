//! The door for new bookings: who comes when as many wait for the ledgers as may is told so before anything
//! is made of what they want, for the time that takes is missing to those who were let in.

use crate::{actors::sales::Sales, error::overloaded};
use actix_web::{
    Error, HttpMessage,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
    web,
};
use futures_util::StreamExt;
use shared::http::BODY_LIMIT;

/// Lets a request in, or refuses it.
pub(super) async fn let_in<B: MessageBody>(
    sales: web::Data<Sales>,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    if let Some(place) = sales.ledgers.room.enter() {
        return place.scope(next.call(request)).await;
    }
    // To its end: a connection whose request was not read is closed, and a client that has to connect again
    // is one more burden.
    let (mut body, mut left) = (request.take_payload(), BODY_LIMIT);
    while let Some(Ok(chunk)) = body.next().await {
        let Some(rest) = left.checked_sub(chunk.len()) else { break };
        left = rest;
    }
    Err(overloaded().into())
}
