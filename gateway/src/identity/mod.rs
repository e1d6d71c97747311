//! The use cases of identity: each takes what a request asks for, and does it in the database.
//!
//! [`IdentityService`] is declared in `service.rs`; each use case adds its methods in a file of its own.

mod access;
mod access_token_issuer;
mod account_deletion;
mod administrator;
mod api_keys;
mod authority;
mod email_verification;
mod erasure_follower;
mod export;
mod last_administrator;
mod letter_tokens;
mod login;
mod own_sessions;
mod password_change;
mod password_reset;
mod password_upgrade;
mod profile;
mod reauthentication;
mod registration;
mod role_admin;
mod second_factor;
mod service;
mod session_alert;
mod sessions;
mod totp;
mod user_admin;
mod user_roles;

pub(crate) use access_token_issuer::{AccessTokenIssuer, TokenSet};
pub(crate) use administrator::{AdministratorError, ensure_administrator};
pub(crate) use api_keys::NewApiKey;
pub(crate) use authority::Authority;
pub(crate) use erasure_follower::ErasureFollower;
pub(crate) use export::PersonalDataExport;
pub(crate) use login::Login;
pub(crate) use password_change::PasswordChange;
pub(crate) use password_reset::PasswordReset;
pub(crate) use profile::ProfilePatch;
pub(crate) use registration::Registration;
pub(crate) use service::IdentityService;
pub(crate) use user_admin::{NewAccount, UserPatch};
