//! The result of a check.

/// The result of a check. Its error says what is wrong.
pub(crate) type CheckResult = Result<(), String>;

/// Demands that something holds. `otherwise` says what is wrong where it does not.
pub(crate) fn demand(holds: bool, otherwise: impl FnOnce() -> String) -> CheckResult {
    if holds { Ok(()) } else { Err(otherwise()) }
}
