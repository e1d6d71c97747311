//! Callers who have logged in themselves.

use super::api_key_exchange::{ExchangedKey, needs_login};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use futures_util::future::LocalBoxFuture;
use shared::{auth::Caller, http::Problem};
use std::ops::Deref;

/// A [`Caller`] with a token of a login. As an extractor 401 without a valid token, 403 with an API key, which must not
/// change how its owner logs in.
#[derive(Debug, Clone)]
pub(super) struct LoggedIn(Caller);

impl Deref for LoggedIn {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl FromRequest for LoggedIn {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let has_key = request.extensions().get::<ExchangedKey>().is_some();
        let caller = Caller::from_request(request, payload);
        Box::pin(async move {
            let caller = caller.await?;
            if has_key { Err(needs_login()) } else { Ok(Self(caller)) }
        })
    }
}
