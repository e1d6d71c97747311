//! How long clients may keep the answers.

/// Answers hold addresses of travellers, which no cache may keep.
pub(super) const PRIVATE: &str = "private, no-store";
