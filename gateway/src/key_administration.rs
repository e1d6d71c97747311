//! What an operator does with the keys that sign access tokens, in the gateway's database. No secret is needed: the
//! gateways, which have it, look every two seconds and do what is asked for.

use crate::{domain::signing_key::TRUSTED_AFTER_RETIREMENT, store::signing_keys};
use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use shared::db::DatabaseConfig;
use std::fmt;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum KeyAdministrationError {
    /// The database cannot be reached.
    #[error("the gateway's database cannot be reached")]
    Connect(#[from] diesel::ConnectionError),
    /// A query failed.
    #[error("the gateway's database refused a query")]
    Query(#[from] diesel::result::Error),
    /// There is no key to be replaced.
    #[error("no key signs that is not being replaced already")]
    NothingToRotate,
    /// There is no such key.
    #[error("{0} is not a key that is trusted")]
    UnknownKey(String),
}

/// A key that is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    /// Its id.
    pub kid: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// What it does.
    pub state: KeyState,
}

/// What a key does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It is published, and will sign.
    Announced {
        /// From when on.
        signs_from: DateTime<Utc>,
    },
    /// It signs.
    Signs,
    /// It signs until the successor that was asked for is there.
    SuccessorRequested,
    /// Another key has its place.
    Retired {
        /// Until when it verifies.
        trusted_until: DateTime<Utc>,
    },
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |at: &DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        match self {
            Self::Announced { signs_from } => write!(f, "announced, signs from {}", time(signs_from)),
            Self::Signs => f.write_str("signs"),
            Self::SuccessorRequested => f.write_str("signs, its successor is asked for"),
            Self::Retired { trusted_until } => write!(f, "retired, trusted until {}", time(trusted_until)),
        }
    }
}

/// Reads and changes the keys of an installation.
pub struct KeyAdministration(AsyncPgConnection);

impl KeyAdministration {
    /// Connects to the gateway's database.
    ///
    /// # Errors
    /// [`KeyAdministrationError::Connect`].
    pub async fn connect(database: &DatabaseConfig) -> Result<Self, KeyAdministrationError> {
        Ok(Self(database.connect().await?))
    }

    /// The keys that are trusted, newest first.
    ///
    /// # Errors
    /// [`KeyAdministrationError::Query`].
    pub async fn list(&mut self) -> Result<Vec<TrustedKey>, KeyAdministrationError> {
        let now = Utc::now();
        let rows = signing_keys::listed(&mut self.0).await?;
        let key = |row: signing_keys::ListedKeyRow| TrustedKey {
            state: match row.retired_at {
                _ if row.signs_from > now => KeyState::Announced { signs_from: row.signs_from },
                Some(at) if at <= now => KeyState::Retired { trusted_until: at + TRUSTED_AFTER_RETIREMENT },
                _ if row.rotation_requested => KeyState::SuccessorRequested,
                _ => KeyState::Signs,
            },
            kid: row.kid,
            created_at: row.created_at,
        };
        Ok(rows.into_iter().map(key).collect())
    }

    /// Asks for another key. A gateway publishes one within seconds, which signs a minute later.
    ///
    /// # Errors
    /// [`KeyAdministrationError::NothingToRotate`] where a rotation is under way or no gateway has ever run.
    pub async fn request_rotation(&mut self) -> Result<(), KeyAdministrationError> {
        match signing_keys::request_rotation(&mut self.0).await? {
            true => Ok(()),
            false => Err(KeyAdministrationError::NothingToRotate),
        }
    }

    /// Withdraws a key for good: within seconds nothing that it has signed is trusted. Where it was the one that signs,
    /// a gateway takes another at once.
    ///
    /// # Errors
    /// [`KeyAdministrationError::UnknownKey`].
    pub async fn retire(&mut self, kid: &str) -> Result<(), KeyAdministrationError> {
        match signing_keys::withdraw(&mut self.0, kid).await? {
            true => Ok(()),
            false => Err(KeyAdministrationError::UnknownKey(kid.to_owned())),
        }
    }
}
