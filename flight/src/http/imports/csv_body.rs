//! The body of an import: read only while there is room for it.

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::header::{self, HeaderMap, HeaderValue},
    web::{self, Bytes},
};
use futures_util::future::LocalBoxFuture;
use shared::http::{Code, Problem, collect_import, input::IMPORT_LIMIT, require_identity};
use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Imports at the same time on an instance: each holds a file in memory and a connection.
const SLOTS: usize = 2;
/// How long a client that finds no free slot is asked to wait.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The imports that may run at the same time.
#[derive(Debug, Clone)]
pub(crate) struct ImportSlots(Arc<Semaphore>);

impl Default for ImportSlots {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(SLOTS)))
    }
}

/// The file of an import, with its slot.
pub(in crate::http) struct CsvBody {
    pub(super) file: Bytes,
    pub(super) prefers_async: bool,
    pub(super) slot: OwnedSemaphorePermit,
}

impl FromRequest for CsvBody {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let admitted = admit(request);
        let prefers_async = prefers_async(request.headers());
        let mut payload = web::Payload::from_request(request, payload);
        Box::pin(async move {
            let slot = admitted?;
            let stream = (&mut payload).await.map_err(|_| Problem::new(Code::MalformedJson))?;
            Ok(Self { file: collect_import(stream).await?, prefers_async, slot })
        })
    }
}

/// Checks the head of the request before its body is read, and takes a slot.
fn admit(request: &HttpRequest) -> Result<OwnedSemaphorePermit, Problem> {
    require_identity(request.headers())?;
    let is_csv = request.mime_type().ok().flatten().is_some_and(|mime| {
        let utf8 = mime.get_param("charset").is_none_or(|charset| charset == "utf-8");
        mime.essence_str() == "text/csv" && utf8
    });
    if !is_csv {
        let detail = "An import is text/csv in UTF-8.";
        return Err(Problem::new(Code::UnsupportedMediaType).detail(detail));
    }
    let length =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > IMPORT_LIMIT as u64) {
        return Err(Problem::new(Code::PayloadTooLarge));
    }
    let slots = request.app_data::<web::Data<ImportSlots>>();
    let slot = slots.and_then(|slots| Arc::clone(&slots.0).try_acquire_owned().ok());
    slot.ok_or_else(|| Problem::new(Code::Overloaded).retry_after(RETRY_AFTER))
}

/// Whether the client prefers an answer before the import has ended (RFC 7240).
fn prefers_async(headers: &HeaderMap) -> bool {
    let prefer = header::HeaderName::from_static("prefer");
    let texts = headers.get_all(prefer).filter_map(|value: &HeaderValue| value.to_str().ok());
    let mut preferences = texts.flat_map(|text| text.split(','));
    preferences
        .any(|one| one.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("respond-async"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn a_client_may_prefer_not_to_wait() {
        let prefers = |value: &'static str| {
            let request = TestRequest::post().insert_header(("prefer", value)).to_http_request();
            prefers_async(request.headers())
        };
        assert!(prefers("respond-async") && prefers("wait=10, Respond-Async; x=1"));
        assert!(!prefers("wait=10") && !prefers("respond-asynchronously"));
    }

    #[test]
    fn only_so_many_files_are_read_at_once() {
        let slots = web::Data::new(ImportSlots::default());
        let admitted = |kind: &'static str, length: usize| {
            let request = TestRequest::post()
                .app_data(slots.clone())
                .insert_header((header::CONTENT_TYPE, kind))
                .insert_header((header::CONTENT_LENGTH, length));
            admit(&request.to_http_request()).map_err(|problem| problem.code())
        };
        for bad in ["application/json", "text/csv; charset=iso-8859-1", "text"] {
            assert_eq!(admitted(bad, 1).err(), Some(Code::UnsupportedMediaType), "{bad}");
        }
        assert_eq!(admitted("text/csv", IMPORT_LIMIT + 1).err(), Some(Code::PayloadTooLarge));
        let taken =
            [admitted("text/csv", IMPORT_LIMIT), admitted("text/csv; charset=UTF-8; header=present", 1)];
        assert!(taken.iter().all(Result::is_ok));
        assert_eq!(admitted("text/csv", 1).err(), Some(Code::Overloaded));
        drop(taken);
        assert!(admitted("text/csv", 1).is_ok());
    }
}
