//! Tickets of waiting rooms. They are signed, so that nobody can forge a place in a queue.
//!
//! A ticket is kept by its holder alone. It works for one flight and one account: a ticket that is passed on admits
//! nobody else. Neither stands in its text; both are signed with it.

use super::pseudorandom::pseudorandom;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::Sha256;
use shared::ids::{FlightId, UserId};
use std::sync::Arc;

/// Bytes of a ticket's values, and of its signature.
const VALUES: usize = 24;
const SIGNATURE: usize = 32;

/// A place in the queue of a waiting room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueTicket {
    /// When the room was made, microseconds since 1970: it tells the room from an earlier one of the same flight.
    pub(crate) room: i64,
    /// The number in the room, from 1. Tickets that were issued later have higher numbers, on all instances.
    pub(crate) number: i64,
    /// When it was issued, microseconds since 1970, by the database's clock.
    pub(crate) issued_at: i64,
}

impl QueueTicket {
    /// A ticket of a room that was made at this time.
    pub(crate) fn new(room: DateTime<Utc>, number: i64, issued_at: DateTime<Utc>) -> Self {
        Self { room: room.timestamp_micros(), number, issued_at: issued_at.timestamp_micros() }
    }

    fn values(&self) -> [u8; VALUES] {
        let mut values = [0; VALUES];
        let parts = [self.room, self.number, self.issued_at].map(i64::to_be_bytes);
        values.chunks_exact_mut(8).zip(parts).for_each(|(place, part)| place.copy_from_slice(&part));
        values
    }

    fn from_values(values: &[u8; VALUES]) -> Self {
        let part = |index: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&values[8 * index..8 * (index + 1)]);
            i64::from_be_bytes(bytes)
        };
        Self { room: part(0), number: part(1), issued_at: part(2) }
    }
}

/// The flight and the account that a ticket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TicketHolder {
    pub(crate) flight: FlightId,
    pub(crate) user: UserId,
}

/// Signs tickets, and reads those that it has signed. All instances with the same secret share them.
#[derive(Clone)]
pub(crate) struct TicketSigner(Arc<SecretBox<[u8; 32]>>);

impl TicketSigner {
    /// The signer that a secret yields.
    pub(crate) fn derive(secret: &SecretString) -> Self {
        let key = pseudorandom(secret.expose_secret().as_bytes(), b"aerobus: tickets of waiting rooms");
        Self(Arc::new(SecretBox::new(Box::new(key))))
    }

    /// The ticket's text, base64url.
    pub(crate) fn sign(&self, ticket: &QueueTicket, holder: TicketHolder) -> String {
        let values = ticket.values();
        let signature: [u8; SIGNATURE] = self.mac(&values, holder).finalize().into_bytes().into();
        BASE64_URL_SAFE_NO_PAD.encode([values.as_slice(), signature.as_slice()].concat())
    }

    /// The ticket in a text that was signed for this holder; `None` for all other texts.
    pub(crate) fn read(&self, text: &str, holder: TicketHolder) -> Option<QueueTicket> {
        // The decoder wants room for what a text of this length could hold at most.
        let mut bytes = [0; VALUES + SIGNATURE + 3];
        let length = BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        let (values, signature) = bytes.get(..length)?.split_first_chunk()?;
        // Compares in constant time.
        self.mac(values, holder).verify_slice(signature).ok()?;
        Some(QueueTicket::from_values(values))
    }

    fn mac(&self, values: &[u8; VALUES], holder: TicketHolder) -> Hmac<Sha256> {
        // HMAC takes keys of any length.
        let mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret());
        let mut mac = mac.unwrap_or_else(|_| unreachable!("any key will do"));
        mac.update(holder.flight.0.as_bytes());
        mac.update(holder.user.0.as_bytes());
        mac.update(values);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn signer() -> TicketSigner {
        TicketSigner::derive(&"one secret of thirty-two characters".into())
    }

    fn holder() -> TicketHolder {
        TicketHolder { flight: FlightId::new(), user: UserId::new() }
    }

    fn ticket() -> impl Strategy<Value = QueueTicket> {
        (any::<i64>(), any::<i64>(), any::<i64>()).prop_map(|(room, number, issued_at)| QueueTicket {
            room,
            number,
            issued_at,
        })
    }

    proptest! {
        #[test]
        fn a_ticket_is_read_by_its_holder_alone(ticket in ticket()) {
            let holder = holder();
            let text = signer().sign(&ticket, holder);
            prop_assert!(text.len() <= 80);
            prop_assert_eq!(signer().read(&text, holder), Some(ticket));
            let other_flight = TicketHolder { flight: FlightId::new(), ..holder };
            let other_user = TicketHolder { user: UserId::new(), ..holder };
            for other in [other_flight, other_user] {
                prop_assert_eq!(signer().read(&text, other), None);
            }
            let other = TicketSigner::derive(&"another secret of thirty-two letters".into());
            prop_assert_eq!(other.read(&text, holder), None);
        }

        #[test]
        fn a_changed_text_is_no_ticket(ticket in ticket(), at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
            let holder = holder();
            let text = signer().sign(&ticket, holder);
            let at = at.index(text.len());
            let mut changed = text.clone();
            changed.replace_range(at..=at, &to);
            prop_assume!(changed != text);
            prop_assert_eq!(signer().read(&changed, holder), None);
            prop_assert_eq!(signer().read(&text[..at], holder), None);
            prop_assert_eq!(signer().read(&format!("{text}{to}"), holder), None);
        }

        #[test]
        fn other_values_under_a_signature_are_no_ticket(ticket in ticket(), other in ticket()) {
            prop_assume!(ticket != other);
            let holder = holder();
            let (one, two) = (signer().sign(&ticket, holder), signer().sign(&other, holder));
            // 32 characters are 24 bytes: the values.
            let forged = format!("{}{}", &two[..32], &one[32..]);
            prop_assert_eq!(signer().read(&forged, holder), None);
        }

        #[test]
        fn no_text_panics(text in ".{0,100}") {
            prop_assert_eq!(signer().read(&text, holder()), None);
        }
    }
}
