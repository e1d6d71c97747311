//! `POST /admin/invariants/check`.

use super::deps::StaffDeps;
use crate::{
    deadline::within,
    http::cache_control::PRIVATE,
    store::invariants::{self, InvariantReport},
};
use actix_web::{HttpResponse, http::header, web};
use shared::{
    auth::{Permitted, required},
    http::{Body, Code, EmptyBody, Problem, QueryParameters},
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
    _: Permitted<required::SystemCheck>,
    parameters: QueryParameters,
    _: Body<EmptyBody>,
    staff: web::Data<StaffDeps>,
) -> Result<HttpResponse, Problem> {
    parameters.finish()?;
    let busy = |_| Problem::new(Code::Overloaded).detail("Another check is running.").retry_after(SOON);
    let _turn = staff.checks.try_acquire().map_err(busy)?;
    let report = within(CHECK, Box::pin(invariants::check(&staff.database))).await?;
    for broken in &report.broken {
        tracing::error!(
            invariant.name = broken.invariant,
            invariant.violations = broken.violations,
            "An invariant is broken"
        );
    }
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(report))
}
