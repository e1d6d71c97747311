//! The language of letters.

/// The language of all letters so far.
pub(super) const LOCALE: &str = "en";
