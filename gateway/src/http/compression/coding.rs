//! The content coding that a client prefers (RFC 9110, 12.5.3).

use actix_web::{
    HttpRequest,
    http::header::{AcceptEncoding, Encoding, Header, Quality},
};

/// A coding that the gateway writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Brotli,
    Gzip,
}

impl Coding {
    /// The better one first: of codings that a client likes as much it is taken.
    pub(super) const ALL: [Self; 2] = [Self::Brotli, Self::Gzip];

    /// As headers name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    fn encoding(self) -> Encoding {
        match self {
            Self::Brotli => Encoding::brotli(),
            Self::Gzip => Encoding::gzip(),
        }
    }
}

/// What a client takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepted {
    /// The coding that it likes best.
    pub(super) coding: Option<Coding>,
    /// Whether it takes an answer without one.
    pub(super) identity: bool,
}

impl Accepted {
    /// By the client of this request. A header that cannot be read counts as absent, and then no coding is
    /// chosen: not every client that says nothing can decode.
    pub(super) fn by(request: &HttpRequest) -> Self {
        let Ok(AcceptEncoding(accepted)) = AcceptEncoding::parse(request) else {
            return Self { coding: None, identity: true };
        };
        let of = |encoding: Option<&Encoding>| {
            let named = accepted.iter().find(|one| one.item.item() == encoding);
            named.map(|one| one.quality)
        };
        let any = of(None);
        let quality = |coding: Coding| of(Some(&coding.encoding())).or(any).unwrap_or(Quality::ZERO);
        let liked = Coding::ALL.into_iter().filter(|coding| quality(*coding) > Quality::ZERO);
        // The first of the best.
        let coding = liked.reduce(|best, other| if quality(other) > quality(best) { other } else { best });
        let identity = of(Some(&Encoding::identity())).or(any).unwrap_or(Quality::MAX);
        // An answer as it is must be liked better than a coding to be preferred to it.
        let preferred = coding.filter(|coding| {
            of(Some(&Encoding::identity())).is_none_or(|identity| identity <= quality(*coding))
        });
        Self { coding: preferred, identity: identity > Quality::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn the_clients_wish_is_followed() {
        use Coding::{Brotli, Gzip};
        for (header, coding, identity) in [
            (None, None, true),
            (Some(""), None, true),
            (Some("gzip, deflate, br, zstd"), Some(Brotli), true),
            (Some("gzip"), Some(Gzip), true),
            (Some("GZIP"), Some(Gzip), true),
            (Some("gzip;q=1.0, br;q=0.5"), Some(Gzip), true),
            (Some("br;q=0, gzip;q=0.1"), Some(Gzip), true),
            (Some("deflate, zstd"), None, true),
            (Some("*"), Some(Brotli), true),
            (Some("*;q=0.5, gzip"), Some(Gzip), true),
            (Some("br;q=0, *"), Some(Gzip), true),
            (Some("identity"), None, true),
            (Some("identity, br;q=0.5"), None, true),
            (Some("identity;q=0.5, br"), Some(Brotli), true),
            (Some("identity;q=0"), None, false),
            (Some("identity;q=0, gzip"), Some(Gzip), false),
            (Some("*;q=0"), None, false),
            (Some("*;q=0, identity"), None, true),
            (Some("*;q=0, br"), Some(Brotli), false),
            (Some("br;q=x"), None, true),
        ] {
            let mut request = TestRequest::get();
            if let Some(header) = header {
                request = request.insert_header(("accept-encoding", header));
            }
            let accepted = Accepted::by(&request.to_http_request());
            assert_eq!(accepted, Accepted { coding, identity }, "{header:?}");
        }
    }
}
