//! Verifies access tokens: EdDSA only, with a cache of tokens that were verified.
//!
//! Invariant: a cached token is refused like any other as soon as it is revoked or its key is no longer trusted.

use super::{
    Claims, KeySource, RevocationList, claims::ACCESS_TOKEN_SECONDS, jwks::KeyLookup,
    revocation_list::RefusalReason,
};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header, errors::ErrorKind};
use moka::sync::Cache;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It was good once. A refresh gives another one.
    #[error("the token has expired")]
    Expired,
    /// Its session has ended, so no refresh gives another one.
    #[error("the session of the token has ended")]
    SessionEnded,
    /// Forged, of another issuer, of another algorithm, or no token at all.
    #[error("the token is not valid")]
    Invalid,
}

/// A token whose signature was verified.
struct VerifiedToken {
    claims: Arc<Claims>,
    /// The key that verified it.
    kid: String,
    /// The [generation](Verifier::generation) under which it was found good.
    good_under: AtomicU64,
}

/// Verifies tokens; cloneable, shared by the threads of a service.
#[derive(Clone)]
pub struct Verifier {
    keys: KeySource,
    revocations: RevocationList,
    validation: Arc<Validation>,
    /// Verifying costs 60 us: a verified token is remembered until it expires.
    verified: Cache<String, Arc<VerifiedToken>>,
}

impl Verifier {
    /// A verifier of tokens of this issuer for this audience, none of which is ever revoked.
    #[must_use]
    pub fn new(keys: KeySource, issuer: &str, audience: &str) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = 5;
        let lifetime = Duration::from_secs(ACCESS_TOKEN_SECONDS.unsigned_abs());
        let verified = Cache::builder().max_capacity(100_000).time_to_live(lifetime).build();
        Self { keys, revocations: RevocationList::in_process(), validation: Arc::new(validation), verified }
    }

    /// With the list of what was revoked.
    #[must_use]
    pub fn with_revocations(self, revocations: RevocationList) -> Self {
        Self { revocations, ..self }
    }

    /// The keys that it trusts.
    pub(crate) fn keys(&self) -> &KeySource {
        &self.keys
    }

    /// What it knows to be revoked.
    pub(crate) fn revocations(&self) -> &RevocationList {
        &self.revocations
    }

    /// The claims of a token that was verified before, or why it is refused now; `None` for any other token.
    pub(super) fn verify_again(&self, token: &str) -> Option<Result<Arc<Claims>, TokenError>> {
        let verified = self.verified.get(token)?;
        if verified.claims.exp <= chrono::Utc::now().timestamp() {
            return Some(Err(TokenError::Expired));
        }
        Some(self.recheck(&verified))
    }

    /// The claims of a token.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn verify(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        if let Some(verified) = self.verify_again(token) {
            return verified;
        }
        let header = decode_header(token).map_err(|_| TokenError::Invalid)?;
        // `alg: none` does not even parse; another algorithm, or a token of another kind, is refused.
        let kind = header.typ.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("at+jwt"));
        let kid = header.kid.filter(|_| header.alg == Algorithm::EdDSA && kind).ok_or(TokenError::Invalid)?;
        let key = match self.keys.key(&kid).await {
            KeyLookup::Trusted(key) => key,
            KeyLookup::Former => return Err(TokenError::Expired),
            KeyLookup::Unknown => return Err(TokenError::Invalid),
        };
        let claims = decode::<Claims>(token, &key, &self.validation).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => TokenError::Expired,
            _ => TokenError::Invalid,
        })?;
        let claims = Arc::new(claims.claims);
        // No generation is this large, so it is checked now.
        let verified = Arc::new(VerifiedToken { claims, kid, good_under: AtomicU64::new(u64::MAX) });
        self.verified.insert(token.to_owned(), Arc::clone(&verified));
        self.recheck(&verified)
    }

    /// Grows whenever something is revoked or a key is no longer trusted: the sum of two numbers that only grow is the
    /// same as before only while both are.
    fn generation(&self) -> u64 {
        self.keys.generation() + self.revocations.generation()
    }

    /// Looks whether a verified token is still good. As a rule nothing was revoked since the last time, which two reads
    /// of memory tell.
    fn recheck(&self, verified: &VerifiedToken) -> Result<Arc<Claims>, TokenError> {
        // Read before the check: a revocation during the check makes the next one look again.
        let generation = self.generation();
        if verified.good_under.load(Ordering::Relaxed) != generation {
            let claims = &verified.claims;
            if !self.keys.trusts(&verified.kid) {
                return Err(TokenError::Expired);
            }
            match self.revocations.refusal(claims.sub, claims.sid, claims.issued_at()) {
                Some(RefusalReason::Outdated) => return Err(TokenError::Expired),
                Some(RefusalReason::SessionEnded) => return Err(TokenError::SessionEnded),
                None => verified.good_under.store(generation, Ordering::Relaxed),
            }
        }
        Ok(Arc::clone(&verified.claims))
    }
}
