//! The public keys that verify access tokens (RFC 7517).

use crate::actors::KeyRing;
use actix_web::{HttpResponse, http::header, web};
use shared::http::NoParameters;

/// Read the public keys
///
/// The keys that verify access tokens (JWKS). A verifier fetches them again when it meets an unknown `kid`.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "identity", operation_id = "jwks",
    responses(
        (status = 200, description = "A JWK set of Ed25519 keys.", body = Object),
    ),
)]
pub(super) async fn key_set(_: NoParameters, keys: web::Data<KeyRing>) -> HttpResponse {
    // Short, so that a new key is known everywhere within a minute even through caches.
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "public, max-age=60")).json(&keys.keys().set)
}
