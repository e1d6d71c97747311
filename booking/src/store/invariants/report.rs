//! The outcome of a check, as the report of `POST /admin/invariants`.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// Violations of one invariant that the report lists; the others are only counted.
pub(super) const LISTED: i64 = 100;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Violation {
    /// The invariant that is broken.
    #[schema(example = "no_seat_is_given_twice")]
    pub invariant: &'static str,
    /// What it is broken by: the kind and the id of a row.
    #[schema(example = "flight 0190f2b0-0000-7000-8000-000000000000")]
    pub subject: String,
    /// How.
    pub detail: String,
}

/// How often an invariant is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Broken)]
pub struct BrokenInvariant {
    /// The invariant.
    pub invariant: &'static str,
    /// All of its violations, listed or not.
    pub violations: i64,
}

/// The outcome of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InvariantReport {
    /// The instant that was looked at, by the database's clock.
    pub checked_at: DateTime<Utc>,
    /// How many invariants there are.
    pub invariants: usize,
    /// What was found, at most 100 of each invariant.
    pub violations: Vec<Violation>,
    /// The invariants that are broken, with how often.
    pub broken: Vec<BrokenInvariant>,
}

impl InvariantReport {
    /// All violations, listed or not.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.broken.iter().map(|broken| broken.violations).sum()
    }
}
