//! `POST /admin/invariants/check`.

use super::Staff;
use crate::{
    deadline::within,
    http::PRIVATE,
    store::invariants::{self, InvariantReport},
};
use actix_web::{HttpResponse, http::header, web};
use shared::{
    auth::{Caller, Permission},
    http::{Body, Code, FromJson, JsonReader, Problem, ProblemBody, QueryParameters},
};
use std::time::Duration;

/// When to come back while another check runs.
const SOON: Duration = Duration::from_secs(5);

/// How long a check may take here.
const CHECK: Duration = Duration::from_secs(120);

/// The body of an action that takes none.
pub(crate) struct Nothing;

impl FromJson for Nothing {
    fn read(_: &mut JsonReader<'_>) -> Option<Self> {
        Some(Self)
    }
}

/// Checks the invariants of all bookings, payments and events in one snapshot, beside whatever goes on.
/// It looks at every booking; `aerobus check-invariants` does the same without a time limit of HTTP.
#[utoipa::path(
    post, path = "/api/v1/admin/invariants/check", tag = "staff", security(("bearer" = ["system:check"])),
    responses(
        (status = 200, description = "What is broken; nothing, when all is well", body = InvariantReport),
        (status = 403, description = "system:check is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "overloaded: another check runs on this instance", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn check(
    caller: Caller,
    parameters: QueryParameters,
    _: Body<Nothing>,
    staff: web::Data<Staff>,
) -> Result<HttpResponse, Problem> {
    caller.require(Permission::SystemCheck)?;
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
