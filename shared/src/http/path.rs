//! Ids and keys in paths: what cannot be one names nothing, 404.

use super::{Code, Problem};
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use std::{future, str::FromStr};

/// The `{id}` of a path.
#[derive(Debug, Clone, Copy)]
pub struct Id<T>(pub T);

impl<T: FromStr + 'static> FromRequest for Id<T> {
    type Error = Problem;
    type Future = future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        future::ready(key(request, "id").map(Self))
    }
}

/// A named part of the path, parsed.
///
/// # Errors
/// `not_found` when it is malformed: nothing has such an address.
pub fn key<T: FromStr>(request: &HttpRequest, name: &str) -> Result<T, Problem> {
    request.match_info().query(name).parse().map_err(|_| Problem::new(Code::NotFound))
}
