//! Tokens that open one booking for reading: what a look-up gives to those without a login.
//!
//! They are no access tokens: another algorithm, type, issuer and audience, under a key of their own.
//! Only the extractor of this module accepts them, and only where it is used.

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web};
use futures_util::future::LocalBoxFuture;
use hmac::{Hmac, Mac};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode, errors::ErrorKind,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use shared::{
    auth::Caller,
    http::{Code, Problem},
    ids::BookingId,
};

/// Seconds for which a token is good.
pub(crate) const LIFETIME: i64 = 1800;
const KIND: &str = "booking+jwt";
const ISSUER: &str = "aerobus/booking";
const AUDIENCE: &str = "aerobus/booking/guest";

#[derive(Serialize, Deserialize)]
struct AccessClaims {
    iss: String,
    aud: String,
    sub: BookingId,
    exp: i64,
}

/// Issues and checks the tokens.
#[derive(Clone)]
pub(crate) struct AccessTokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl AccessTokens {
    /// Tokens under a key derived from the services' secret, so that a token of one kind is never
    /// good as the other.
    pub(crate) fn new(secret: &SecretString) -> Self {
        let key = match Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) {
            Ok(mac) => mac.chain_update(b"aerobus booking access token").finalize().into_bytes(),
            Err(_) => unreachable!("HMAC takes keys of any length"),
        };
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = 5;
        Self {
            encoding: EncodingKey::from_secret(&key),
            decoding: DecodingKey::from_secret(&key),
            validation,
        }
    }

    /// A token for a booking.
    pub(crate) fn issue(&self, booking: BookingId) -> Result<String, Problem> {
        let exp = chrono::Utc::now().timestamp() + LIFETIME;
        let claims = AccessClaims { iss: ISSUER.to_owned(), aud: AUDIENCE.to_owned(), sub: booking, exp };
        let header = Header { typ: Some(KIND.to_owned()), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims, &self.encoding).map_err(|error| Problem::internal(&error))
    }

    /// The booking that a token opens; `None` where it is no token of this kind at all.
    fn open(&self, token: &str) -> Option<Result<BookingId, Problem>> {
        let header = decode_header(token).ok()?;
        if header.typ.as_deref() != Some(KIND) || header.alg != Algorithm::HS256 {
            return None;
        }
        let opened = decode::<AccessClaims>(token, &self.decoding, &self.validation);
        Some(opened.map(|token| token.claims.sub).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => Problem::new(Code::TokenExpired),
            _ => Problem::new(Code::Unauthenticated),
        }))
    }
}

/// Who reads a booking.
#[derive(Debug, Clone)]
pub(crate) enum BookingViewer {
    /// A user, by an access token.
    User(Caller),
    /// Whoever has looked up this booking.
    Guest(BookingId),
}

impl FromRequest for BookingViewer {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let tokens = request.app_data::<web::Data<AccessTokens>>();
        let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|header| header.split_once(' '));
        let token =
            token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        let opened = tokens.zip(token).and_then(|(tokens, token)| tokens.open(token));
        match opened {
            Some(opened) => Box::pin(std::future::ready(opened.map(Self::Guest))),
            None => {
                let caller = Caller::from_request(request, payload);
                Box::pin(async move { caller.await.map(Self::User) })
            }
        }
    }
}
