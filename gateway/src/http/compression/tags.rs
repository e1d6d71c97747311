//! Entity tags of compressed answers.
//!
//! A strong tag tells one sequence of bytes (RFC 9110, 8.8.3), so a compressed answer needs a tag of its own: the
//! resource's with the coding at its end, `"7-br"`. The services know only their own tags: the coding is taken off
//! the conditions that clients send, so a tag that a client got with whichever coding is good for `If-Match`.

use super::coding::Coding;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

/// The end of a compressed answer's tag.
fn ending(coding: Coding) -> String {
    format!("-{}\"", coding.name())
}

/// Gives the answer the tag of its coding.
pub(super) fn mark(headers: &mut HeaderMap, coding: Coding) {
    if let Some(tag) = tag_of(headers)
        && let Some(opened) = tag.strip_suffix('"')
        && let Ok(marked) = HeaderValue::from_str(&format!("{opened}{}", ending(coding)))
    {
        headers.insert(header::ETAG, marked);
    }
}

fn tag_of(headers: &HeaderMap) -> Option<String> {
    headers.get(header::ETAG)?.to_str().ok().map(str::to_owned)
}

/// The tags that a client knows, as it has sent them.
pub(super) struct ClientTags(Vec<String>);

impl ClientTags {
    /// Takes the codings off the conditions of a request. No tag of a service ends like a coding.
    pub(super) fn take(headers: &mut HeaderMap) -> Self {
        let mut known = Vec::new();
        for name in [header::IF_MATCH, header::IF_NONE_MATCH] {
            let values: Vec<HeaderValue> = headers.get_all(&name).cloned().collect();
            if values.is_empty() {
                continue;
            }
            headers.remove(&name);
            for value in values {
                let text = value.to_str().unwrap_or_default();
                known.extend(text.split(',').map(|tag| tag.trim().to_owned()));
                let plain = Coding::ALL
                    .iter()
                    .fold(text.to_owned(), |text, coding| text.replace(&ending(*coding), "\""));
                headers.append(name.clone(), HeaderValue::from_str(&plain).unwrap_or(value));
            }
        }
        Self(known)
    }

    /// Gives a 304 the tag of the copy that the client has: it tells which of its copies is good.
    pub(super) fn restore(&self, headers: &mut HeaderMap) {
        let Some(tag) = tag_of(headers) else { return };
        let is_known = |tag: &str| self.0.iter().any(|known| known.trim_start_matches("W/") == tag);
        if is_known(&tag) {
            return;
        }
        let opened = tag.strip_suffix('"').unwrap_or(&tag);
        let marked = Coding::ALL.map(|coding| format!("{opened}{}", ending(coding)));
        if let Some(marked) = marked.iter().find(|tag| is_known(tag))
            && let Ok(marked) = HeaderValue::from_str(marked)
        {
            headers.insert(header::ETAG, marked);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name.clone(), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn services_see_their_own_tags() {
        let mut request = headers(&[
            (header::IF_MATCH, "\"7-br\", \"8-gzip\""),
            (header::IF_MATCH, "\"9\", *"),
            (header::IF_NONE_MATCH, "W/\"7.1f3a-br\""),
        ]);
        ClientTags::take(&mut request);
        assert_eq!(request.get_all(header::IF_MATCH).collect::<Vec<_>>(), ["\"7\", \"8\"", "\"9\", *"]);
        assert_eq!(request.get(header::IF_NONE_MATCH).unwrap(), "W/\"7.1f3a\"");
    }

    #[test]
    fn clients_see_the_tags_of_their_copies() {
        let mut answer = headers(&[(header::ETAG, "\"7\"")]);
        mark(&mut answer, Coding::Gzip);
        assert_eq!(answer.get(header::ETAG).unwrap(), "\"7-gzip\"");
        for (known, told) in [
            ("\"7-gzip\"", "\"7-gzip\""),
            ("W/\"7-br\"", "\"7-br\""),
            ("\"6\", \"7\"", "\"7\""),
            ("\"7\", \"7-br\"", "\"7\""),
            ("*", "\"7\""),
        ] {
            let tags = ClientTags::take(&mut headers(&[(header::IF_NONE_MATCH, known)]));
            let mut unchanged = headers(&[(header::ETAG, "\"7\"")]);
            tags.restore(&mut unchanged);
            assert_eq!(unchanged.get(header::ETAG).unwrap(), told, "{known}");
        }
        let mut untagged = HeaderMap::new();
        mark(&mut untagged, Coding::Brotli);
        assert!(untagged.is_empty());
    }
}
