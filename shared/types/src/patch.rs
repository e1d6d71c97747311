//! Members of JSON Merge Patches.

/// A member of a JSON Merge Patch (RFC 7396).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patch<T> {
    /// Not mentioned: stays as it is.
    Keep,
    /// Null: removed.
    Remove,
    /// The new value.
    Set(T),
}

impl<T> Patch<T> {
    /// The value after the patch, where it may be removed.
    pub fn apply(self, present: Option<T>) -> Option<T> {
        match self {
            Self::Keep => present,
            Self::Remove => None,
            Self::Set(value) => Some(value),
        }
    }
}
