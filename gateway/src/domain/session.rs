//! The session resource.

use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::ids::SessionId;
use utoipa::ToSchema;

/// A session of the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Session {
    /// Its id.
    pub(crate) id: SessionId,
    /// When the login was.
    pub(crate) created_at: DateTime<Utc>,
    /// When it was refreshed last.
    pub(crate) last_used_at: DateTime<Utc>,
    /// When it ends unless it is refreshed.
    pub(crate) expires_at: DateTime<Utc>,
    /// The program that used it last, from its `User-Agent`; 200 characters at most.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")]
    pub(crate) user_agent: Option<String>,
    /// The network address that used it last.
    #[schema(example = "192.0.2.7")]
    pub(crate) address: Option<String>,
    /// Whether it is the session of this request.
    pub(crate) current: bool,
}
