//! How long clients may keep the answers.

/// Answers about people and their access, which no shared cache may keep.
pub(super) const PRIVATE: &str = "private, no-store";
