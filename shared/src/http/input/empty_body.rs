//! The body of an action without members.

use super::json_reader::{FromJson, JsonReader};

/// The body of an action without members.
#[derive(Debug, Clone, Copy)]
pub struct EmptyBody;

impl FromJson for EmptyBody {
    fn read(_: &mut JsonReader<'_>) -> Option<Self> {
        Some(Self)
    }
}
