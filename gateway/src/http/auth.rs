//! `/auth`: register, log in, refresh, log out.

use crate::{
    domain::{client_device::ClientDevice, password::NewPassword, user::User},
    identity::{IdentityService, Login, Registration, TokenSet},
};
use actix_web::{HttpResponse, http::header, web};
use shared::http::{Body, FromJson, JsonReader, NoParameters, Problem};
use utoipa::ToSchema;

impl FromJson for Registration {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        // All members are read before a missing one ends the function, so that the answer names all errors.
        let (email, password) = (object.required("email"), object.required("password"));
        let (given_name, family_name) = (object.required("given_name"), object.required("family_name"));
        let locale = object.optional("locale").unwrap_or_default();
        Some(Self {
            email: email?,
            password: password?,
            given_name: given_name?,
            family_name: family_name?,
            locale,
        })
    }
}

impl FromJson for Login {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let (email, password) = (object.required("email"), object.required("password"));
        let second_factor = object.optional("totp");
        Some(Self { email: email?, password: password?, second_factor })
    }
}

/// The body of a refresh and of a logout.
pub(super) struct RefreshRequest(String);

impl FromJson for RefreshRequest {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        object.text("refresh_token", 1..=256).map(Self)
    }
}

/// Register an account
///
/// A letter with a code to verify the address follows.
#[utoipa::path(
    post, path = "/api/v1/auth/register", tag = "identity", operation_id = "register",
    request_body = RegistrationBody,
    responses(
        (status = 201, description = "The account.", body = User, headers(("Location", description = "`/api/v1/users/me`"))),
        (status = 409, description = "`email_taken`"),
    ),
)]
pub(super) async fn register(
    identity: web::Data<IdentityService>,
    device: ClientDevice,
    _: NoParameters,
    body: Body<Registration>,
) -> Result<HttpResponse, Problem> {
    let user = identity.register(body.value, &device).await?;
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, "/api/v1/users/me"))
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .json(user))
}

/// Log in
///
/// Starts a session. After 5 failures for an account from a network, each further one makes the next attempt wait longer,
/// up to 15 minutes. Other networks wait only after many failures, and never one from which the account has logged in
/// within 90 days.
#[utoipa::path(
    post, path = "/api/v1/auth/login", tag = "identity", operation_id = "login",
    request_body = LoginBody,
    responses(
        (status = 200, description = "Tokens.", body = TokenSet),
        (status = 401, description = "`invalid_credentials`. With `totp_required: true` the password is right, and `totp` is missing, wrong or used."),
        (status = 429, description = "`account_locked` or `rate_limited`"),
    ),
)]
pub(super) async fn login(
    identity: web::Data<IdentityService>,
    device: ClientDevice,
    _: NoParameters,
    body: Body<Login>,
) -> Result<HttpResponse, Problem> {
    Ok(tokens(&identity.log_in(body.value, &device).await?))
}

/// Refresh the tokens
///
/// Exchanges a refresh token for its successor and a new access token. The same token again within 10 seconds gives
/// the same successor; later it ends the session.
#[utoipa::path(
    post, path = "/api/v1/auth/refresh", tag = "identity", operation_id = "refresh",
    request_body = RefreshBody,
    responses(
        (status = 200, description = "Tokens.", body = TokenSet),
        (status = 401, description = "`unauthenticated`: log in again"),
    ),
)]
pub(super) async fn refresh(
    identity: web::Data<IdentityService>,
    device: ClientDevice,
    _: NoParameters,
    body: Body<RefreshRequest>,
) -> Result<HttpResponse, Problem> {
    Ok(tokens(&identity.refresh(&body.value.0, &device).await?))
}

/// Log out
///
/// Ends the session of a refresh token.
#[utoipa::path(
    post, path = "/api/v1/auth/logout", tag = "identity", operation_id = "logout",
    request_body = RefreshBody,
    responses(
        (status = 204, description = "It has ended, or never was."),
    ),
)]
pub(super) async fn logout(
    identity: web::Data<IdentityService>,
    _: NoParameters,
    body: Body<RefreshRequest>,
) -> Result<HttpResponse, Problem> {
    identity.log_out(&body.value.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn tokens(tokens: &TokenSet) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "private, no-store")).json(tokens)
}

/// A registration.
#[derive(ToSchema)]
#[schema(as = Registration)]
#[expect(dead_code, reason = "read by the schema derive only")]
pub(super) struct RegistrationBody {
    /// One account an address, in upper or lower case. A domain of another script is kept in its A-labels.
    #[schema(example = "ada@example.org", max_length = 254)]
    email: String,
    /// The password.
    password: NewPassword,
    /// Given names.
    #[schema(example = "Ada", max_length = 60)]
    given_name: String,
    /// Family name.
    #[schema(example = "Lovelace", max_length = 60)]
    family_name: String,
    /// BCP 47 language tag; `en` by default.
    #[schema(example = "en")]
    locale: Option<String>,
}

/// A login.
#[derive(ToSchema)]
#[schema(as = Login)]
#[expect(dead_code, reason = "read by the schema derive only")]
pub(super) struct LoginBody {
    /// The address.
    #[schema(example = "ada@example.org")]
    email: String,
    /// The password.
    password: String,
    /// For accounts with a second factor: the 6 digits of its app, or a recovery code.
    #[schema(example = "287082")]
    totp: Option<String>,
}

/// A refresh token.
#[derive(ToSchema)]
#[schema(as = RefreshToken)]
#[expect(dead_code, reason = "read by the schema derive only")]
pub(super) struct RefreshBody {
    /// As a login or a refresh gave it.
    refresh_token: String,
}
