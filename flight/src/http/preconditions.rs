//! The `If-Match` of a write, read before its transaction and checked inside, under the row's lock.

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header};
use shared::http::{Code, Problem};
use std::{convert::Infallible, future};

/// The tags that the client would overwrite; without the header everything goes.
pub(crate) struct IfMatch(Option<Vec<String>>);

impl FromRequest for IfMatch {
    type Error = Infallible;
    type Future = future::Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut headers = request.headers().get_all(header::IF_MATCH).peekable();
        let present = headers.peek().is_some();
        let tags = headers.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        let tags = tags.map(|tag| tag.trim().to_owned()).collect();
        future::ready(Ok(Self(present.then_some(tags))))
    }
}

impl IfMatch {
    /// The precondition of a write that goes by what was read in this version.
    pub(crate) fn version(version: i64) -> Self {
        Self(Some(vec![format!("\"{version}\"")]))
    }

    /// Checks that one of the tags is of this version. A flight's tag names its version and then what
    /// else is shown of it (`"7.1f3a"`): only the version is at stake in a write.
    pub(crate) fn check(&self, version: i64) -> Result<(), Problem> {
        let names_it = |tag: &String| {
            let of = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            let of = of.map(|tag| tag.split_once('.').map_or(tag, |(version, _)| version));
            tag == "*" || of == Some(version.to_string().as_str())
        };
        match &self.0 {
            Some(tags) if !tags.iter().any(names_it) => Err(Problem::new(Code::PreconditionFailed)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_version_is_compared_and_strongly() {
        let check = |tags: &[&str]| {
            IfMatch(Some(tags.iter().map(|tag| (*tag).to_owned()).collect())).check(7).is_ok()
        };
        assert!(check(&["\"7\""]) && check(&["\"7.1f3a\""]) && check(&["*"]) && check(&["\"6\"", "\"7\""]));
        assert!(
            !check(&["\"6\""])
                && !check(&["W/\"7\""])
                && !check(&["7"])
                && !check(&["\"77\""])
                && !check(&[])
        );
        assert!(IfMatch(None).check(7).is_ok());
        assert!(IfMatch::version(7).check(7).is_ok() && IfMatch::version(7).check(8).is_err());
    }
}
