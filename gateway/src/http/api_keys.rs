//! `/users/me/api-keys`: keys of programs that call on the caller's behalf.

use super::{api_key_exchange::ExchangedTokens, cache_control::PRIVATE, logged_in::LoggedIn};
use crate::{
    domain::{
        api_key::{ApiKey, IssuedApiKey},
        client_device::ClientDevice,
    },
    identity::{IdentityService, NewApiKey},
};
use actix_web::{HttpResponse, http::header, web};
use chrono::{DateTime, Utc};
use shared::{
    auth::Permission,
    http::{
        Body, FieldError, FromJson, Id, JsonReader, NoParameters, Page, PageRequest, Problem, QueryParameters,
    },
};
use utoipa::ToSchema;
use uuid::Uuid;

impl FromJson for NewApiKey {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let name = object.text("name", 1..=100);
        let permissions = object.required::<Vec<String>>("permissions").map(|names| {
            let mut permissions = Vec::with_capacity(names.len().min(Permission::ALL.len()));
            for (index, name) in names.iter().enumerate() {
                match name.parse() {
                    Ok(permission) => permissions.push(permission),
                    Err(error) => {
                        let pointer = format!("{}/{index}", object.pointer("permissions"));
                        object.note([FieldError::at(pointer, error)]);
                    }
                }
            }
            permissions
        });
        let expires_at = object.optional::<DateTime<Utc>>("expires_at");
        if expires_at.is_some_and(|at| at <= Utc::now()) {
            object.error("expires_at", "must be in the future");
        }
        Some(Self { name: name?, permissions: permissions?, expires_at })
    }
}

/// List your API keys
///
/// Their texts are not among them: nobody can read those again.
#[utoipa::path(
    get, path = "/api/v1/users/me/api-keys", tag = "identity", operation_id = "list_my_api_keys",
    security(("bearer" = [])),
    params(
        ("limit" = Option<u8>, Query, description = "1 to 200, else 50"),
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, description = "Your keys, oldest first; 20 at most.", body = Page<ApiKey>)),
)]
pub(super) async fn list(
    identity: web::Data<IdentityService>,
    caller: LoggedIn,
    mut parameters: QueryParameters,
) -> Result<HttpResponse, Problem> {
    let request = PageRequest::<Uuid>::read(&mut parameters, &("api-keys", caller.user_id().0));
    parameters.finish()?;
    let mut keys = identity.api_keys(caller.user_id()).await?;
    keys.retain(|key| request.after.is_none_or(|after| key.id > after));
    let page = request.page(keys, |key| key.id);
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(page))
}

/// Create an API key
///
/// The answer shows the key once. A program sends it in the place of an access token, as `Authorization: Bearer aero_...`.
/// It may do what its `permissions` and your own permissions both allow, and what every user may, but it cannot change how
/// you log in.
#[utoipa::path(
    post, path = "/api/v1/users/me/api-keys", tag = "identity", operation_id = "create_my_api_key",
    security(("bearer" = [])),
    request_body = NewApiKeyBody,
    responses(
        (status = 201, description = "The key, with its text.", body = IssuedApiKey, headers(("Location"))),
        (status = 403, description = "`forbidden`: you lack one of the permissions, or called with an API key."),
        (status = 409, description = "`conflict`: you have 20 keys."),
    ),
)]
pub(super) async fn create(
    identity: web::Data<IdentityService>,
    caller: LoggedIn,
    device: ClientDevice,
    _: NoParameters,
    body: Body<NewApiKey>,
) -> Result<HttpResponse, Problem> {
    let issued = identity.create_api_key(caller.user_id(), body.value, &device).await?;
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, format!("/api/v1/users/me/api-keys/{}", issued.resource.id)))
        .insert_header((header::CACHE_CONTROL, PRIVATE))
        .json(issued))
}

/// Delete an API key
///
/// It stops working at once, on all instances within a second.
#[utoipa::path(
    delete, path = "/api/v1/users/me/api-keys/{id}", tag = "identity", operation_id = "delete_my_api_key",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The key's id")),
    responses(
        (status = 204, description = "The key is deleted."),
        (status = 404, description = "You have no such key."),
    ),
)]
pub(super) async fn delete(
    identity: web::Data<IdentityService>,
    tokens: web::Data<ExchangedTokens>,
    caller: LoggedIn,
    device: ClientDevice,
    id: Id<Uuid>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    let digest = identity.delete_api_key(caller.user_id(), id.0, &device).await?;
    // This instance need not wait for the end of the key's tokens on the bus.
    tokens.forget(&digest);
    Ok(HttpResponse::NoContent().finish())
}

/// A new API key.
#[derive(ToSchema)]
#[schema(as = NewApiKey)]
#[expect(dead_code, reason = "read by the schema derive only")]
pub(super) struct NewApiKeyBody {
    /// What you call it.
    #[schema(example = "nightly report", min_length = 1, max_length = 100)]
    name: String,
    /// Names of permissions that you have; none for what every user may do.
    #[schema(example = json!(["report:read"]))]
    permissions: Vec<String>,
    /// When it stops working; without it, never.
    expires_at: Option<DateTime<Utc>>,
}
