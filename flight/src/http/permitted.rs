//! Callers with the permission that a route needs. As extractors these go first, so that nobody
//! without the permission learns what is wrong with a body.

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures_util::future::LocalBoxFuture;
use shared::{
    auth::{Caller, Permission},
    http::Problem,
};

macro_rules! permitted {
    ($($(#[$doc:meta])+ $name:ident = $permission:ident),+ $(,)?) => {$(
        $(#[$doc])+
        pub(super) struct $name;

        impl FromRequest for $name {
            type Error = Problem;
            type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

            fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
                let caller = Caller::from_request(request, payload);
                Box::pin(async move {
                    caller.await?.require(Permission::$permission)?;
                    Ok(Self)
                })
            }
        }
    )+};
}

permitted! {
    /// Somebody who may change reference data.
    ReferenceWriter = ReferenceWrite,
    /// Somebody who may make and change flights.
    FlightWriter = FlightWrite,
}

/// Somebody who may change flights, or their fares: the body tells which of the two it takes.
pub(super) struct FlightChanger(pub(super) Caller);

impl FromRequest for FlightChanger {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Caller::from_request(request, payload);
        Box::pin(async move {
            let caller = caller.await?;
            caller.require_any(&[Permission::FlightWrite, Permission::FareWrite])?;
            Ok(Self(caller))
        })
    }
}
