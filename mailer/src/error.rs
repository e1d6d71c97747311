//! Failures of requests, as problems of the contract.

use shared::{
    db::DbError,
    http::{Code, Problem},
};
use std::time::Duration;

/// When a reader may come again.
const SOON: Duration = Duration::from_secs(2);

/// Why a request about mail is not served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MailError {
    /// There is no such letter.
    #[error("there is no such letter")]
    NotFound,
    /// A newer letter made this one pointless, or its token expired.
    #[error("a newer letter supersedes this one, or its token has expired")]
    Superseded,
    /// The token that the letter brought is kept no longer than it is needed.
    #[error("the token of this letter has been erased: its reader must ask for a new letter")]
    Erased,
    /// The letters that are sent leave no time to show one.
    #[error("the renderer is busy")]
    RendererBusy,
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<diesel::result::Error> for MailError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<MailError> for Problem {
    fn from(error: MailError) -> Self {
        match error {
            MailError::NotFound => Self::new(Code::NotFound),
            MailError::Superseded | MailError::Erased => Self::new(Code::Conflict).detail(error),
            MailError::RendererBusy => Self::new(Code::Overloaded).retry_after(SOON),
            MailError::Database(cause) => cause.into(),
        }
    }
}
