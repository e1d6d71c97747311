//! What the gateway tells of users and their sessions.

use crate::ids::{SessionId, UserId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// A user in full: the data of `user.registered`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserState {
    /// Its id.
    pub id: UserId,
    /// Where letters go.
    pub email: String,
    /// Given names.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// BCP 47 language tag, `en`.
    pub locale: String,
}

/// The data of `user.access_changed`: role, status or password of a user changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessChange {
    /// The user.
    pub user_id: UserId,
    /// Access tokens issued before this instant are no longer valid.
    pub not_before: DateTime<Utc>,
}

/// The data of `session.ended`: a session's access tokens are no longer valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionEnd {
    /// The session.
    pub session_id: SessionId,
    /// Its user.
    pub user_id: UserId,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
}

/// A secret that a letter carries to the owner of an address. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct LetterToken(pub String);

impl fmt::Debug for LetterToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LetterToken(***)")
    }
}

/// The data of `user.verification_requested` and `user.password_reset_requested`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenRequest {
    /// The user whom the letter goes to.
    pub user: UserState,
    /// The token, usable once. `None` since it was erased.
    pub token: Option<LetterToken>,
    /// When the token stops working.
    pub expires_at: DateTime<Utc>,
}

/// Why a user is alerted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertReason {
    /// A login from an unknown device.
    NewDevice,
    /// The password was changed.
    PasswordChanged,
    /// The second factor was switched on or off.
    TotpChanged,
    /// An API key was created or deleted.
    ApiKeysChanged,
    /// A refresh token was used a second time, so it or its successor was stolen.
    RefreshTokenReused,
}

/// The data of `session.alert`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionAlert {
    /// The user whom the letter goes to.
    pub user: UserState,
    /// What happened.
    pub reason: AlertReason,
    /// When.
    pub at: DateTime<Utc>,
    /// The program that did it, from its `User-Agent`; at most 200 characters.
    pub user_agent: Option<String>,
    /// The network address that it came from.
    pub address: Option<String>,
}
