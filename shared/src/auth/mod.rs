//! Who is calling: access tokens, verified by every service for itself.

mod audit_author;
mod audited;
mod caller;
mod claims;
mod jwks;
mod permission;
mod permitted;
mod refresh_signal;
mod revocation_feed;
mod revocation_list;
mod service_token;
mod verifier;

pub use audit_author::AuditAuthor;
pub use audited::Audited;
pub use caller::{Caller, MaybeCaller, identify_caller, is_caller_at_hand, is_exempt};
pub use claims::{ACCESS_TOKEN_SECONDS, Claims, token_id};
pub use jwks::{Jwk, JwksError, KeySet, KeySource};
pub use permission::{Permission, Requirement, UnknownPermission, required};
pub use permitted::Permitted;
pub use revocation_feed::{REVOCATIONS_PATH, RevocationFeed};
pub use revocation_list::{
    MOST as MOST_REVOCATIONS, REVOCATION_COUNTS, RecentRevocations, Revocation, RevocationList,
    RevokedSubject,
};
pub use service_token::{
    GATEWAY, LastingToken, SERVICE_TOKEN, ServiceCaller, ServiceTokenError, ServiceTokens, WEB,
};
pub use verifier::{TokenError, Verifier};
