//! Whom a request counts for.

use shared::{http::network_of, ids::UserId};
use std::{fmt, net::IpAddr};
use uuid::Uuid;

/// A client that has limits of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum LimitedClient {
    /// An address; of IPv6 the network of 64 bits.
    Address(IpAddr),
    /// An account, whatever address it comes from.
    Account(UserId),
    /// An API key.
    ApiKey(Uuid),
}

impl LimitedClient {
    /// The client at an address.
    pub(crate) fn at(address: IpAddr) -> Self {
        Self::Address(network_of(address))
    }

    /// What kind of client it is, for logs and metrics.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Address(_) => "address",
            Self::Account(_) => "account",
            Self::ApiKey(_) => "api_key",
        }
    }
}

impl fmt::Display for LimitedClient {
    /// As a sentence names it, without saying which one it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address(_) => "address",
            Self::Account(_) => "account",
            Self::ApiKey(_) => "API key",
        })
    }
}

/// All clients that one request counts for: its address, and the account and the API key that it proves.
pub(crate) type LimitedClients = [Option<LimitedClient>; 3];
