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

/// Characters that are shown of a message that is no event.
const SHOWN: usize = 2000;

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
    /// The first 2,000 characters of a message that is no JSON object, with its secrets masked; null where it is one.
    #[serde(default)]
    pub text: Option<String>,
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
        // A message that is JSON, but no object, is no event either.
        let event = serde_json::from_slice(&row.payload).ok().filter(Value::is_object);
        let event = event.map(|mut event| {
            redaction::mask(&mut event, redaction::is_secret);
            event
        });
        let text = event.is_none().then(|| text(&row.payload));
        Self {
            id: row.id,
            queue: row.queue,
            event_id: row.event_id.map(EventId),
            event,
            text,
            reason: row.reason,
            attempts: row.attempts,
            created_at: row.created_at,
            replayed_at: row.replayed_at,
        }
    }
}

/// What people see of a message that is no event.
fn text(payload: &[u8]) -> String {
    let shown: String = String::from_utf8_lossy(payload).chars().take(SHOWN).collect();
    redaction::mask_text(&shown)
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

    fn shown(payload: &[u8]) -> DeadLetterResource {
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
        DeadLetterResource::from(row)
    }

    #[test]
    fn tokens_are_masked_and_what_is_no_event_is_not_shown() {
        let event = json!({"id": "x", "data": {"user": {"locale": "en"}, "token": "secret"}});
        let mut masked = event.clone();
        masked["data"]["token"] = json!(redaction::MASK);
        let whole = shown(event.to_string().as_bytes());
        assert_eq!((whole.event, whole.text), (Some(masked), None));
        for (other, text) in [
            (&b"\xff"[..], "\u{fffd}"),
            (b"[1]", "[1]"),
            (b"null", "null"),
            (br#"{"data": {"token": "secret"#, r#"{"data": {"token": ***"#),
        ] {
            let broken = shown(other);
            assert_eq!((broken.event, broken.text.as_deref()), (None, Some(text)));
        }
        assert_eq!(shown(&[b'x'; 5000]).text.map(|text| text.len()), Some(SHOWN));
    }
}
