//! Dead letters: messages of the bus that the consumer gave up.

use super::cache_control::PRIVATE;
use actix_web::{HttpResponse, http::header, web};
use shared::{
    auth::{Audited, Permitted, required},
    http::{Body, EmptyBody, Id, NoParameters, Page, Problem, QueryParameters},
    operations::Operations,
    outbox::{DeadLetterId, DeadLetterResource},
};

/// List the mailer's dead letters
///
/// Newest first.
#[utoipa::path(
    get, path = "/api/v1/admin/mail/dead-letters", tag = "mail",
    params(
        ("limit" = Option<u8>, Query, description = "1-200, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses((status = 200, body = Page<DeadLetterResource>)),
    security(("bearer" = ["mail:read"])),
)]
pub(super) async fn list(
    _: Permitted<required::MailRead>,
    operations: web::Data<Operations>,
    parameters: QueryParameters,
) -> Result<HttpResponse, Problem> {
    let page = operations.dead_letters().list(parameters).await?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(page))
}

/// Read a dead letter of the mailer
///
/// Its event with the secrets masked, or its text where it is no event.
#[utoipa::path(
    get, path = "/api/v1/admin/mail/dead-letters/{id}", tag = "mail",
    params(("id" = Uuid, Path)),
    responses((status = 200, body = DeadLetterResource), (status = 404)),
    security(("bearer" = ["mail:read"])),
)]
pub(super) async fn get(
    _: Permitted<required::MailRead>,
    operations: web::Data<Operations>,
    id: Id<DeadLetterId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    let found = operations.dead_letters().find(id.0.0).await?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(found))
}

/// Replay a dead letter of the mailer
///
/// Hands it to the consumer again.
#[utoipa::path(
    post, path = "/api/v1/admin/mail/dead-letters/{id}/replay", tag = "mail",
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = DeadLetterResource), (status = 404),
        (status = 409, description = "It failed again."),
    ),
    security(("bearer" = ["mail:resend"])),
)]
pub(super) async fn replay(
    staff: Audited<required::MailResend>,
    operations: web::Data<Operations>,
    id: Id<DeadLetterId>,
    _: NoParameters,
    _: Body<EmptyBody>,
) -> Result<HttpResponse, Problem> {
    let replayed = operations.dead_letters().replay(id.0.0, staff.author().clone()).await?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(replayed))
}
