//! How long answers may be kept: values of `Cache-Control`.

/// Answers about persons: no cache keeps them.
pub(super) const PRIVATE: &str = "private, no-store";
