//! Callers with the permission that a route needs.

use super::{Caller, permission::Requirement};
use crate::http::Problem;
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures_util::future::LocalBoxFuture;
use std::{marker::PhantomData, ops::Deref};

/// A [`Caller`] who meets a requirement, `Permitted<required::FlightWrite>`: as an extractor 401 without a valid token,
/// 403 without the permission.
///
/// It goes before all other extractors of a handler: a caller without the permission does not learn what is wrong with
/// a body.
#[derive(Debug, Clone)]
pub struct Permitted<R> {
    caller: Caller,
    requirement: PhantomData<R>,
}

impl<R> Deref for Permitted<R> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<R: Requirement + 'static> FromRequest for Permitted<R> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Caller::from_request(request, payload);
        Box::pin(async move {
            let caller = caller.await?;
            caller.require_any(R::ANY_OF)?;
            Ok(Self { caller, requirement: PhantomData })
        })
    }
}
