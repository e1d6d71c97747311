//! The head of a service's answer (RFC 9112, 4 to 6).

use super::headers::passes_to_client;
use actix_web::{
    http::{
        StatusCode,
        header::{HeaderMap, HeaderName, HeaderValue},
    },
    web::Bytes,
};

/// Headers of an answer at most.
const MOST_HEADERS: usize = 128;

/// An answer that is no HTTP/1.1, or whose end cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not valid HTTP/1.1")]
pub(super) struct InvalidAnswer;

/// Where the body of an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerFraming {
    /// There is none.
    None,
    /// After this number of bytes.
    Length(u64),
    /// With the last chunk.
    Chunked,
    /// With the connection.
    UntilClose,
}

/// A parsed head.
#[derive(Debug)]
pub(super) struct AnswerHead {
    pub(super) status: StatusCode,
    /// What the client gets of the headers.
    pub(super) headers: HeaderMap,
    pub(super) framing: AnswerFraming,
    /// Whether the connection takes another request after this answer.
    pub(super) keeps_alive: bool,
}

/// The length of the head that the bytes begin with; `None` where it is not complete.
///
/// # Errors
/// [`InvalidAnswer`].
pub(super) fn head_length(bytes: &[u8]) -> Result<Option<usize>, InvalidAnswer> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    match httparse::Response::new(&mut headers).parse(bytes) {
        Ok(httparse::Status::Complete(length)) => Ok(Some(length)),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(_) => Err(InvalidAnswer),
    }
}

/// Reads a complete head.
///
/// # Errors
/// [`InvalidAnswer`].
pub(super) fn read_head(bytes: &Bytes) -> Result<AnswerHead, InvalidAnswer> {
    let mut parsed = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut parsed);
    response.parse(bytes).map_err(|_| InvalidAnswer)?;
    let status = response.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(InvalidAnswer)?;
    let connection = ConnectionHeader::of(response.headers)?;
    let framing = framing(status, response.headers)?;
    let mut headers = HeaderMap::with_capacity(response.headers.len() + 2);
    for header in response.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| InvalidAnswer)?;
        if passes_to_client(name.as_str()) && !connection.names(name.as_str()) {
            // A part of the head's own bytes: nothing is copied.
            let value = HeaderValue::from_maybe_shared(bytes.slice_ref(header.value));
            headers.append(name, value.map_err(|_| InvalidAnswer)?);
        }
    }
    let keeps_alive =
        response.version == Some(1) && !connection.names("close") && framing != AnswerFraming::UntilClose;
    Ok(AnswerHead { status, headers, framing, keeps_alive })
}

/// What `Connection` names; empty in most answers.
struct ConnectionHeader(Vec<String>);

impl ConnectionHeader {
    fn of(headers: &[httparse::Header<'_>]) -> Result<Self, InvalidAnswer> {
        let mut names = Vec::new();
        for header in headers.iter().filter(|header| header.name.eq_ignore_ascii_case("connection")) {
            let value = str::from_utf8(header.value).map_err(|_| InvalidAnswer)?;
            names.extend(value.split(',').map(|name| name.trim().to_ascii_lowercase()));
        }
        Ok(Self(names))
    }

    fn names(&self, name: &str) -> bool {
        self.0.iter().any(|named| named == name)
    }
}

/// Where the body ends. An answer that says it in two ways is refused: who reads it in the other way could be made to
/// see a second answer.
fn framing(status: StatusCode, headers: &[httparse::Header<'_>]) -> Result<AnswerFraming, InvalidAnswer> {
    let (mut length, mut coding) = (None, None);
    for header in headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            let digits = str::from_utf8(header.value)
                .ok()
                .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
            let told = digits.and_then(|text| text.parse::<u64>().ok()).ok_or(InvalidAnswer)?;
            if length.replace(told).is_some_and(|before| before != told) {
                return Err(InvalidAnswer);
            }
        } else if header.name.eq_ignore_ascii_case("transfer-encoding")
            && coding.replace(header.value).is_some()
        {
            return Err(InvalidAnswer);
        }
    }
    match (coding, length) {
        _ if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) => Ok(AnswerFraming::None),
        (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(AnswerFraming::Chunked),
        (Some(_), _) => Err(InvalidAnswer),
        (None, Some(length)) => Ok(AnswerFraming::Length(length)),
        (None, None) => Ok(AnswerFraming::UntilClose),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(text: &str) -> Result<AnswerHead, InvalidAnswer> {
        assert_eq!(head_length(text.as_bytes()).unwrap(), Some(text.len()), "{text}");
        read_head(&Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn the_head_tells_where_the_body_ends_and_whether_the_connection_stays() {
        for (version, status, headers, framing, keeps_alive) in [
            ("1.1", 200, "content-length: 2\r\n", AnswerFraming::Length(2), true),
            ("1.1", 200, "Content-Length: 2\r\ncontent-length: 2\r\n", AnswerFraming::Length(2), true),
            ("1.1", 200, "content-length: 2\r\nconnection: x, Close\r\n", AnswerFraming::Length(2), false),
            ("1.0", 200, "content-length: 2\r\n", AnswerFraming::Length(2), false),
            ("1.1", 200, "transfer-encoding: Chunked\r\n", AnswerFraming::Chunked, true),
            ("1.1", 200, "", AnswerFraming::UntilClose, false),
            ("1.1", 204, "", AnswerFraming::None, true),
            ("1.1", 304, "content-length: 700\r\n", AnswerFraming::None, true),
        ] {
            let read = head(&format!("HTTP/{version} {status} X\r\n{headers}\r\n")).unwrap();
            assert_eq!(
                (read.framing, read.keeps_alive),
                (framing, keeps_alive),
                "{version} {status} {headers}"
            );
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for headers in [
            "content-length: 2\r\ncontent-length: 3\r\n",
            "content-length: +2\r\n",
            "content-length: 2, 2\r\n",
            "content-length:\r\n",
            "content-length: 99999999999999999999\r\n",
            "content-length: 2\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: gzip, chunked\r\n",
        ] {
            assert_eq!(
                head(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n")).err(),
                Some(InvalidAnswer),
                "{headers}"
            );
        }
    }

    #[test]
    fn headers_of_the_connection_stay_with_it() {
        let read = head(
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nConnection: X-Hop\r\nx-hop: 1\r\nKeep-Alive: 5\r\nx-request-id: 1\r\nAccess-Control-Allow-Origin: *\r\nETag: \"7\"\r\nvary: a\r\nvary: b\r\n\r\n",
        );
        let read = read.unwrap();
        let names: Vec<&str> = read.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        assert_eq!(read.headers.get("etag").unwrap(), "\"7\"");
        assert_eq!(read.headers.get_all("vary").count(), 2);
    }

    #[test]
    fn a_head_in_parts_is_not_complete_and_junk_is_none() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(head_length(&whole[..whole.len() - 1]), Ok(None));
        assert_eq!(head_length(b"SSH-2.0-OpenSSH\r\n"), Err(InvalidAnswer));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(MOST_HEADERS + 1));
        assert_eq!(head_length(many.as_bytes()), Err(InvalidAnswer));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let bytes = [b"HTTP/1.1 200 OK\r\n".as_slice(), &bytes, b"\r\n\r\n"].concat();
            if let Ok(Some(length)) = head_length(&bytes) {
                let _ = read_head(&Bytes::copy_from_slice(&bytes[..length]));
            }
        }
    }
}
