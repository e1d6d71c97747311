//! Load shedding for new bookings.
//!
//! Requests beyond the ledgers' queue limit get 503 before their body is parsed: parsing would take time from admitted
//! ones. It is only scanned for the flight, which the refusal names.

use crate::{actors::sales::InstanceSales, error::flight_overloaded};
use actix_web::{
    Error, FromRequest, HttpMessage, HttpRequest,
    body::{BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    middleware::Next,
    web,
};
use booking_engine::ledger::admission::QueueSlot;
use shared::http::{collect, named_flights};
use std::{convert::Infallible, future};

/// Admits a request, or refuses it, when its body has come in: a client that sends slowly holds no slot, and a connection
/// whose request was not read would have to be closed, so that its client has to connect again. (The request's deadline
/// runs meanwhile. Only the gateway asks here, and it sends bodies that it has collected.)
pub(super) async fn admit(
    sales: web::Data<InstanceSales>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let admitted = match collect(request.take_payload()).await {
        Ok(body) => match sales.deps.ledgers.admission.admit() {
            Some(slot) => Ok((slot, body)),
            None => Err(flight_overloaded(named_flights(&body).first().copied())),
        },
        Err(problem) => Err(problem),
    };
    match admitted {
        Ok((slot, body)) => {
            request.set_payload(Payload::from(body));
            request.extensions_mut().insert(slot);
            Ok(next.call(request).await?.map_into_boxed_body())
        }
        Err(problem) => {
            let (request, _) = request.into_parts();
            Ok(ServiceResponse::from_err(problem, request))
        }
    }
}

/// The slot with which a request was admitted; its claim takes it along.
#[derive(Debug)]
pub(crate) struct AdmittedSlot(pub(super) Option<QueueSlot>);

impl FromRequest for AdmittedSlot {
    type Error = Infallible;
    type Future = future::Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        future::ready(Ok(Self(request.extensions_mut().remove())))
    }
}
