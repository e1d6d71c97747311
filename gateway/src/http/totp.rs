//! `/users/me/totp`: the caller's second factor.

use super::{cache_control::PRIVATE, logged_in::LoggedIn};
use crate::{
    domain::{client_device::ClientDevice, password::LoginPassword, totp::SecondFactor},
    identity::IdentityService,
};
use actix_web::{HttpResponse, http::header, web};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use shared::http::{Body, EmptyBody, FromJson, JsonReader, NoParameters, Problem};
use utoipa::ToSchema;

/// A code of an app.
pub(super) struct TotpCode(SecretString);

impl FromJson for TotpCode {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        match object.required("code")? {
            SecondFactor::Code(code) => Some(Self(code)),
            SecondFactor::Recovery(_) => {
                object.error("code", "must be 6 digits");
                None
            }
        }
    }
}

/// The password of the caller.
pub(super) struct TotpRemoval(LoginPassword);

impl FromJson for TotpRemoval {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        object.required("password").map(Self)
    }
}

/// Begin a second factor
///
/// Makes a secret for an authenticator app (RFC 6238: 6 digits, 30 seconds, SHA-1). It is shown once. Logins need a code
/// only after you have confirmed the factor.
#[utoipa::path(
    post, path = "/api/v1/users/me/totp", tag = "identity", operation_id = "begin_totp",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The secret.", body = TotpSetupBody),
        (status = 409, description = "`conflict`: the second factor is on. Switch it off first."),
    ),
)]
pub(super) async fn begin(
    identity: web::Data<IdentityService>,
    caller: LoggedIn,
    _: NoParameters,
    _: Body<EmptyBody>,
) -> Result<HttpResponse, Problem> {
    let setup = identity.begin_totp(caller.user_id()).await?;
    let (secret, otpauth_uri) = (setup.secret.expose_secret(), setup.otpauth_uri.expose_secret());
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, PRIVATE))
        .json(TotpSetupBody { secret: secret.to_owned(), otpauth_uri: otpauth_uri.to_owned() }))
}

/// Confirm the second factor
///
/// Proves that the app has the secret, and switches the factor on: from now on a login needs `totp`. The answer shows 10
/// recovery codes, once. Each stands in for a code once.
#[utoipa::path(
    post, path = "/api/v1/users/me/totp/confirm", tag = "identity", operation_id = "confirm_totp",
    security(("bearer" = [])),
    request_body = TotpCodeBody,
    responses(
        (status = 200, description = "The recovery codes.", body = RecoveryCodesBody),
        (status = 409, description = "`conflict`: no second factor was begun, or it is on."),
        (status = 422, description = "`validation_failed`, at `/code` for a code that does not fit"),
    ),
)]
pub(super) async fn confirm(
    identity: web::Data<IdentityService>,
    caller: LoggedIn,
    device: ClientDevice,
    _: NoParameters,
    body: Body<TotpCode>,
) -> Result<HttpResponse, Problem> {
    let codes = identity.confirm_totp(caller.user_id(), &body.value.0, &device).await?;
    let recovery_codes = codes.iter().map(|code| code.expose_secret().to_owned()).collect();
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, PRIVATE))
        .json(RecoveryCodesBody { recovery_codes }))
}

/// Switch the second factor off
///
/// Needs the password, because a stolen access token must not be enough.
#[utoipa::path(
    delete, path = "/api/v1/users/me/totp", tag = "identity", operation_id = "delete_totp",
    security(("bearer" = [])),
    request_body = TotpRemovalBody,
    responses(
        (status = 204, description = "Logins need the password alone."),
        (status = 404, description = "You have no second factor."),
        (status = 422, description = "`validation_failed`, at `/password` where it is wrong"),
        (status = 429, description = "`account_locked`: too many wrong passwords"),
    ),
)]
pub(super) async fn delete(
    identity: web::Data<IdentityService>,
    caller: LoggedIn,
    device: ClientDevice,
    _: NoParameters,
    body: Body<TotpRemoval>,
) -> Result<HttpResponse, Problem> {
    identity.delete_totp(caller.user_id(), body.value.0, &device).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What an authenticator app needs.
#[derive(Serialize, ToSchema)]
#[schema(as = TotpSetup)]
pub(super) struct TotpSetupBody {
    /// In base 32, to be typed in.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    secret: String,
    /// To be shown as a QR code.
    #[schema(
        example = "otpauth://totp/Aerobus:ada%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Aerobus"
    )]
    otpauth_uri: String,
}

/// Codes that stand in for the app.
#[derive(Serialize, ToSchema)]
#[schema(as = RecoveryCodes)]
pub(super) struct RecoveryCodesBody {
    /// Each works once.
    #[schema(example = json!(["abcd-efgh-ijkl-mnop"]))]
    recovery_codes: Vec<String>,
}

/// A code of the app.
#[derive(ToSchema)]
#[schema(as = TotpCode)]
#[expect(dead_code, reason = "read by the schema derive only")]
pub(super) struct TotpCodeBody {
    /// The 6 digits that the app shows now.
    #[schema(example = "287082")]
    code: String,
}

/// The consent to switch the second factor off.
#[derive(ToSchema)]
#[schema(as = TotpRemoval)]
#[expect(dead_code, reason = "read by the schema derive only")]
pub(super) struct TotpRemovalBody {
    /// Your password.
    password: String,
}
