//! What the tickets of a brand allow. The ticket tells it too, so the rule is shared.

pub use shared::fare_conditions::FareConditions as Conditions;
