//! Callers whose acts the audit log must show.

use super::{AuditAuthor, Caller, Permitted, permission::Requirement};
use crate::http::{Problem, RequestId};
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures_util::future::LocalBoxFuture;
use std::ops::Deref;

/// A [`Permitted`] caller of a write of staff, with the author of its audit record. As an extractor, it refuses as
/// [`Permitted`] does, and goes first as well.
#[derive(Debug, Clone)]
pub struct Audited<R> {
    caller: Permitted<R>,
    author: AuditAuthor,
}

impl<R> Audited<R> {
    /// The author of what this request does.
    #[must_use]
    pub fn author(&self) -> &AuditAuthor {
        &self.author
    }
}

impl<R> Deref for Audited<R> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<R: Requirement + 'static> FromRequest for Audited<R> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Permitted::from_request(request, payload);
        let request_id = RequestId::of_answered(request);
        Box::pin(async move {
            let caller: Permitted<R> = caller.await?;
            let author = AuditAuthor::new(&caller, &request_id);
            Ok(Self { caller, author })
        })
    }
}
