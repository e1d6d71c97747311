//! How long answers may be kept: values of `Cache-Control`.

/// Public answers that follow sales by the second.
pub(super) const FRESH: &str = "no-cache";
/// Public answers that seldom change.
pub(super) const SLOW: &str = "public, max-age=60";
/// Answers to writes, which need a token.
pub(super) const PRIVATE: &str = "private, no-store";
