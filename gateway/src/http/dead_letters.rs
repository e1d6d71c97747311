//! `/admin/dead-letters`: messages that gateway, flight and booking gave up. (The mailer's are below `/admin/mail`.)

use super::{
    cache_control::PRIVATE,
    internal_client::{InternalClient, InternalRequest},
};
use crate::{actors::Upstreams, domain::routing_table::ServiceName};
use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web,
};
use serde_json::json;
use shared::{
    auth::{AuditAuthor, Permitted, required},
    http::{Body, Code, EmptyBody, Id, NoParameters, Page, Problem, QueryParameters, RequestId, key},
    operations::Operations,
    outbox::{DeadLetterId, DeadLetterResource},
};

/// The service of a path.
fn service_of(request: &HttpRequest) -> Result<ServiceName, Problem> {
    match key::<String>(request, "service")?.as_str() {
        "gateway" => Ok(ServiceName::Gateway),
        "flight" => Ok(ServiceName::Flight),
        "booking" => Ok(ServiceName::Booking),
        _ => Err(Problem::new(Code::NotFound)),
    }
}

/// List the messages that a service gave up, newest first
#[utoipa::path(
    get, path = "/api/v1/admin/dead-letters/{service}", tag = "operations", operation_id = "dead_letters",
    security(("bearer" = ["system:check"])),
    params(
        ("service" = String, Path, description = "`gateway`, `flight` or `booking`."),
        ("limit" = Option<u8>, Query, description = "1 to 200, 50 by default.", minimum = 1, maximum = 200),
        ("after" = Option<String>, Query, description = "`page.next` of the page before."),
    ),
    responses(
        (status = 200, description = "A page of dead letters.", body = Page<DeadLetterResource>),
        (status = 404, description = "There is no such service."),
    ),
)]
pub(super) async fn list(
    _: Permitted<required::SystemCheck>,
    (request, request_id): (HttpRequest, RequestId),
    parameters: QueryParameters,
    operations: web::Data<Operations>,
    (client, upstreams): (web::Data<InternalClient>, web::Data<Upstreams>),
) -> Result<HttpResponse, Problem> {
    let service = service_of(&request)?;
    if service == ServiceName::Gateway {
        let page = operations.dead_letters().list(parameters).await?;
        return Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(page));
    }
    let query = request.query_string();
    let separator = if query.is_empty() { "" } else { "?" };
    let asked = InternalRequest {
        method: Method::GET,
        path_and_query: format!("/internal/dead-letters{separator}{query}"),
        body: None,
        request_id,
    };
    client.ask(&upstreams, service, &asked).await
}

/// Replay a message that a service gave up
///
/// Its consumer takes it again. A message that was replayed before stays as it is.
#[utoipa::path(
    post, path = "/api/v1/admin/dead-letters/{service}/{id}/replay", tag = "operations",
    operation_id = "replay_dead_letter", security(("bearer" = ["system:check"])),
    params(
        ("service" = String, Path, description = "`gateway`, `flight` or `booking`."),
        ("id" = Uuid, Path, description = "The dead letter."),
    ),
    responses(
        (status = 200, description = "The dead letter, replayed.", body = DeadLetterResource),
        (status = 404, description = "There is no such service, or no such dead letter."),
        (status = 409, description = "`conflict`: it failed again."),
    ),
)]
pub(super) async fn replay(
    caller: Permitted<required::SystemCheck>,
    (request, request_id): (HttpRequest, RequestId),
    id: Id<DeadLetterId>,
    _: NoParameters,
    _: Body<EmptyBody>,
    operations: web::Data<Operations>,
    (client, upstreams): (web::Data<InternalClient>, web::Data<Upstreams>),
) -> Result<HttpResponse, Problem> {
    let (service, id) = (service_of(&request)?, id.0.0);
    if service == ServiceName::Gateway {
        let author = AuditAuthor::new(&caller, &request_id);
        let replayed = operations.dead_letters().replay(id, author).await?;
        return Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(replayed));
    }
    let asked = InternalRequest {
        method: Method::POST,
        path_and_query: format!("/internal/dead-letters/{id}/replay"),
        body: Some(json!({"actor": caller.user_id()})),
        request_id,
    };
    client.ask(&upstreams, service, &asked).await
}
