//! An invariant as a statement, and the macros that declare them.

/// An invariant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Invariant {
    pub(super) name: &'static str,
    /// Finds `subject` and `detail` of each violation.
    pub(super) sql: &'static str,
}

/// Declares the invariants of a topic: what must be true, a name, and the statement.
macro_rules! invariants {
    ($($(#[doc = $doc:literal])+ $name:ident: $sql:expr);+ $(;)?) => {
        pub(super) const ALL: &[super::statement::Invariant] =
            &[$(super::statement::Invariant { name: stringify!($name), sql: $sql }),+];
    };
}

/// A seat's number as people read it.
macro_rules! designator {
    ($seat:literal) => {
        concat!("(", $seat, " / 32) || chr(65 + ", $seat, " % 32)")
    };
}

pub(super) use {designator, invariants};
