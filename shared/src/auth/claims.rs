//! The claims of an access token.

use super::Permission;
use crate::{
    ids::{SessionId, UserId},
    locale::Locale,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Seconds for which the access token of a login is good. No token is good for longer.
pub const ACCESS_TOKEN_SECONDS: i64 = 15 * 60;

/// The claims of an access token (RFC 9068).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it.
    pub iss: String,
    /// For whom.
    pub aud: String,
    /// The user.
    pub sub: UserId,
    /// Issued at, seconds since 1970.
    pub iat: i64,
    /// Not before, seconds since 1970.
    pub nbf: i64,
    /// Expires at, seconds since 1970.
    pub exp: i64,
    /// The token's id, made by [`token_id`].
    pub jti: Uuid,
    /// The login session.
    pub sid: SessionId,
    /// Names of roles.
    pub roles: Vec<String>,
    /// Permissions, separated by spaces.
    pub scope: String,
    /// The account's e-mail address. Empty in tokens of gateways that did not tell it.
    #[serde(default)]
    pub email: String,
    /// Whether the address is known to be the user's. False in tokens of gateways that did not tell it.
    #[serde(default)]
    pub email_verified: bool,
    /// The language of the account: a BCP 47 tag. `None` in tokens of gateways that did not tell it.
    #[serde(default)]
    pub locale: Option<Locale>,
}

/// The bits of a UUID below its milliseconds: 4 of the version, 12 of [`token_id`]'s fraction, 64 others.
const BELOW_MILLIS: u32 = 80;
const BELOW_FRACTION: u32 = 64;
/// The fraction counts 4096ths of a millisecond.
const FRACTION: u128 = 4096;

/// An id for a token that is issued at this instant: a UUID of version 7 whose `rand_a` holds the fraction of the
/// millisecond (RFC 9562, section 6.2, method 3). `iat` counts seconds only, which is too coarse to tell a token of
/// before a change from one of after it.
#[must_use]
pub fn token_id(issued_at: DateTime<Utc>) -> Uuid {
    const VERSION: u128 = 7 << 76;
    const VARIANT: u128 = 0b10 << 62;
    let micros = u128::from(issued_at.timestamp_micros().max(0).unsigned_abs());
    let (millis, rest) = (micros / 1000, micros % 1000);
    let fraction = rest * FRACTION / 1000;
    let random = u128::from(rand::random::<u64>() >> 2);
    Uuid::from_u128(millis << BELOW_MILLIS | VERSION | fraction << BELOW_FRACTION | VARIANT | random)
}

impl Claims {
    /// The permissions of the scope; unknown ones are passed over.
    #[must_use]
    pub fn permissions(&self) -> BTreeSet<Permission> {
        self.scope.split(' ').filter_map(|name| name.parse().ok()).collect()
    }

    /// When the token was issued, to the microsecond, by the clock of the gateway's database. (Tokens of gateways that
    /// made ids in another way: by their own clock, to the millisecond, or to the second.)
    #[must_use]
    pub fn issued_at(&self) -> DateTime<Utc> {
        let id = self.jti.as_u128();
        let fraction = (id >> BELOW_FRACTION) % FRACTION;
        // Rounded up, as `token_id` rounds down: this gives the very microsecond.
        let micros = (id >> BELOW_MILLIS) * 1000 + (fraction * 1000).div_ceil(FRACTION);
        let of_id = i64::try_from(micros).ok().and_then(DateTime::from_timestamp_micros);
        of_id
            .filter(|_| self.jti.get_version_num() == 7)
            .or_else(|| DateTime::from_timestamp(self.iat, 0))
            .unwrap_or(DateTime::UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(jti: Uuid) -> Claims {
        Claims {
            iss: String::new(),
            aud: String::new(),
            sub: UserId::new(),
            iat: 1_800_000_000,
            nbf: 0,
            exp: 0,
            jti,
            sid: SessionId::new(),
            roles: Vec::new(),
            scope: String::new(),
            email: String::new(),
            email_verified: false,
            locale: None,
        }
    }

    #[test]
    fn a_tokens_id_tells_the_microsecond() {
        for micros in 1_800_000_000_000_000..1_800_000_000_002_000 {
            let at = DateTime::from_timestamp_micros(micros).unwrap();
            let id = token_id(at);
            assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
            assert_eq!(claims(id).issued_at(), at);
        }
        let at = DateTime::from_timestamp_micros(1_800_000_000_000_000).unwrap();
        assert_ne!(token_id(at), token_id(at));
    }

    #[test]
    fn ids_of_other_kinds_tell_what_they_can() {
        let before = Utc::now().timestamp_millis();
        let told = claims(Uuid::now_v7()).issued_at().timestamp_millis();
        assert!((before..=Utc::now().timestamp_millis() + 1).contains(&told));
        assert_eq!(claims(Uuid::from_u128(4 << 76)).issued_at().timestamp(), 1_800_000_000);
    }
}
