//! Which media type a client prefers (RFC 9110, 12.5.1).

use crate::http::{Code, Problem};
use actix_web::{
    HttpRequest,
    http::header::{self, Accept, Header, Quality},
};

/// The one of these media types (`text/csv`) that the client likes best; of equals the first. Without
/// an `Accept` header anything is welcome.
///
/// # Errors
/// `not_acceptable`.
pub fn preferred(request: &HttpRequest, offered: &[&'static str]) -> Result<&'static str, Problem> {
    if !request.headers().contains_key(header::ACCEPT) {
        return offered.first().copied().ok_or_else(not_acceptable);
    }
    let accept = Accept::parse(request).map_err(|_| not_acceptable())?;
    let mut best: Option<(Quality, &'static str)> = None;
    for media_type in offered {
        let quality = quality(&accept, media_type);
        if quality > best.map_or(Quality::ZERO, |(quality, _)| quality) {
            best = Some((quality, media_type));
        }
    }
    best.map(|(_, media_type)| media_type).ok_or_else(not_acceptable)
}

fn not_acceptable() -> Problem {
    Problem::new(Code::NotAcceptable)
}

/// The quality of the most specific range that covers the media type; zero where none does.
fn quality(accept: &Accept, media_type: &str) -> Quality {
    let kind = media_type.split('/').next().unwrap_or_default();
    let specificity = |range: &str| match range {
        _ if range == media_type => Some(2),
        "*/*" => Some(0),
        _ => (range.strip_suffix("/*") == Some(kind)).then_some(1),
    };
    let mut best = None;
    for item in accept.iter() {
        let range = item.item.essence_str().to_ascii_lowercase();
        if let Some(specificity) = specificity(&range)
            && best.is_none_or(|(known, _)| specificity > known)
        {
            best = Some((specificity, item.quality));
        }
    }
    best.map_or(Quality::ZERO, |(_, quality)| quality)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn the_client_decides_by_quality_and_the_most_specific_range_counts() {
        let choice = |accept: &str| {
            let request = TestRequest::get().insert_header((header::ACCEPT, accept)).to_http_request();
            preferred(&request, &["application/json", "text/csv"]).ok()
        };
        for (accept, expected) in [
            ("text/csv", Some("text/csv")),
            ("TEXT/CSV; header=present", Some("text/csv")),
            ("application/json", Some("application/json")),
            ("*/*", Some("application/json")),
            ("text/*", Some("text/csv")),
            ("text/html, text/csv;q=0.5, */*;q=0.1", Some("text/csv")),
            ("text/csv;q=0.3, application/json;q=0.4", Some("application/json")),
            ("text/csv, application/json", Some("application/json")),
            ("application/json;q=0, */*", Some("text/csv")),
            ("text/csv;q=0, text/*", None),
            ("text/html", None),
            ("application/pdf, image/*", None),
        ] {
            assert_eq!(choice(accept), expected, "{accept}");
        }
        let request = TestRequest::get().to_http_request();
        assert_eq!(preferred(&request, &["application/json", "text/csv"]).ok(), Some("application/json"));
    }
}
