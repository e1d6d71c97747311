//! The caller of a request, as its token says.

use super::{Claims, Permission, TokenError, Verifier};
use crate::{
    http::{Code, Problem},
    ids::{SessionId, UserId},
};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, http::header, web};
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

impl FromRequest for MaybeCaller {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // A middleware may have verified the token of this request before.
        if let Some(known) = request.extensions().get::<Caller>() {
            return Box::pin(future::ready(Ok(Self(Some(known.clone())))));
        }
        let verifier = request.app_data::<web::Data<Verifier>>().cloned();
        let request = request.clone();
        Box::pin(async move {
            let header = request.headers().get(header::AUTHORIZATION).cloned();
            let Some(header) = header else { return Ok(Self(None)) };
            let unauthenticated = || Problem::new(Code::Unauthenticated);
            let verifier = verifier.ok_or_else(unauthenticated)?;
            let text = header.to_str().map_err(|_| unauthenticated())?;
            let (scheme, token) = text.split_once(' ').ok_or_else(unauthenticated)?;
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(unauthenticated());
            }
            match verifier.verify(token.trim()).await {
                Ok(claims) => {
                    let caller = Caller(claims);
                    request.extensions_mut().insert(caller.clone());
                    Ok(Self(Some(caller)))
                }
                Err(TokenError::Expired) => Err(Problem::new(Code::TokenExpired)),
                // A refresh would be refused, too: the client is told to log in at once.
                Err(TokenError::Invalid | TokenError::SessionEnded) => Err(unauthenticated()),
            }
        })
    }
}
