//! Request bodies: bytes within their bounds, and the JSON that they are.

use super::{
    field_error::{FieldError, note},
    json_reader::{FromJson, JsonReader, ValuePath},
};
use crate::http::{Code, Problem};
use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    error::PayloadError,
    http::{
        Method,
        header::{self, HeaderMap, HeaderValue},
    },
    web::{self, Bytes, BytesMut},
};
use futures_util::{Stream, StreamExt, future::LocalBoxFuture};
use serde_json::{Map, Value};
use std::{fmt::Display, time::Duration};
use tokio::time::timeout;

/// The largest body, bytes; imports have their own limit.
pub const BODY_LIMIT: usize = 256 * 1024;
/// The largest body of an import, bytes.
pub const IMPORT_LIMIT: usize = 32 * 1024 * 1024;
/// How long a body may take to come in.
const BODY_TIME: Duration = Duration::from_secs(10);
/// How long the body of an import may take to come in.
pub const IMPORT_TIME: Duration = Duration::from_secs(60);

/// A JSON body, checked.
#[derive(Debug, Clone)]
pub struct Body<T> {
    /// The body as its type.
    pub value: T,
    /// The body as it came, parsed; idempotency compares it.
    pub json: Value,
}

impl<T: FromJson> Body<T> {
    /// Reads bytes as a body. No bytes are an empty object, so that actions need no body.
    ///
    /// # Errors
    /// `malformed_json`, or `validation_failed` with all errors.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        parse(bytes, T::read)
    }
}

impl<T: FromJson + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = JsonBytes::from_request(request, payload);
        Box::pin(async move { bytes.await?.read(T::read) })
    }
}

/// The bytes of a JSON body that is still to be read: where that needs more than the body itself.
#[derive(Debug, Clone)]
pub struct JsonBytes(Bytes);

impl JsonBytes {
    /// Reads them with `read`, which notes every error in the object; `None` is allowed only then.
    ///
    /// # Errors
    /// As those of [`Body::parse`].
    pub fn read<T>(&self, read: impl FnOnce(&mut JsonReader<'_>) -> Option<T>) -> Result<Body<T>, Problem> {
        parse(&self.0, read)
    }
}

impl FromRequest for JsonBytes {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let json = match request.mime_type() {
            Ok(None) => true,
            Ok(Some(mime)) => {
                mime.subtype() == "json" || mime.suffix().is_some_and(|suffix| suffix == "json")
            }
            Err(_) => false,
        };
        let identity = require_identity(request.headers());
        // An action may go without a body; a patch of nothing is a mistake of the client.
        let needs_body = request.method() == Method::PATCH;
        let mut payload = web::Payload::from_request(request, payload);
        Box::pin(async move {
            identity?;
            let stream = (&mut payload).await.map_err(|_| Problem::new(Code::MalformedJson))?;
            let bytes = collect(stream).await?;
            if needs_body && bytes.is_empty() {
                return Err(Problem::new(Code::MalformedJson).detail("A body is needed."));
            }
            match json || bytes.is_empty() {
                true => Ok(Self(bytes)),
                false => Err(Problem::new(Code::UnsupportedMediaType)),
            }
        })
    }
}

/// Refuses a body with a `Content-Encoding`: a small one could grow without bound when it is decoded, and no client
/// of ours sends one. Without a body the header says nothing.
///
/// # Errors
/// `unsupported_media_type`.
pub fn require_identity(headers: &HeaderMap) -> Result<(), Problem> {
    let length = headers.get(header::CONTENT_LENGTH).map(HeaderValue::as_bytes);
    let has_body =
        headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length != b"0");
    let is_identity = |value: &HeaderValue| {
        let codings =
            value.to_str().unwrap_or("?").split(',').map(str::trim).filter(|coding| !coding.is_empty());
        codings.into_iter().all(|coding| coding.eq_ignore_ascii_case("identity"))
    };
    if has_body && !headers.get_all(header::CONTENT_ENCODING).all(is_identity) {
        let detail = "A body must not be compressed: send it without Content-Encoding.";
        return Err(Problem::new(Code::UnsupportedMediaType).detail(detail));
    }
    Ok(())
}

/// All bytes of a body.
///
/// # Errors
/// `payload_too_large` beyond [`BODY_LIMIT`]; `malformed_json` where it breaks off, or is not complete within
/// 10 seconds: who sends slowly is not waited for.
pub async fn collect(body: impl Stream<Item = Result<Bytes, PayloadError>>) -> Result<Bytes, Problem> {
    collect_within(BODY_TIME, BODY_LIMIT, body).await
}

/// All bytes of the body of an import.
///
/// # Errors
/// As those of [`collect`], beyond [`IMPORT_LIMIT`] and [`IMPORT_TIME`].
pub async fn collect_import(body: impl Stream<Item = Result<Bytes, PayloadError>>) -> Result<Bytes, Problem> {
    collect_within(IMPORT_TIME, IMPORT_LIMIT, body).await
}

async fn collect_within(
    time: Duration,
    limit: usize,
    body: impl Stream<Item = Result<Bytes, PayloadError>>,
) -> Result<Bytes, Problem> {
    let malformed = |detail: &dyn Display| Problem::new(Code::MalformedJson).detail(detail);
    let collecting = async {
        let mut body = std::pin::pin!(body);
        // Most bodies come in one piece.
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| malformed(&error))?;
            if first.len() + all.len() + piece.len() > limit {
                return Err(Problem::new(Code::PayloadTooLarge));
            }
            if first.is_empty() && all.is_empty() {
                first = piece;
            } else {
                all.extend_from_slice(&std::mem::take(&mut first));
                all.extend_from_slice(&piece);
            }
        }
        Ok(if all.is_empty() { first } else { all.freeze() })
    };
    let late =
        |_| Err(malformed(&format_args!("the body did not come in within {} seconds", time.as_secs())));
    timeout(time, collecting).await.unwrap_or_else(late)
}

fn parse<T>(bytes: &[u8], read: impl FnOnce(&mut JsonReader<'_>) -> Option<T>) -> Result<Body<T>, Problem> {
    let malformed = |error: &dyn Display| Problem::new(Code::MalformedJson).detail(error);
    let text = str::from_utf8(bytes).map_err(|error| malformed(&error))?;
    let json: Value = match text {
        "" => Value::Object(Map::new()),
        text => serde_json::from_str(text).map_err(|error| malformed(&error))?,
    };
    let mut errors = Vec::new();
    // PostgreSQL's text cannot hold NUL; no field of ours wants it. JSON has it in this writing only.
    if text.contains("\\u0000") {
        find_nul(&json, ValuePath::Whole, &mut errors);
    }
    let value = JsonReader::read_value(&json, ValuePath::Whole, &mut errors, read);
    match value {
        Some(value) if errors.is_empty() => Ok(Body { value, json }),
        _ => Err(Problem::validation(errors)),
    }
}

fn find_nul(value: &Value, place: ValuePath<'_>, errors: &mut Vec<FieldError>) {
    match value {
        Value::String(text) if text.contains('\0') => {
            note(errors, || FieldError::at(place.pointer(), "must not contain U+0000"));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                find_nul(item, ValuePath::Item(&place, index), errors);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                find_nul(member, ValuePath::Member(&place, name), errors);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    fn pieces(sizes: &[usize]) -> impl Stream<Item = Result<Bytes, PayloadError>> {
        stream::iter(sizes.to_vec()).map(|size| Ok(Bytes::from(vec![b'x'; size])))
    }

    #[test]
    fn only_bodies_as_they_are_pass() {
        let encoded = |length: &'static str, codings: &[&'static str]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static(length));
            for coding in codings {
                headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
            }
            require_identity(&headers).map_err(|problem| problem.code())
        };
        for good in [&[][..], &["identity"], &["Identity"], &["identity, identity"], &[""]] {
            assert_eq!(encoded("2", good), Ok(()), "{good:?}");
        }
        let bad: [&[_]; 5] = [&["gzip"], &["deflate"], &["x-foo"], &["identity, br"], &["identity", "br"]];
        for bad in bad {
            assert_eq!(encoded("2", bad), Err(Code::UnsupportedMediaType), "{bad:?}");
            assert_eq!(encoded("0", bad), Ok(()), "there is no body");
        }
    }

    #[tokio::test]
    async fn a_body_is_collected_within_its_bounds() {
        for (sizes, length) in [(&[][..], 0), (&[7], 7), (&[7, 0, 3, 1], 11), (&[0, 5], 5)] {
            assert_eq!(collect(pieces(sizes)).await.unwrap().len(), length);
        }
        assert_eq!(collect(pieces(&[BODY_LIMIT - 1, 1])).await.unwrap().len(), BODY_LIMIT);
        let code = async |body| collect(body).await.map_err(|problem| problem.code());
        assert_eq!(code(pieces(&[BODY_LIMIT, 1]).boxed()).await, Err(Code::PayloadTooLarge));
        let slow = collect_within(Duration::ZERO, BODY_LIMIT, pieces(&[3]).chain(stream::pending())).await;
        assert_eq!(slow.unwrap_err().code(), Code::MalformedJson);
        let large = collect_import(pieces(&[IMPORT_LIMIT - 1, 1])).await.unwrap();
        assert_eq!(large.len(), IMPORT_LIMIT);
        let beyond = collect_import(pieces(&[IMPORT_LIMIT, 1]).chain(stream::pending())).await;
        assert_eq!(beyond.unwrap_err().code(), Code::PayloadTooLarge, "the rest is not waited for");
        let broken = stream::iter([Err(PayloadError::EncodingCorrupted)]);
        assert_eq!(code(broken.boxed()).await, Err(Code::MalformedJson));
    }
}
