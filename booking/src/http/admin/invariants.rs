//! `POST /admin/invariants/check`.

use super::deps::StaffDeps;
use crate::{
    deadline::within,
    http::cache_control::PRIVATE,
    store::invariants::{self, InvariantReport},
};
use actix_web::{HttpResponse, http::header, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::{
    auth::{AuditAuthor, Audited, required},
    db::DbError,
    http::{Body, Code, EmptyBody, Problem, QueryParameters},
    outbox,
};
use std::time::Duration;

/// When to come back while another check runs.
const SOON: Duration = Duration::from_secs(5);

/// How long a check may take here.
const CHECK: Duration = Duration::from_secs(120);

/// Check the invariants
///
/// Checks every booking, payment and event in one snapshot of the database, while bookings go on.
/// `aerobus check-invariants` does the same without a time limit.
#[utoipa::path(
    post, path = "/api/v1/admin/invariants/check", tag = "staff", security(("bearer" = ["system:check"])),
    responses(
        (status = 200, description = "What is broken; nothing, when all is well", body = InvariantReport),
        (status = 503, description = "overloaded: another check runs on this instance"),
    ),
)]
pub(crate) async fn check(
    operator: Audited<required::SystemCheck>,
    parameters: QueryParameters,
    _: Body<EmptyBody>,
    staff: web::Data<StaffDeps>,
) -> Result<HttpResponse, Problem> {
    parameters.finish()?;
    let busy = |_| Problem::new(Code::Overloaded).detail("Another check is running.").retry_after(SOON);
    let _turn = staff.checks.try_acquire().map_err(busy)?;
    let report = within(CHECK, Box::pin(invariants::check(&staff.database))).await?;
    record(&staff, operator.author(), &report).await?;
    for broken in &report.broken {
        tracing::error!(
            invariant.name = broken.invariant,
            invariant.violations = broken.violations,
            "An invariant is broken"
        );
    }
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(report))
}

/// What the audit log keeps of a check.
#[derive(Serialize)]
struct AuditedCheck {
    checked_at: DateTime<Utc>,
    violations: i64,
}

/// Records that somebody had the invariants checked.
async fn record(staff: &StaffDeps, author: &AuditAuthor, report: &InvariantReport) -> Result<(), Problem> {
    let after = AuditedCheck { checked_at: report.checked_at, violations: report.total() };
    let record = author.change("invariants.check", "invariants/booking", None, Some(&after));
    let connected = staff.database.connect().await;
    let connection = connected.map_err(|error| DbError::Unavailable(Box::new(error)))?;
    outbox::append(&connection, &[record.event("booking")]).await?;
    staff.relay.nudge();
    Ok(())
}
