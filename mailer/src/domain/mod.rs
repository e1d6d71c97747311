//! What a letter is: pure, without I/O.

mod backoff;
mod delivery_attempt;
mod letter;
mod printed_time;
mod single_line;

pub(crate) use backoff::backoff;
pub(crate) use delivery_attempt::{DeliveryAttempt, DeliveryOutcome};
pub(crate) use letter::{DraftToken, LetterDraft, LetterStatus, LetterTemplate, message_id};
pub(crate) use printed_time::{local_time, offset_time, utc_time};
pub(crate) use single_line::single_line;
