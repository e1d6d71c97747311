//! Customers of the whole: access tokens as its gateway would issue them, minted here under its own key, for logins of
//! five hundred customers would cost more than what is measured.

use crate::{
    booking::sale::{CUSTOMERS, address},
    cluster::ServiceDatabase,
};
use aerobus::installation::Installation;
use anyhow::Context;
use gateway::SigningKey;
use shared::{
    auth::{Claims, Permission},
    ids::UserId,
};
use std::path::Path;
use testkit::TokenIssuer;

/// How long the tokens are good: longer than a run lasts.
const SECONDS: i64 = 4 * 3600;

/// Tokens of new customers, each with a verified address of its own. Limits do not apply to them: all come from one
/// address.
///
/// # Errors
/// Where the gateway has no key yet, or the installation no secret.
pub async fn tokens(installation: &Path, database: &ServiceDatabase) -> anyhow::Result<Vec<String>> {
    let secret = Installation::open(installation)?.secret("signing_keys")?;
    let newest = "SELECT kid AS words FROM gateway.signing_keys WHERE retired_at IS NULL ORDER BY created_at DESC LIMIT 1";
    let kid = database.words(newest).await?.pop().context("the gateway has no signing key")?;
    let key = SigningKey::derive(&secret, &kid)?;
    let issuer = TokenIssuer::new();
    let token = |customer: usize| {
        let claims = issuer.claims(UserId::new(), &[Permission::LimitsExempt]);
        key.sign(&Claims { exp: claims.iat + SECONDS, email: address(customer), ..claims })
    };
    Ok((0..CUSTOMERS).map(token).collect::<Result<_, _>>()?)
}
