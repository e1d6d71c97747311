//! Whose act an audit record tells.

use super::Caller;
use crate::{events::AuditRecord, http::RequestId, ids::UserId};
use serde::Serialize;
use std::fmt;

/// The caller and the request of an act that the audit log must show.
#[derive(Debug, Clone)]
pub struct AuditAuthor {
    actor: UserId,
    request_id: String,
}

impl AuditAuthor {
    /// The author of what this request does.
    #[must_use]
    pub fn new(caller: &Caller, request_id: &RequestId) -> Self {
        Self { actor: caller.user_id(), request_id: request_id.0.clone() }
    }

    /// The author of what another service asks for on behalf of this user and request.
    #[must_use]
    pub fn of(actor: UserId, request_id: String) -> Self {
        Self { actor, request_id }
    }

    /// The id of the request that does it.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The user who acts.
    #[must_use]
    pub fn actor(&self) -> UserId {
        self.actor
    }

    /// A record of a change, `city.create` of `city/LON`: `before` is `None` for what was made, `after` for what was
    /// removed. Neither may hold a secret.
    #[must_use]
    pub fn change<T: Serialize>(
        &self,
        action: &str,
        subject: impl fmt::Display,
        before: Option<&T>,
        after: Option<&T>,
    ) -> AuditRecord {
        // Resources of the API always serialise.
        let json = |state: Option<&T>| state.and_then(|state| serde_json::to_value(state).ok());
        AuditRecord::of_change(
            self.actor,
            action,
            subject,
            json(before),
            json(after),
            self.request_id.clone(),
        )
    }

    /// A record of reading something that must be known later.
    #[must_use]
    pub fn reading(&self, action: &str, subject: impl fmt::Display) -> AuditRecord {
        AuditRecord::of_reading(self.actor, action, subject, self.request_id.clone())
    }
}
