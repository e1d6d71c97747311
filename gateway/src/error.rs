//! The gateway's errors as problems.

use crate::{
    actors::{HashError, NoInstance},
    domain::{one_time_token::InvalidOneTimeToken, signing_key::SigningKeyError},
};
use shared::{
    db::DbError,
    http::{Code, Problem},
};
use std::time::Duration;

/// Why a use case of identity failed.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The address has an account.
    #[error("the e-mail address has an account")]
    EmailTaken,
    /// The address or the password is wrong.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// Too many failed logins.
    #[error("the account is locked")]
    Locked(Duration),
    /// The refresh token is unknown or has ended, or the access token's user is gone.
    #[error("the session has ended")]
    SessionEnded,
    /// The client's copy is stale.
    #[error("the user was changed meanwhile")]
    Stale,
    /// The token of a letter does nothing.
    #[error("the token of a letter {0}")]
    Token(#[from] InvalidOneTimeToken),
    /// A password could not be hashed.
    #[error("a password could not be hashed")]
    Hash(#[from] HashError),
    /// A token could not be signed.
    #[error("a token could not be signed")]
    Sign(#[from] SigningKeyError),
    /// The database did not do its part.
    #[error("the database did not do its part")]
    Database(#[from] DbError),
}

impl From<diesel::result::Error> for IdentityError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::EmailTaken => Self::new(Code::EmailTaken),
            IdentityError::InvalidCredentials => Self::new(Code::InvalidCredentials),
            IdentityError::Locked(left) => Self::new(Code::AccountLocked).retry_after(left),
            IdentityError::SessionEnded => Self::new(Code::Unauthenticated).detail("log in again"),
            IdentityError::Stale => Self::new(Code::PreconditionFailed),
            IdentityError::Token(invalid) => Self::invalid("/token", invalid),
            IdentityError::Hash(HashError::Overloaded | HashError::Abandoned) => {
                Self::new(Code::Overloaded).retry_after(Duration::from_secs(1))
            }
            IdentityError::Hash(error) => Self::internal(&error),
            IdentityError::Sign(error) => Self::internal(&error),
            IdentityError::Database(error) => error.into(),
        }
    }
}

impl From<NoInstance> for Problem {
    fn from(error: NoInstance) -> Self {
        let problem = match error {
            NoInstance::Unavailable(service) => {
                Self::new(Code::UpstreamUnavailable).detail(format_args!("{service} is unavailable"))
            }
            NoInstance::Busy(service) => Self::new(Code::Overloaded)
                .detail(format_args!("{service} has as many requests as it can take")),
        };
        problem.retry_after(Duration::from_secs(1))
    }
}
