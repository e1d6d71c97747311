//! The callers: accounts with tokens, and client addresses as a proxy before the gateway names them.

use super::gateway_process::SIGNING_KEY_SECRET;
use crate::cluster::ServiceDatabase;
use anyhow::Context;
use gateway::SigningKey;
use shared::{
    auth::{Claims, Permission},
    ids::{FlightId, UserId},
};
use std::{cell::Cell, net::Ipv4Addr, rc::Rc};
use testkit::TokenIssuer;

/// Accounts.
const ACCOUNTS: usize = 500;
/// How long their tokens are good: longer than a run lasts.
const SECONDS: i64 = 4 * 3600;
/// Addresses that ask in turn where not said otherwise.
const ADDRESSES: usize = 10_000;

/// The callers. Clones share the turn.
#[derive(Clone)]
pub struct Callers {
    tokens: Rc<[String]>,
    paths: Rc<[String]>,
    turn: Rc<Cell<usize>>,
    addresses: usize,
}

impl Callers {
    /// Accounts with tokens as this gateway would sign them: logins of five hundred customers would cost more than what
    /// is measured. They have no permissions, so all limits apply to them.
    ///
    /// # Errors
    /// Where the gateway has no key.
    pub async fn new(database: &ServiceDatabase) -> anyhow::Result<Self> {
        Self::with_permissions(database, &[]).await
    }

    /// The same with these permissions.
    ///
    /// # Errors
    /// Where the gateway has no key.
    pub async fn with_permissions(
        database: &ServiceDatabase,
        permissions: &[Permission],
    ) -> anyhow::Result<Self> {
        let newest = "SELECT kid AS words FROM gateway.signing_keys WHERE retired_at IS NULL ORDER BY created_at DESC LIMIT 1";
        let kid = database.words(newest).await?.pop().context("the gateway has no signing key")?;
        let key = SigningKey::derive(&SIGNING_KEY_SECRET.to_owned().into(), &kid)?;
        let issuer = TokenIssuer::new();
        let token = |_| {
            let claims = issuer.claims(UserId::new(), permissions);
            key.sign(&Claims { exp: claims.iat + SECONDS, ..claims })
        };
        let tokens: Vec<String> = (0..ACCOUNTS).map(token).collect::<Result<_, _>>()?;
        let paths = (0..ACCOUNTS).map(|_| format!("/api/v1/flights/{}", FlightId::new())).collect();
        Ok(Self { tokens: tokens.into(), paths, turn: Rc::default(), addresses: ADDRESSES })
    }

    /// The same accounts at this number of addresses.
    #[must_use]
    pub fn at_addresses(&self, addresses: usize) -> Self {
        Self { addresses: addresses.clamp(1, 1 << 24), ..self.clone() }
    }

    /// Writes the request of the next caller: a flight, which everybody may see, with a token.
    pub fn request(&self, request: &mut Vec<u8>) {
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        let token = &self.tokens[turn % self.tokens.len()];
        let address = address(turn % self.addresses);
        let path = &self.paths[turn % self.paths.len()];
        request.clear();
        for part in [
            "GET ",
            path,
            " HTTP/1.1\r\nhost: aerobus.example\r\nuser-agent: bench\r\naccept: application/json\r\naccept-encoding: gzip, br\r\nauthorization: Bearer ",
            token,
            "\r\nx-forwarded-for: ",
            &address,
            "\r\n\r\n",
        ] {
            request.extend_from_slice(part.as_bytes());
        }
    }
}

/// An address below 10.0.0.0/8.
fn address(number: usize) -> String {
    let number = u32::try_from(number % (1 << 24)).unwrap_or(0);
    Ipv4Addr::from_bits(u32::from(Ipv4Addr::new(10, 0, 0, 0)) + number).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_distinct() {
        assert_eq!((address(0), address(256)), ("10.0.0.0".to_owned(), "10.0.1.0".to_owned()));
        assert_eq!(address((1 << 24) - 1), "10.255.255.255");
    }
}
