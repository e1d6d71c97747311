//! `/auth/email` and `/auth/password`: what a letter with a token is needed for.

use crate::{
    domain::{
        client_device::ClientDevice,
        login_email::LoginEmail,
        one_time_token::{OneTimeToken, TokenPurpose},
        password::NewPassword,
    },
    identity::{IdentityService, PasswordReset},
};
use actix_web::{HttpResponse, web};
use shared::http::{Body, FromJson, JsonReader, NoParameters, Problem};
use utoipa::ToSchema;

/// The body of a request for a letter.
pub(super) struct LetterRequest(LoginEmail);

impl FromJson for LetterRequest {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        object.required("email").map(Self)
    }
}

/// The body of a verification.
pub(super) struct EmailVerification(OneTimeToken);

impl FromJson for EmailVerification {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        object.required("token").map(Self)
    }
}

impl FromJson for PasswordReset {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let (token, password) = (object.required("token"), object.required("password"));
        Some(Self { token: token?, password: password? })
    }
}

/// Verify an e-mail address
///
/// The token comes in a letter. It works once, within 24 hours, and only until a newer letter is sent.
#[utoipa::path(
    post, path = "/api/v1/auth/email/verify", tag = "identity", operation_id = "verify_email",
    request_body = EmailVerificationBody,
    responses(
        (status = 204, description = "The address is verified. Access tokens tell it from the next refresh on."),
        (status = 422, description = "`validation_failed`: the token is wrong, used or expired"),
    ),
)]
pub(super) async fn verify_email(
    identity: web::Data<IdentityService>,
    _: NoParameters,
    body: Body<EmailVerification>,
) -> Result<HttpResponse, Problem> {
    identity.verify_email(&body.value.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Send the verification letter again
///
/// The answer is the same for every address. One that is verified or has no account gets no letter. An address gets 3
/// letters an hour.
#[utoipa::path(
    post, path = "/api/v1/auth/email/resend", tag = "identity", operation_id = "resend_verification",
    request_body = LetterRequestBody,
    responses((status = 202, description = "An address that needs a letter gets one.")),
)]
pub(super) async fn resend_verification(
    identity: web::Data<IdentityService>,
    _: NoParameters,
    body: Body<LetterRequest>,
) -> Result<HttpResponse, Problem> {
    request_letter(&identity, &body.value, TokenPurpose::VerifyEmail).await
}

/// Ask for a letter to reset a password
///
/// The answer is the same for every address. One without an account gets no letter. An address gets 3 letters an hour.
#[utoipa::path(
    post, path = "/api/v1/auth/password/forgot", tag = "identity", operation_id = "forgot_password",
    request_body = LetterRequestBody,
    responses((status = 202, description = "An address with an account gets a letter.")),
)]
pub(super) async fn forgot_password(
    identity: web::Data<IdentityService>,
    _: NoParameters,
    body: Body<LetterRequest>,
) -> Result<HttpResponse, Problem> {
    request_letter(&identity, &body.value, TokenPurpose::ResetPassword).await
}

/// Reset a password
///
/// The token comes in a letter. It works once, within one hour. All sessions of the user end, and the address counts as verified.
#[utoipa::path(
    post, path = "/api/v1/auth/password/reset", tag = "identity", operation_id = "reset_password",
    request_body = PasswordResetBody,
    responses(
        (status = 204, description = "The password is set."),
        (status = 422, description = "`validation_failed`: the token is wrong, used or expired, or the password is bad"),
    ),
)]
pub(super) async fn reset_password(
    identity: web::Data<IdentityService>,
    device: ClientDevice,
    _: NoParameters,
    body: Body<PasswordReset>,
) -> Result<HttpResponse, Problem> {
    identity.reset_password(body.value, &device).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn request_letter(
    identity: &IdentityService,
    LetterRequest(email): &LetterRequest,
    purpose: TokenPurpose,
) -> Result<HttpResponse, Problem> {
    identity.request_letter(email, purpose).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// An address.
#[derive(ToSchema)]
#[schema(as = LetterRequest)]
#[expect(dead_code, reason = "read by the schema derive only")]
pub(super) struct LetterRequestBody {
    /// The address of an account.
    #[schema(example = "ada@example.org", max_length = 254)]
    email: String,
}

/// A verification.
#[derive(ToSchema)]
#[schema(as = EmailVerification)]
#[expect(dead_code, reason = "read by the schema derive only")]
pub(super) struct EmailVerificationBody {
    /// As the letter has it.
    #[schema(min_length = 43)]
    token: String,
}

/// A new password.
#[derive(ToSchema)]
#[schema(as = PasswordReset)]
#[expect(dead_code, reason = "read by the schema derive only")]
pub(super) struct PasswordResetBody {
    /// As the letter has it.
    #[schema(min_length = 43)]
    token: String,
    password: NewPassword,
}
