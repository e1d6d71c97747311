//! What a letter is: pure, without I/O.

mod backoff;
mod delivery_attempt;
mod kept_letter;
mod letter;
mod offset_time;
mod single_line;

pub(crate) use backoff::backoff;
pub(crate) use delivery_attempt::{DeliveryAttempt, DeliveryOutcome};
pub(crate) use kept_letter::{KeptAlert, KeptBooking, KeptLetter, KeptToken};
pub(crate) use letter::{DraftToken, LetterDraft, LetterStatus, LetterTemplate, message_id};
pub(crate) use offset_time::offset_time;
pub(crate) use single_line::single_line;
