//! Roles: named sets of permissions.

use serde::{Deserialize, Serialize};
use shared::auth::Permission;
use std::{collections::BTreeSet, str::FromStr};
use utoipa::ToSchema;

/// A text that cannot name a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 2 to 40 small letters (a to z), digits, hyphens and underscores")]
pub(crate) struct InvalidRoleName;

/// The name of a role: its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct RoleName(String);

impl RoleName {
    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RoleName {
    type Error = InvalidRoleName;

    fn try_from(text: String) -> Result<Self, InvalidRoleName> {
        let is_allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        let fits = (2..=40).contains(&text.len()) && text.bytes().all(is_allowed);
        if fits { Ok(Self(text)) } else { Err(InvalidRoleName) }
    }
}

impl FromStr for RoleName {
    type Err = InvalidRoleName;

    fn from_str(text: &str) -> Result<Self, InvalidRoleName> {
        text.to_owned().try_into()
    }
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Role {
    /// Its name.
    #[schema(example = "supervisor")]
    pub(crate) name: String,
    /// Whether it comes with Aerobus. Such a role can be neither changed nor deleted.
    pub(crate) built_in: bool,
    /// What it permits, sorted.
    #[schema(example = json!(["manifest:read"]))]
    pub(crate) permissions: Vec<String>,
    /// Grows with each change; the entity tag.
    #[serde(skip)]
    pub(crate) version: i64,
}

/// A role to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewRole {
    /// Its name.
    pub(crate) name: RoleName,
    /// What it permits.
    pub(crate) permissions: BTreeSet<Permission>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for good in ["ab", "night-shift_2", &"x".repeat(40)] {
            assert_eq!(good.parse::<RoleName>().unwrap().as_str(), good);
        }
        for bad in ["", "a", "Ops", "night shift", "\u{e9}quipe", "a/b", "a.b", &"x".repeat(41)] {
            assert_eq!(bad.parse::<RoleName>(), Err(InvalidRoleName), "{bad:?}");
        }
    }
}
