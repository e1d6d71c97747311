//! `aerobus check-invariants`: looks for what must not be, and fails if there is any.

use crate::{cli::CheckOptions, databases::installed, private_server::stop_server};
use anyhow::Context;
use booking::invariants::{self, InvariantReport};
use shared::db::{DatabaseConfig, Plans};

/// Checks the invariants and prints what is broken.
///
/// # Errors
/// When the database cannot be read; or when anything is broken.
pub async fn run(options: CheckOptions) -> anyhow::Result<()> {
    let (server, url) = match &options.database {
        Some(url) => (None, url.clone()),
        None => installed(&options.data_dir, "booking").await?,
    };
    let database = DatabaseConfig { url, schema: options.schema, pool_size: 1, plans: Plans::default() };
    let checked = invariants::check(&database).await.context("the invariants cannot be checked");
    if let Some(server) = server {
        stop_server(move || server.stop()).await;
    }
    let report = checked?;
    print!("{}", text(&report));
    match report.broken.as_slice() {
        [] => Ok(()),
        broken => anyhow::bail!("{} of {} invariants are broken", broken.len(), report.invariants),
    }
}

/// What was found, for people.
fn text(report: &InvariantReport) -> String {
    let mut text = String::new();
    for broken in &report.broken {
        text += &format!("{} is broken {} times:\n", broken.invariant, broken.violations);
        let told: Vec<_> = report.violations.iter().filter(|one| one.invariant == broken.invariant).collect();
        for violation in &told {
            text += &format!("  {}: {}\n", violation.subject, violation.detail);
        }
        if i64::try_from(told.len()).is_ok_and(|told| told < broken.violations) {
            text += "  and more\n";
        }
    }
    let instant = report.checked_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    text + &format!(
        "{} invariants checked as of {instant}: {} violations\n",
        report.invariants,
        report.total()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use booking::invariants::{BrokenInvariant, Violation};

    #[test]
    fn every_broken_invariant_is_told_with_its_violations() {
        let mut report = InvariantReport {
            checked_at: chrono::DateTime::UNIX_EPOCH,
            invariants: 41,
            violations: Vec::new(),
            broken: Vec::new(),
        };
        assert_eq!(text(&report), "41 invariants checked as of 1970-01-01T00:00:00Z: 0 violations\n");
        let invariant = "holds_have_an_end";
        report.violations.push(Violation {
            invariant,
            subject: "booking x".into(),
            detail: "is held".into(),
        });
        report.broken.push(BrokenInvariant { invariant, violations: 2 });
        let expected = "holds_have_an_end is broken 2 times:\n  booking x: is held\n  and more\n41 invariants checked as of 1970-01-01T00:00:00Z: 2 violations\n";
        assert_eq!(text(&report), expected);
    }
}
