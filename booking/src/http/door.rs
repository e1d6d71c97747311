//! The door for new bookings: who comes when the ledgers have all that they can take on is told so before
//! anything is read of what is wanted, for the time that takes is missing to those who were let in.

use crate::{actors::sales::Sales, error::overloaded};
use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use shared::http::Problem;
use std::future::{Ready, ready};

/// That there was room. First among what a handler takes: it is looked at first.
pub(super) struct Door;

impl FromRequest for Door {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let sales = request.app_data::<web::Data<Sales>>();
        ready(match sales.is_some_and(|sales| sales.ledgers.are_full()) {
            true => Err(overloaded()),
            false => Ok(Self),
        })
    }
}
