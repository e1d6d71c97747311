//! The kinds of letters: one file and one pair of templates each, listed in `registry.rs`.

mod booking_cancelled;
mod booking_changed;
mod booking_confirmed;
mod booking_held;
mod booking_letter;
mod flight_cancelled;
mod flight_delayed;
mod hold_expired;
mod letter_kind;
mod password_reset;
mod registry;
mod session_alert;
mod superseding;
mod token_letter;
mod verify_email;

pub(crate) use letter_kind::DraftError;
pub(crate) use registry::{LETTER_KINDS, carries_token, drafts};
pub(crate) use superseding::superseding;
