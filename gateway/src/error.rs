//! The gateway's errors as problems.

use crate::{
    actors::{HashError, NoInstance},
    domain::{one_time_token::InvalidOneTimeToken, signing_key::SigningKeyError, totp::TotpSecretError},
    personal_data::PersonalDataError,
};
use shared::{
    db::DbError,
    http::{Code, FieldError, Problem},
};
use std::time::Duration;

/// Why a change of users or roles does not fit what is there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityConflict {
    /// The name is taken.
    #[error("the role {0} exists already")]
    RoleExists(String),
    /// It comes with Aerobus.
    #[error("{0} is built in: it can be neither changed nor deleted")]
    BuiltIn(String),
    /// Somebody has the role.
    #[error("users have the role: take it from them first")]
    RoleInUse,
    /// Their journeys or payments are not over.
    #[error("bookings whose journey or payment is not over must be cancelled first")]
    BookingsAhead(Vec<String>),
    /// There is a bound of keys.
    #[error("you have 20 API keys: delete one first")]
    TooManyApiKeys,
    /// A second factor must be switched off before another is begun.
    #[error("the second factor is on: switch it off first")]
    TotpIsOn,
    /// There is nothing to confirm.
    #[error("no second factor was begun, or it is on")]
    TotpNotBegun,
    /// Nobody else could make another administrator.
    #[error("the last administrator stays one: make another first")]
    LastAdministrator,
}

impl IdentityConflict {
    /// What it conflicts with: collections, or resources as `collection/key`.
    fn refers(&self) -> Vec<String> {
        match self {
            Self::RoleExists(name) => vec![format!("roles/{name}")],
            Self::RoleInUse => vec!["users".to_owned()],
            Self::BookingsAhead(bookings) => bookings.clone(),
            Self::LastAdministrator => vec!["roles/admin".to_owned()],
            Self::BuiltIn(_) | Self::TooManyApiKeys | Self::TotpIsOn | Self::TotpNotBegun => Vec::new(),
        }
    }
}

/// Why a use case of identity failed.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The address has an account.
    #[error("the e-mail address has an account")]
    EmailTaken,
    /// The address or the password is wrong.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// The password is right, and a code of the second factor is needed.
    #[error("a code of the second factor is needed")]
    SecondFactorMissing,
    /// The password is right, but the code is wrong or used.
    #[error("the code of the second factor is wrong or was used")]
    WrongSecondFactor,
    /// The secret of the second factor was sealed under another key.
    #[error(
        "codes of this second factor cannot be checked any more: log in with a recovery code, and begin it anew"
    )]
    SecondFactorUnreadable,
    /// The API key is unknown or has ended.
    #[error("the API key is unknown or has ended")]
    UnknownApiKey,
    /// The secret of a second factor could not be used.
    #[error("the secret of a second factor could not be used")]
    TotpSecret(#[from] TotpSecretError),
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
    /// There is no such user or role.
    #[error("there is no such user or role")]
    NotFound,
    /// The author of a change lacks these permissions.
    #[error("the author of the change lacks permissions")]
    Lacks(Vec<String>),
    /// Values that only the database could check.
    #[error("the request has invalid values")]
    Invalid(Vec<FieldError>),
    /// It does not fit what is there.
    #[error(transparent)]
    Conflict(#[from] IdentityConflict),
    /// Others export their data already.
    #[error("exports are made one after the other: try again")]
    TooManyExports,
    /// A service did not tell or erase what it keeps of a person.
    #[error("a service did not do its part for a person's data")]
    PersonalData(#[from] PersonalDataError),
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
            error @ (IdentityError::SecondFactorMissing
            | IdentityError::WrongSecondFactor
            | IdentityError::SecondFactorUnreadable) => {
                Self::new(Code::InvalidCredentials).detail(error).with("totp_required", true)
            }
            error @ IdentityError::UnknownApiKey => Self::new(Code::Unauthenticated).detail(error),
            IdentityError::TotpSecret(error) => Self::internal(&error),
            IdentityError::Locked(left) => Self::new(Code::AccountLocked).retry_after(left),
            IdentityError::SessionEnded => Self::new(Code::Unauthenticated).detail("log in again"),
            IdentityError::Stale => Self::new(Code::PreconditionFailed),
            IdentityError::Token(invalid) => Self::invalid("/token", invalid),
            IdentityError::NotFound => Self::new(Code::NotFound),
            IdentityError::Lacks(missing) => {
                Self::new(Code::Forbidden).detail(format_args!("you need {}", missing.join(", ")))
            }
            IdentityError::Invalid(errors) => Self::validation(errors),
            IdentityError::Conflict(conflict) => {
                Self::new(Code::Conflict).detail(&conflict).with("refers", conflict.refers())
            }
            error @ IdentityError::TooManyExports => {
                Self::new(Code::Overloaded).detail(error).retry_after(Duration::from_secs(5))
            }
            // It would be too large the next time, too.
            IdentityError::PersonalData(error @ PersonalDataError::TooLarge) => Self::internal(&error),
            IdentityError::PersonalData(error) => Self::unavailable(&error),
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
