//! A dead letter as staff see it.

use super::row::DeadLetterRow;
use crate::{
    ids::{EventId, InvalidId},
    redaction,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::str::FromStr;
use utoipa::ToSchema;
use uuid::Uuid;

/// A message that a consumer gave up.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = DeadLetter)]
pub struct DeadLetterResource {
    /// Its id.
    pub id: Uuid,
    /// The queue that it came from.
    pub queue: String,
    /// The event's id; null where the message is no event.
    pub event_id: Option<EventId>,
    /// The event as it came, with its secrets masked; null where the message is no JSON.
    #[schema(value_type = Option<Object>)]
    pub event: Option<Value>,
    /// Why it was given up.
    pub reason: String,
    /// How often it was tried.
    pub attempts: i32,
    /// When it was given up.
    pub created_at: DateTime<Utc>,
    /// When it was replayed with success.
    pub replayed_at: Option<DateTime<Utc>>,
}

impl From<DeadLetterRow> for DeadLetterResource {
    fn from(row: DeadLetterRow) -> Self {
        let mut event: Option<Value> = serde_json::from_slice(&row.payload).ok();
        if let Some(event) = &mut event {
            redaction::mask(event, redaction::is_secret);
        }
        Self {
            id: row.id,
            queue: row.queue,
            event_id: row.event_id.map(EventId),
            // A message that is JSON, but no object, is no event either.
            event: event.filter(Value::is_object),
            reason: row.reason,
            attempts: row.attempts,
            created_at: row.created_at,
            replayed_at: row.replayed_at,
        }
    }
}

/// The id of a dead letter, in its canonical form only.
#[derive(Debug, Clone, Copy)]
pub struct DeadLetterId(pub Uuid);

impl FromStr for DeadLetterId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<EventId>().map(|id| Self(id.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(payload: &[u8]) -> Option<Value> {
        let row = DeadLetterRow {
            id: Uuid::nil(),
            queue: "mailer.notifications".to_owned(),
            event_id: None,
            payload: payload.to_vec(),
            reason: "no".to_owned(),
            attempts: 1,
            created_at: Utc::now(),
            replayed_at: None,
        };
        DeadLetterResource::from(row).event
    }

    #[test]
    fn tokens_are_masked_and_what_is_no_event_is_not_shown() {
        let event = json!({"id": "x", "data": {"user": {"locale": "en"}, "token": "secret"}});
        let mut masked = event.clone();
        masked["data"]["token"] = json!(redaction::MASK);
        assert_eq!(shown(event.to_string().as_bytes()), Some(masked));
        for other in [&b"\xff\xfe"[..], b"[1]", b"7", b"null"] {
            assert_eq!(shown(other), None);
        }
    }
}
