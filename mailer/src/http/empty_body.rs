//! The body of an action without members.

use shared::http::{FromJson, JsonReader};

/// The body of an action without members.
pub(super) struct EmptyBody;

impl FromJson for EmptyBody {
    fn read(_: &mut JsonReader<'_>) -> Option<Self> {
        Some(Self)
    }
}
