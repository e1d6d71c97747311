//! `/internal/revocations`: what other services must know when they start, or have missed something on the bus.

use crate::{identity::IdentityService, store::revocations};
use actix_web::{HttpResponse, http::header, web};
use shared::{
    auth::ServiceCaller,
    db::DbError,
    http::{NoParameters, Problem},
};

/// Tells all revocations that still count.
pub(super) async fn recent(
    _caller: ServiceCaller,
    _: NoParameters,
    identity: web::Data<IdentityService>,
) -> Result<HttpResponse, Problem> {
    let mut connection = identity.pool.get().await?;
    let recent = revocations::recent(&mut connection).await.map_err(DbError::from)?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "private, no-store")).json(recent))
}
