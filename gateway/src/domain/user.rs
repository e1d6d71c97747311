//! The user resource.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::{events::UserState, ids::UserId};
use std::str::FromStr;
use utoipa::ToSchema;

/// The role of everybody who registers.
pub(crate) const CUSTOMER: &str = "customer";
/// The role that may do everything.
pub(crate) const ADMIN: &str = "admin";

/// A text that is no status of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be active or deactivated")]
pub(crate) struct InvalidUserStatus;

/// Whether an account can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UserStatus {
    /// It can.
    Active,
    /// It was closed.
    Deactivated,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct User {
    /// Its id.
    pub(crate) id: UserId,
    /// The address as the user wrote it, its domain in ASCII.
    #[schema(example = "ada@example.org")]
    pub(crate) email: String,
    /// Whether the address is known to be the user's.
    pub(crate) email_verified: bool,
    /// Given names.
    #[schema(example = "Ada")]
    pub(crate) given_name: String,
    /// Family name.
    #[schema(example = "Lovelace")]
    pub(crate) family_name: String,
    /// BCP 47 language tag.
    #[schema(example = "en")]
    pub(crate) locale: String,
    /// Whether the account can be used.
    pub(crate) status: UserStatus,
    /// Names of roles, sorted.
    pub(crate) roles: Vec<String>,
    /// What the roles permit, sorted.
    pub(crate) permissions: Vec<String>,
    /// When the account was made.
    pub(crate) created_at: DateTime<Utc>,
    /// Grows with each change; the entity tag.
    #[serde(skip)]
    pub(crate) version: i64,
}

impl UserStatus {
    /// The status on the wire and in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deactivated => "deactivated",
        }
    }
}

impl FromStr for UserStatus {
    type Err = InvalidUserStatus;

    fn from_str(text: &str) -> Result<Self, InvalidUserStatus> {
        [Self::Active, Self::Deactivated]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(InvalidUserStatus)
    }
}

impl User {
    /// What the bus is told of the user.
    pub(crate) fn state(&self) -> UserState {
        UserState {
            id: self.id,
            email: self.email.clone(),
            given_name: self.given_name.clone(),
            family_name: self.family_name.clone(),
            locale: self.locale.clone(),
        }
    }
}
