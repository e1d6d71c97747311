//! Events on the bus: CloudEvents 1.0 in JSON, each complete in itself.
//!
//! An event tells of one change of one aggregate (its `subject`) and carries the aggregate's version
//! and full state, so that a consumer that keeps the newest version needs nothing else.

mod audit;
mod booking;
mod disruption;
mod flight;
mod json;
mod user;

pub use audit::*;
pub use booking::*;
pub use disruption::*;
pub use flight::*;
pub use json::Json;
pub use user::*;

use crate::ids::EventId;
use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{borrow::Cow, fmt, str::FromStr};

/// Declares the event types with their names on the wire, which are also their routing keys.
macro_rules! event_types {
    ($($(#[$doc:meta])+ $name:ident = $wire:literal),+ $(,)?) => {
        /// What happened. The name on the wire is the routing key.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventType { $($(#[$doc])+ $name),+ }

        impl EventType {
            /// The type on the wire and the routing key, `booking.confirmed`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire),+ }
            }
        }

        impl FromStr for EventType {
            type Err = UndecodableEvent;

            fn from_str(text: &str) -> Result<Self, UndecodableEvent> {
                match text { $($wire => Ok(Self::$name),)+ _ => Err(UndecodableEvent::Type(text.to_owned())) }
            }
        }
    };
}

event_types! {
    /// A flight came on sale: [`FlightState`].
    FlightPublished = "flight.published",
    /// A flight's times, equipment, fares or status changed: [`FlightState`].
    FlightChanged = "flight.changed",
    /// A flight was cancelled or taken off sale: [`FlightState`].
    FlightCancelled = "flight.cancelled",
    /// A booking was made and waits for its payment: [`BookingState`].
    BookingHeld = "booking.held",
    /// A booking was paid and ticketed: [`BookingState`].
    BookingConfirmed = "booking.confirmed",
    /// A booking's seats, names or contact changed: [`BookingState`].
    BookingChanged = "booking.changed",
    /// A booking was cancelled: [`BookingState`].
    BookingCancelled = "booking.cancelled",
    /// A hold ran out: [`BookingState`].
    BookingExpired = "booking.expired",
    /// Somebody wants the confirmation of a booking again: [`BookingState`]. The booking has not changed, so the subject
    /// is the request.
    ConfirmationRequested = "confirmation.requested",
    /// The seats of a flight changed hands: [`SeatsState`].
    SeatsChanged = "seats.changed",
    /// A user registered: [`UserState`].
    UserRegistered = "user.registered",
    /// A user needs a letter to verify an address: [`TokenRequest`].
    UserVerificationRequested = "user.verification_requested",
    /// A user needs a letter to reset a password: [`TokenRequest`].
    UserPasswordResetRequested = "user.password_reset_requested",
    /// Role, status or password of a user changed: [`AccessChange`].
    UserAccessChanged = "user.access_changed",
    /// A session ended before its time: [`SessionEnd`].
    SessionEnded = "session.ended",
    /// A user must know of something that happened to the account: [`SessionAlert`].
    SessionAlert = "session.alert",
    /// Staff did something that must be known later: [`AuditRecord`].
    AuditRecorded = "audit.recorded",
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a message is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UndecodableEvent {
    /// Not a JSON object with the members of a CloudEvent.
    #[error("not a CloudEvent: {0}")]
    Envelope(String),
    /// A type that nobody here knows.
    #[error("unknown event type {0:?}")]
    Type(String),
    /// The data does not fit its type.
    #[error("the data of {0} cannot be read: {1}")]
    Data(EventType, String),
}

/// An event with its envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Unique; consumers deduplicate by it.
    pub id: EventId,
    /// What happened.
    pub kind: EventType,
    /// The id of the aggregate whose change it tells.
    pub subject: String,
    /// The aggregate's version after the change; grows with each event of the subject.
    pub version: i64,
    /// When it happened, to the microsecond.
    pub time: DateTime<Utc>,
    /// The service that tells it, `booking`.
    pub source: String,
    /// W3C trace context of the request that caused it.
    pub traceparent: Option<String>,
    /// The full state, of the type that the kind names.
    pub data: Json,
}

/// What stands before the data in the bytes of an event, behind its other members.
const DATA: &[u8] = b",\"data\":";

/// The envelope as JSON (CloudEvents 1.0, JSON event format).
#[derive(Serialize, Deserialize)]
struct EventEnvelope<'a> {
    specversion: Cow<'a, str>,
    id: EventId,
    source: Cow<'a, str>,
    r#type: Cow<'a, str>,
    subject: Cow<'a, str>,
    time: DateTime<Utc>,
    datacontenttype: Cow<'a, str>,
    /// Extension attribute: the aggregate's version.
    version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<Cow<'a, str>>,
    /// Written behind the other members as the text that it is.
    #[serde(skip_serializing)]
    data: Json,
}

impl Event {
    /// A new event of now, with the trace context of the request that is being served.
    #[must_use]
    pub fn new(
        source: &str,
        kind: EventType,
        subject: impl fmt::Display,
        version: i64,
        data: &impl Serialize,
    ) -> Self {
        Self::telling(source, kind, subject, version, Json::of(data))
    }

    /// The same, of a state whose text is written already.
    #[must_use]
    pub fn telling(
        source: &str,
        kind: EventType,
        subject: impl fmt::Display,
        version: i64,
        data: Json,
    ) -> Self {
        Self {
            id: EventId::new(),
            kind,
            subject: subject.to_string(),
            version,
            // As precise as PostgreSQL keeps it, so that an event read back is the one that was made.
            time: Utc::now().trunc_subsecs(6),
            source: source.to_owned(),
            traceparent: crate::trace::current().map(|context| context.to_string()),
            data,
        }
    }

    /// The event as the bytes of a CloudEvent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let wire = EventEnvelope {
            specversion: "1.0".into(),
            id: self.id,
            source: format!("/aerobus/{}", self.source).into(),
            r#type: self.kind.as_str().into(),
            subject: self.subject.as_str().into(),
            time: self.time,
            datacontenttype: "application/json".into(),
            version: self.version,
            traceparent: self.traceparent.as_deref().map(Cow::Borrowed),
            data: self.data.clone(),
        };
        // Texts and numbers always serialise.
        let mut bytes = serde_json::to_vec(&wire).unwrap_or_default();
        debug_assert_eq!(bytes.last(), Some(&b'}'), "an object with members");
        bytes.pop();
        let data = self.data.as_str().as_bytes();
        bytes.reserve_exact(data.len() + DATA.len() + 1);
        bytes.extend_from_slice(DATA);
        bytes.extend_from_slice(data);
        bytes.push(b'}');
        bytes
    }

    /// Reads the bytes of a CloudEvent.
    ///
    /// # Errors
    /// [`UndecodableEvent`] for anything else; nothing undecodable may panic a consumer.
    pub fn decode(bytes: &[u8]) -> Result<Self, UndecodableEvent> {
        let envelope = |error: &dyn fmt::Display| UndecodableEvent::Envelope(error.to_string());
        let wire: EventEnvelope = serde_json::from_slice(bytes).map_err(|error| envelope(&error))?;
        if wire.specversion != "1.0" {
            return Err(envelope(&"specversion is not 1.0"));
        }
        Ok(Self {
            id: wire.id,
            kind: wire.r#type.parse()?,
            subject: wire.subject.into_owned(),
            version: wire.version,
            time: wire.time,
            source: wire.source.trim_start_matches("/aerobus/").to_owned(),
            traceparent: wire.traceparent.map(Cow::into_owned),
            data: wire.data,
        })
    }

    /// The data as the type that the kind names.
    ///
    /// # Errors
    /// [`UndecodableEvent::Data`] when it does not fit.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, UndecodableEvent> {
        self.data.read().map_err(|error| UndecodableEvent::Data(self.kind, error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn an_event_survives_the_wire() {
        let event =
            Event::new("booking", EventType::SeatsChanged, "x", 7, &serde_json::json!({"a": [1, null]}));
        let bytes = event.encode();
        let json: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(json["specversion"], "1.0");
        assert_eq!(json["type"], "seats.changed");
        assert_eq!(json["source"], "/aerobus/booking");
        assert_eq!(json["data"], serde_json::json!({"a": [1, null]}));
        assert_eq!(Event::decode(&bytes).unwrap(), event);
    }

    #[test]
    fn nothing_undecodable_panics() {
        for bytes in [&b""[..], b"{}", b"\xff\xfe", b"[1]", br#"{"specversion":"2.0"}"#] {
            assert!(Event::decode(bytes).is_err());
        }
        let mut json: Value = serde_json::from_slice(
            &Event::new("x", EventType::UserRegistered, "u", 1, &Value::Null).encode(),
        )
        .unwrap();
        json["type"] = "user.abducted".into();
        let decoded = Event::decode(json.to_string().as_bytes());
        assert_eq!(decoded, Err(UndecodableEvent::Type("user.abducted".into())));
    }
}
