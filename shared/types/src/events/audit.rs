//! What staff did, as every service tells it and the gateway keeps it.

use super::{Event, EventType};
use crate::ids::{EventId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use utoipa::ToSchema;

/// A line of the audit log: the data of `audit.recorded`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditRecord {
    /// Who did it.
    pub actor: UserId,
    /// What was done, `manifest.read`.
    pub action: String,
    /// To what, by its kind and id: `flight/0190f2b0-0000-7000-8000-000000000000`.
    pub subject: String,
    /// What it was like before; null where nothing was changed, or made.
    pub before: Option<Value>,
    /// What it is like since; null where nothing was changed, or removed.
    pub after: Option<Value>,
    /// The request that did it.
    pub request_id: String,
}

impl AuditRecord {
    /// A record of reading something, which changes nothing but must be known.
    #[must_use]
    pub fn of_reading(
        actor: UserId,
        action: impl Into<String>,
        subject: impl fmt::Display,
        request_id: impl Into<String>,
    ) -> Self {
        Self {
            actor,
            action: action.into(),
            subject: subject.to_string(),
            before: None,
            after: None,
            request_id: request_id.into(),
        }
    }

    /// A record of a change: `before` is `None` for what was made, `after` for what was removed.
    #[must_use]
    pub fn of_change(
        actor: UserId,
        action: impl Into<String>,
        subject: impl fmt::Display,
        before: Option<Value>,
        after: Option<Value>,
        request_id: impl Into<String>,
    ) -> Self {
        Self { before, after, ..Self::of_reading(actor, action, subject, request_id) }
    }

    /// The event that tells it, to be written in the transaction of what it tells of. Records do not
    /// change, so each is an aggregate of its own with one version.
    #[must_use]
    pub fn event(&self, source: &str) -> Event {
        Event::new(source, EventType::AuditRecorded, EventId::new(), 1, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_complete_on_the_wire() {
        let record = AuditRecord::of_reading(UserId::new(), "manifest.read", "flight/x", "r1");
        let event = record.event("booking");
        assert_eq!((event.kind.as_str(), event.version), ("audit.recorded", 1));
        let data: Value = event.data().unwrap();
        assert_eq!(data["before"], Value::Null);
        assert!(data.as_object().unwrap().contains_key("after"));
        assert_eq!(event.data::<AuditRecord>(), Ok(record.clone()));
        assert_ne!(event.subject, record.event("booking").subject);
    }
}
