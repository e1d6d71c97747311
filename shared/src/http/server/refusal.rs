//! The server's bare answers to what it cannot parse, made problems.

use super::request_line::RequestLine;
use crate::http::{Code, Problem, SECURITY_HEADERS};
use actix_web::body::MessageBody;
use std::fmt::Write;
use uuid::Uuid;

/// A bare answer is shorter: a status line, `content-length: 0`, `connection` and `date`.
const LONGEST: usize = 256;

/// A bare answer, the last thing that is written on its connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bare<'a> {
    /// Where in what is written it begins; before it may stand the end of another answer.
    pub(super) begins: usize,
    /// `HTTP/1.1`.
    version: &'a str,
    /// 400: it is no HTTP, or the target is too long. 431: there are more than 96 headers, or the head has more
    /// than 128 KiB.
    status: &'a str,
    /// The whole line of the header, which every answer must have.
    date: &'a str,
}

impl<'a> Bare<'a> {
    /// Finds one at the end of what is written. Every answer of a handler has a request id and a type, so none is
    /// taken for bare.
    pub(super) fn find(written: &'a [u8]) -> Option<Self> {
        if !written.ends_with(b"\r\n\r\n") {
            return None;
        }
        let from = written.len().saturating_sub(LONGEST);
        let begins = from + memchr::memmem::rfind(&written[from..], b"HTTP/1.")?;
        let head = str::from_utf8(&written[begins..]).ok()?;
        let mut lines = head.trim_end_matches("\r\n").split("\r\n");
        let (version, reason) = lines.next()?.split_once(' ')?;
        let status = reason.get(..3).filter(|status| matches!(*status, "400" | "431"))?;
        let (mut date, mut is_empty) = ("", false);
        for line in lines {
            match line.split_once(": ")? {
                ("content-length", "0") => is_empty = true,
                ("connection", _) => {}
                ("date", _) => date = line,
                _ => return None,
            }
        }
        is_empty.then_some(Self { begins, version, status, date })
    }

    /// The problem that stands for it, as it goes over the wire.
    pub(super) fn problem(&self, line: &RequestLine) -> String {
        let problem = match (self.status, line.is_too_long()) {
            (_, true) => Problem::new(Code::UriTooLong),
            ("431", _) => Problem::new(Code::HeadersTooLarge),
            _ => Problem::new(Code::MalformedJson).detail("The request is not valid HTTP/1.1."),
        };
        metrics::counter!("http_malformed_requests_total", "code" => problem.code().as_str()).increment(1);
        let id = Uuid::now_v7().to_string();
        let (response, body) = problem.to_response(Some(&id)).into_parts();
        // A problem's body is a text.
        let body = body.try_into_bytes().unwrap_or_default();
        let mut text =
            format!("{} {}\r\ncontent-length: {}\r\n", self.version, response.status(), body.len());
        // Writing to a String does not fail.
        for (name, value) in response.headers() {
            let _ = write!(text, "{name}: {}\r\n", value.to_str().unwrap_or_default());
        }
        for (name, value) in SECURITY_HEADERS {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let _ = write!(text, "x-request-id: {id}\r\nconnection: close\r\n{}\r\n\r\n", self.date);
        if !line.is_head() {
            text += &String::from_utf8_lossy(&body);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "date: Tue, 01 Dec 2026 10:00:00 GMT";

    fn found(written: &str) -> Option<(usize, String)> {
        Bare::find(written.as_bytes()).map(|bare| (bare.begins, bare.status.to_owned()))
    }

    #[test]
    fn bare_answers_are_found_behind_others_and_no_other_is_one() {
        let bare =
            format!("HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n{DATE}\r\n\r\n");
        assert_eq!(found(&bare), Some((0, "431".to_owned())));
        let before = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-request-id: 1\r\n\r\n{}";
        assert_eq!(found(&format!("{before}{bare}")), Some((before.len(), "431".to_owned())));
        let old = format!(
            "HTTP/1.0 400 Bad Request\r\ncontent-length: 0\r\nconnection: keep-alive\r\n{DATE}\r\n\r\n"
        );
        assert_eq!(found(&old), Some((0, "400".to_owned())));
        for other in [
            before.to_owned(),
            format!("{bare}x"),
            bare.replace("431", "404"),
            bare.replace("content-length: 0", "content-length: 7"),
            bare.replace(DATE, &format!("{DATE}\r\nx-request-id: 1")),
            format!("HTTP/1.1 204 No Content\r\n{DATE}\r\nx-request-id: 1\r\n\r\n"),
            "4\r\n{}{}\r\n0\r\n\r\n".to_owned(),
        ] {
            assert_eq!(found(&other), None, "{other}");
        }
    }

    #[test]
    fn the_problem_says_which_limit_it_was() {
        let told = |bare: &str, read: &str| {
            let mut line = RequestLine::default();
            line.read(read.as_bytes());
            Bare::find(bare.as_bytes()).unwrap().problem(&line)
        };
        let bare = |status: &str| format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n{DATE}\r\n\r\n");
        let long = format!("GET /{}", "x".repeat(70_000));
        for (status, read, line, code) in [
            (
                "431",
                "GET / HTTP/1.1\r\n",
                "HTTP/1.1 431 Request Header Fields Too Large",
                "headers_too_large",
            ),
            ("431", &long, "HTTP/1.1 414 URI Too Long", "uri_too_long"),
            ("400", &long, "HTTP/1.1 414 URI Too Long", "uri_too_long"),
            ("400", "\u{1}", "HTTP/1.1 400 Bad Request", "malformed_json"),
        ] {
            let answer = told(&bare(status), read);
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            let headers: Vec<&str> = head.split("\r\n").collect();
            assert_eq!(headers[0], line);
            for header in [
                "content-type: application/problem+json",
                "x-content-type-options: nosniff",
                "connection: close",
                DATE,
            ] {
                assert!(headers.contains(&header), "{head}");
            }
            assert!(headers.contains(&format!("content-length: {}", body.len()).as_str()), "{head}");
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(body["code"], code);
            assert!(
                head.contains(&format!("x-request-id: {}", body["request_id"].as_str().unwrap())),
                "{head}"
            );
        }
        let head = told(&bare("431"), "HEAD / HTTP/1.1\r\n");
        assert!(head.ends_with("\r\n\r\n") && !head.contains("content-length: 0"), "{head}");
    }
}
