//! Letters before they are stored: their kinds, states and names.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::events::LetterToken;
use std::{fmt, str::FromStr};
use utoipa::ToSchema;

/// A text that is no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be queued, sending, sent, failed or superseded")]
pub(crate) struct InvalidLetterStatus;

/// A text that is no template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not the name of a template")]
pub(crate) struct InvalidLetterTemplate;

/// Declares an enum of names on the wire.
macro_rules! names {
    ($(#[$outer:meta])+ $kind:ident, $error:ident { $($(#[$doc:meta])+ $name:ident = $wire:literal),+ $(,)? }) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        $(#[$outer])+
        pub(crate) enum $kind { $($(#[$doc])+ $name),+ }

        impl $kind {
            /// All of them.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name on the wire and in the database.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire),+ }
            }
        }

        impl FromStr for $kind {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text).ok_or($error)
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

names! {
    /// Where a letter is in its life.
    #[schema(as = Status)]
    LetterStatus, InvalidLetterStatus {
        /// Waits for its time.
        Queued = "queued",
        /// An instance is at it.
        Sending = "sending",
        /// The mail server took it.
        Sent = "sent",
        /// Given up; somebody may send it again.
        Failed = "failed",
        /// A newer letter made it pointless before it was sent.
        Superseded = "superseded",
    }
}

names! {
    /// What kind of letter it is. The contract's list: not every one of them is written yet.
    #[schema(as = Template)]
    LetterTemplate, InvalidLetterTemplate {
        /// Proves an address.
        VerifyEmail = "verify_email",
        /// Leads to a new password.
        PasswordReset = "password_reset",
        /// A login from elsewhere.
        SessionAlert = "session_alert",
        /// A booking waits for its payment.
        BookingHeld = "booking_held",
        /// A booking is paid and ticketed.
        BookingConfirmed = "booking_confirmed",
        /// Seats or names changed.
        BookingChanged = "booking_changed",
        /// A booking was cancelled.
        BookingCancelled = "booking_cancelled",
        /// A hold ran out.
        HoldExpired = "hold_expired",
        /// A flight has new times.
        FlightDelayed = "flight_delayed",
        /// A flight will not fly.
        FlightCancelled = "flight_cancelled",
    }
}

/// The token that a letter brings to its reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DraftToken {
    /// The token.
    pub(crate) token: LetterToken,
    /// When it stops working: then the letter is pointless.
    pub(crate) expires_at: DateTime<Utc>,
}

/// A letter that an event asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LetterDraft {
    /// Its kind.
    pub(crate) template: LetterTemplate,
    /// What it is about, where that is not what its event is about: a person's letters are found by it.
    pub(crate) about: Option<String>,
    /// What travellers call its matter: the locator.
    pub(crate) reference: Option<String>,
    /// Where it goes; checked when it is sent.
    pub(crate) recipient: String,
    /// BCP 47 language tag.
    pub(crate) locale: &'static str,
    /// The subject line.
    pub(crate) subject: String,
    /// What the template shows: a JSON object. It holds no token.
    pub(crate) data: String,
    /// The token that it brings; `None` for a kind that carries none, or where it has been erased.
    pub(crate) token: Option<DraftToken>,
}

/// The Message-ID of a letter, the same for each attempt: `<template.aggregate.version@domain>`.
pub(crate) fn message_id(template: LetterTemplate, aggregate: &str, version: i64, domain: &str) -> String {
    // RFC 5322 allows few characters here; aggregates are ids, so usually nothing is replaced.
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    let aggregate: String = aggregate.chars().map(plain).collect();
    format!("<{template}.{aggregate}.{version}@{domain}>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_wire_round_trip() {
        for template in LetterTemplate::ALL {
            assert_eq!(template.as_str().parse(), Ok(*template));
            assert_eq!(serde_json::to_value(template).unwrap(), template.as_str());
        }
        assert_eq!("sent".parse(), Ok(LetterStatus::Sent));
        assert_eq!("lost".parse::<LetterStatus>(), Err(InvalidLetterStatus));
    }

    #[test]
    fn a_message_id_holds_nothing_that_ends_it() {
        let id = message_id(LetterTemplate::BookingConfirmed, "a>\r\nb", 3, "aerobus.dev");
        assert_eq!(id, "<booking_confirmed.a---b.3@aerobus.dev>");
    }
}
