//! The public keys that verify access tokens (RFC 7517).

use crate::actors::KeyRing;
use actix_web::{HttpRequest, HttpResponse, web};
use sha2::{Digest, Sha256};
use shared::{
    auth::KeySet,
    http::{NoParameters, conditional},
};

/// How long caches may keep the set. An announced key signs a minute after it was published, so caches know it by then.
/// A withdrawn one leaves them within this time; our own services ask past caches.
const CACHE: &str = "public, max-age=30";

/// Read the public keys
///
/// The keys that verify access tokens (JWKS). A verifier fetches them again when it meets an unknown `kid`.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "identity", operation_id = "jwks",
    responses(
        (status = 200, description = "A JWK set of Ed25519 keys.", body = Object,
            headers(("ETag", description = "Changes with the keys."))),
        (status = 304, description = "The client has them."),
    ),
)]
pub(super) async fn key_set(request: HttpRequest, _: NoParameters, keys: web::Data<KeyRing>) -> HttpResponse {
    let keys = keys.keys();
    conditional(&request, &tag(&keys.set), CACHE, &keys.set)
}

/// A tag of the keys' ids: a key never changes.
fn tag(set: &KeySet) -> String {
    let digest = set.keys.iter().fold(Sha256::new(), |digest, key| digest.chain_update(&key.kid)).finalize();
    let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}
