//! What letters keep of their events, as JSON in the database. A letter that is sent again is made of the same.

use super::LetterTemplate;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::events::{AlertReason, BookingDisruption, BookingPaymentStatus, BookingState, BookingStatus};

/// What a letter about a booking keeps: what its templates and documents show. There is no contact, payment or date of
/// birth in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptBooking {
    /// The booking.
    pub(crate) booking: BookingState,
    /// What the airline did, where it is the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) disruption: Option<BookingDisruption>,
}

impl KeptBooking {
    /// Whether the airline has or had money of it.
    pub(crate) fn is_paid(&self) -> bool {
        let status = self.booking.payment_status;
        !matches!(status, BookingPaymentStatus::Awaiting | BookingPaymentStatus::Processing)
    }

    /// Whether it has tickets, which are attached.
    pub(crate) fn has_tickets(&self) -> bool {
        self.booking.status == BookingStatus::Confirmed
    }

    /// Whether it had tickets, so its flights stand in a calendar of the traveller.
    pub(crate) fn had_tickets(&self) -> bool {
        self.booking.status == BookingStatus::Cancelled && self.is_paid()
    }
}

/// What a letter with a token keeps beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptToken {
    /// When the token stops working.
    pub(crate) expires_at: DateTime<Utc>,
}

/// What a letter about an account keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptAlert {
    /// What happened.
    pub(crate) reason: AlertReason,
    /// When.
    pub(crate) at: DateTime<Utc>,
    /// The program that did it, made harmless.
    pub(crate) user_agent: Option<String>,
    /// The network address that it came from.
    pub(crate) address: Option<String>,
}

/// What a letter keeps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum KeptLetter {
    /// Of a booking.
    Booking(Box<KeptBooking>),
    /// Beside a token.
    Token(KeptToken),
    /// Of what happened to an account.
    Alert(KeptAlert),
    /// Ready-made English texts, as earlier releases kept them.
    Texts(Map<String, Value>),
}

impl KeptLetter {
    /// Reads what a letter of a kind keeps.
    ///
    /// # Errors
    /// When it is not what any release keeps.
    pub(crate) fn read(template: LetterTemplate, json: &str) -> Result<Self, serde_json::Error> {
        let kept = match template {
            LetterTemplate::VerifyEmail | LetterTemplate::PasswordReset => {
                serde_json::from_str(json).map(Self::Token)
            }
            LetterTemplate::SessionAlert => serde_json::from_str(json).map(Self::Alert),
            _ => serde_json::from_str(json).map(|kept| Self::Booking(Box::new(kept))),
        };
        kept.or_else(|error| match serde_json::from_str(json) {
            Ok(Value::Object(texts)) if are_texts(&texts) => Ok(Self::Texts(texts)),
            _ => Err(error),
        })
    }
}

/// Whether an object has the members that earlier releases kept, and later ones do not.
fn are_texts(members: &Map<String, Value>) -> bool {
    ["locator", "expires", "happened"].iter().any(|member| members.contains_key(*member))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_earlier_releases_kept_is_still_read() {
        for (template, json) in [
            (LetterTemplate::BookingHeld, r#"{"locator": "K7XQ2M", "flights": []}"#),
            (LetterTemplate::VerifyEmail, r#"{"expires": "Tue 1 Dec 2026, 09:30 UTC"}"#),
            (LetterTemplate::SessionAlert, r#"{"happened": "x", "at": "Tue"}"#),
        ] {
            assert!(matches!(KeptLetter::read(template, json), Ok(KeptLetter::Texts(_))), "{json}");
        }
        let token =
            KeptLetter::read(LetterTemplate::VerifyEmail, r#"{"expires_at": "2026-12-01T09:30:00Z"}"#);
        assert!(matches!(token, Ok(KeptLetter::Token(_))));
        for json in ["{}", "[1]", "", r#"{"booking": {}}"#] {
            assert!(KeptLetter::read(LetterTemplate::BookingHeld, json).is_err(), "{json}");
        }
    }
}
