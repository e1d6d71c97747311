//! The internal routes of [`Operations`].

use super::Operations;
use crate::{
    auth::{AuditAuthor, Permitted, ServiceCaller, required},
    http::{
        Body, FromJson, Id, JsonReader, NoParameters, Problem, QueryParameters, RequestId,
        method_not_allowed, readable,
    },
    ids::UserId,
    outbox::DeadLetterId,
};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};

/// Mounts the route of the status. The app needs [`Operations`] as data.
pub fn status_route(config: &mut web::ServiceConfig) {
    config.service(readable("/internal/status").route(web::get().to(status)));
}

/// Mounts all routes. The app needs [`ServiceTokens`](crate::auth::ServiceTokens) as data, too. The gateway, whose port is
/// public, does not mount them.
pub fn routes(config: &mut web::ServiceConfig) {
    status_route(config);
    config.service(readable("/internal/dead-letters").route(web::get().to(list))).service(
        web::resource("/internal/dead-letters/{id}/replay")
            .route(web::post().to(replay))
            .default_service(method_not_allowed("POST")),
    );
}

/// For whom a dead letter is replayed.
#[derive(Debug, Clone, Copy)]
struct ReplayRequest {
    actor: UserId,
}

impl FromJson for ReplayRequest {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        Some(Self { actor: object.required("actor")? })
    }
}

/// Another service may ask, or a user who may check the system: the mailer lacks the services' secret.
async fn status(
    request: HttpRequest,
    _: NoParameters,
    operations: web::Data<Operations>,
) -> Result<HttpResponse, Problem> {
    if ServiceCaller::extract(&request).await.is_err() {
        Permitted::<required::SystemCheck>::extract(&request).await?;
    }
    Ok(HttpResponse::Ok().json(operations.status().await?))
}

async fn list(
    _: ServiceCaller,
    parameters: QueryParameters,
    operations: web::Data<Operations>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(operations.dead_letters().list(parameters).await?))
}

/// The gateway has checked the permission of the user whom it names; the request is the one that it passes on.
async fn replay(
    _: ServiceCaller,
    request_id: RequestId,
    id: Id<DeadLetterId>,
    _: NoParameters,
    body: Body<ReplayRequest>,
    operations: web::Data<Operations>,
) -> Result<HttpResponse, Problem> {
    let author = AuditAuthor::of(body.value.actor, request_id.0);
    Ok(HttpResponse::Ok().json(operations.dead_letters().replay(id.0.0, author).await?))
}
