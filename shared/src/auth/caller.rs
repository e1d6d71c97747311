//! The caller of a request, as its token says.

use super::{Claims, Permission, TokenError, Verifier};
use crate::{
    http::{Code, Problem},
    ids::{SessionId, UserId},
};
use actix_web::{
    Error, FromRequest, HttpMessage, HttpRequest,
    body::MessageBody,
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::header::{self, HeaderValue},
    middleware::Next,
    web,
};
use futures_util::future::LocalBoxFuture;
use std::{future, sync::Arc};

/// An authenticated caller. As an extractor it answers 401 without a valid token.
///
/// The app needs a [`Verifier`] as data.
#[derive(Debug, Clone)]
pub struct Caller(Arc<Claims>);

impl Caller {
    /// The caller with these claims, verified elsewhere.
    #[must_use]
    pub fn new(claims: Arc<Claims>) -> Self {
        Self(claims)
    }

    /// The user.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.0.sub
    }

    /// The login session.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        self.0.sid
    }

    /// The claims.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.0
    }

    /// Whether the caller has a permission.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.0.scope.split(' ').any(|name| name == permission.as_str())
    }

    /// Demands a permission.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        self.require_any(&[permission])
    }

    /// Demands one of these permissions, whichever.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn require_any(&self, permissions: &[Permission]) -> Result<(), Problem> {
        if permissions.iter().any(|permission| self.may(*permission)) {
            return Ok(());
        }
        let names: Vec<_> = permissions.iter().map(|permission| permission.as_str()).collect();
        Err(Problem::new(Code::Forbidden).detail(format_args!("{} is needed", names.join(" or "))))
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let maybe = MaybeCaller::from_request(request, payload);
        Box::pin(async move { maybe.await?.0.ok_or_else(|| Problem::new(Code::Unauthenticated)) })
    }
}

/// Whether limits of rate are lifted for the caller. A bad token is no reason to refuse what needs none,
/// but earns nothing.
pub async fn is_exempt(request: &HttpRequest) -> bool {
    let caller = MaybeCaller::from_request(request, &mut Payload::None).await;
    caller.is_ok_and(|caller| caller.0.is_some_and(|caller| caller.may(Permission::LimitsExempt)))
}

/// The caller where there is a token; a bad token is 401 even where none is needed.
#[derive(Debug, Clone)]
pub struct MaybeCaller(pub Option<Caller>);

/// What the token of a request has told, kept in the request's extensions: a token is verified once a request.
#[derive(Debug, Clone)]
struct KnownCaller(Result<Option<Caller>, Code>);

impl KnownCaller {
    /// Finds the caller, and keeps the answer in the request.
    async fn find(request: &HttpRequest) -> Self {
        let found = match request.headers().get(header::AUTHORIZATION) {
            Some(value) => Self::verify(request, value).await.map(Some),
            None => Ok(None),
        };
        Self(found).kept_in(request)
    }

    async fn verify(request: &HttpRequest, authorization: &HeaderValue) -> Result<Caller, Code> {
        let verifier = request.app_data::<web::Data<Verifier>>().ok_or(Code::Unauthenticated)?;
        let token = bearer(authorization).ok_or(Code::Unauthenticated)?;
        Self::checked(verifier.verify(token).await)
    }

    fn checked(verified: Result<Arc<Claims>, TokenError>) -> Result<Caller, Code> {
        match verified {
            Ok(claims) => Ok(Caller(claims)),
            Err(TokenError::Expired) => Err(Code::TokenExpired),
            // A refresh would be refused, too: the client is told to log in at once.
            Err(TokenError::Invalid | TokenError::SessionEnded) => Err(Code::Unauthenticated),
        }
    }

    fn kept_in(self, request: &HttpRequest) -> Self {
        request.extensions_mut().insert(self.clone());
        self
    }
}

fn bearer(authorization: &HeaderValue) -> Option<&str> {
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether the caller is known without work: there is no token, or it was verified before. Another token costs a
/// signature, and perhaps a wait for keys.
#[must_use]
pub fn is_caller_at_hand(request: &HttpRequest) -> bool {
    let Some(authorization) = request.headers().get(header::AUTHORIZATION) else { return true };
    let verifier = request.app_data::<web::Data<Verifier>>();
    let verified =
        verifier.zip(bearer(authorization)).and_then(|(verifier, token)| verifier.verify_again(token));
    let is_at_hand = verified.is_some();
    if let Some(verified) = verified {
        KnownCaller(KnownCaller::checked(verified).map(Some)).kept_in(request);
    }
    is_at_hand
}

impl FromRequest for MaybeCaller {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let answer = |known: KnownCaller| known.0.map(Self).map_err(Problem::new);
        if let Some(known) = request.extensions().get::<KnownCaller>() {
            return Box::pin(future::ready(answer(known.clone())));
        }
        let request = request.clone();
        Box::pin(async move { answer(KnownCaller::find(&request).await) })
    }
}

/// Middleware: finds the caller before the handler's extractors run. These run beside each other, and a token whose key
/// has to be fetched first would let an error of the body come before the 401.
///
/// # Errors
/// Those of what it wraps.
pub async fn identify_caller(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if request.headers().contains_key(header::AUTHORIZATION) {
        // A bad token counts only where a route asks for the caller.
        let _asked_later = KnownCaller::find(request.request()).await;
    }
    next.call(request).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::{KeySet, KeySource},
        http::JsonBytes,
    };
    use actix_web::{
        App, HttpResponse,
        middleware::from_fn,
        test::{TestRequest, call_service, init_service},
    };
    use std::time::Duration;
    use tokio_util::sync::CancellationToken;

    /// The head of a token under a key that nobody has: `{"alg":"EdDSA","typ":"at+jwt","kid":"unknown"}`.
    const UNKNOWN_KEY: &str =
        "Bearer eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6InVua25vd24ifQ.e30.AAAA";

    #[actix_web::test]
    async fn a_token_that_takes_time_is_refused_before_a_bad_body() {
        let (keys, stop) = (KeySource::in_process(), CancellationToken::new());
        let loads = keys.clone().serve(Duration::from_secs(60), stop.clone(), async || {
            tokio::task::yield_now().await;
            Some(KeySet::default())
        });
        let loads = actix_web::rt::spawn(loads);
        // The task has to serve before a token waits for it.
        tokio::task::yield_now().await;
        let handler = |_: Caller, body: JsonBytes| async move {
            body.read(|_| Some(()))?;
            Ok::<_, Problem>(HttpResponse::NoContent().finish())
        };
        let app = init_service(
            App::new()
                .wrap(from_fn(identify_caller))
                .app_data(web::Data::new(Verifier::new(keys, "issuer", "audience")))
                .route("/", web::post().to(handler)),
        )
        .await;
        let request = TestRequest::post().insert_header((header::AUTHORIZATION, UNKNOWN_KEY));
        let request = request.insert_header((header::CONTENT_TYPE, "text/plain")).set_payload("no JSON");
        assert_eq!(call_service(&app, request.to_request()).await.status(), 401);
        stop.cancel();
        loads.await.unwrap();
    }
}
