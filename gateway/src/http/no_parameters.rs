//! Requests without query parameters.

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use shared::http::{Problem, QueryParameters};
use std::future;

/// An extractor for handlers that know no query parameter: any is 422.
pub(super) struct NoParameters;

impl FromRequest for NoParameters {
    type Error = Problem;
    type Future = future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        future::ready(QueryParameters::parse(request.query_string()).finish().map(|()| Self))
    }
}
