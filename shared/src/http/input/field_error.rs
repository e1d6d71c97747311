//! An invalid value of a request, and how much is told of it.

use serde::Serialize;
use std::fmt::Display;
use utoipa::ToSchema;

/// Errors of a request that are told; of those beyond them nothing is said.
pub const MOST_ERRORS: usize = 100;
/// Characters of a pointer or a parameter's name in an error; a longer one is cut, and ends with `...`.
pub const LONGEST_POINTER: usize = 256;
/// Characters of what serde says of a value, which it quotes in full.
pub(super) const LONGEST_MESSAGE: usize = 512;

/// A bounded part of a text that a client has made as long as it liked.
pub(super) fn cut(text: String, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// Notes an error, unless there are enough.
pub(super) fn note(errors: &mut Vec<FieldError>, error: impl FnOnce() -> FieldError) {
    if errors.len() < MOST_ERRORS {
        errors.push(error());
    }
}

/// An invalid value of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) of a member of the body; one of more than 256 characters is cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/passengers/0/born_on")]
    pub pointer: Option<String>,
    /// Name of a query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What is wrong, for people.
    pub message: String,
}

impl FieldError {
    /// An invalid member of the body.
    #[must_use]
    pub fn at(pointer: impl Into<String>, message: impl Display) -> Self {
        Self { pointer: Some(pointer.into()), parameter: None, message: message.to_string() }
    }

    /// An invalid query parameter.
    #[must_use]
    pub fn parameter(name: impl Into<String>, message: impl Display) -> Self {
        Self { pointer: None, parameter: Some(name.into()), message: message.to_string() }
    }
}
