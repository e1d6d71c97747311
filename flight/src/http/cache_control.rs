//! How long answers may be kept: values of `Cache-Control`.

/// Public answers that follow sales by the second.
pub(crate) const FRESH: &str = "no-cache";
/// Public answers that seldom change.
pub(crate) const SLOW: &str = "public, max-age=60";
/// Answers to writes, which need a token.
pub(crate) const PRIVATE: &str = "private, no-store";
