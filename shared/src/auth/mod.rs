//! Who is calling: access tokens, verified by every service for itself.

mod audit_author;
mod caller;
mod jwks;
mod permission;
mod permitted;
mod service_token;
mod verifier;

pub use audit_author::AuditAuthor;
pub use caller::{Caller, MaybeCaller, is_exempt};
pub use jwks::{Jwk, JwksError, KeySet, KeySource};
pub use permission::{Permission, Requirement, UnknownPermission, required};
pub use permitted::Permitted;
pub use service_token::{
    GATEWAY, LastingToken, SERVICE_TOKEN, ServiceCaller, ServiceTokenError, ServiceTokens, WEB,
};
pub use verifier::{Claims, TokenError, Verifier};
