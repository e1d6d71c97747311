//! Requests without query parameters.

use super::{Problem, QueryParameters};
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use std::future;

/// An extractor for handlers that know no query parameter: any is 422, so that a typo never passes
/// silently. It stands before the body, which is then not read in vain.
#[derive(Debug, Clone, Copy)]
pub struct NoParameters;

impl FromRequest for NoParameters {
    type Error = Problem;
    type Future = future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        future::ready(QueryParameters::parse(request.query_string()).finish().map(|()| Self))
    }
}
