//! The use cases of identity: each takes what a request asks for, and does it in the database.
//!
//! [`IdentityService`] is declared in `service.rs`; each use case adds its methods in a file of its own.

mod access;
mod access_token_issuer;
mod administrator;
mod email_verification;
mod letter_tokens;
mod login;
mod password_reset;
mod profile;
mod registration;
mod service;
mod session_alert;
mod sessions;

pub(crate) use access_token_issuer::{AccessTokenIssuer, TokenSet};
pub(crate) use administrator::{AdministratorError, ensure_administrator};
pub(crate) use login::Login;
pub(crate) use password_reset::PasswordReset;
pub(crate) use profile::ProfilePatch;
pub(crate) use registration::Registration;
pub(crate) use service::IdentityService;
