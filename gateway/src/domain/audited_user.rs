//! A user as the audit log shows it.

use super::user::{User, UserStatus};
use serde::Serialize;

/// A user without what names the person. Audit records are kept for good, also of accounts that were erased, so they
/// know a user by its id only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AuditedUser<'a> {
    email_verified: bool,
    locale: &'a str,
    status: UserStatus,
    roles: &'a [String],
    permissions: &'a [String],
    /// The personal fields that this change gave another value.
    changed: Vec<&'static str>,
}

impl<'a> AuditedUser<'a> {
    /// The user before a change, or without one.
    pub(crate) fn of(user: &'a User) -> Self {
        Self {
            email_verified: user.email_verified,
            locale: &user.locale,
            status: user.status,
            roles: &user.roles,
            permissions: &user.permissions,
            changed: Vec::new(),
        }
    }

    /// The user after a change.
    pub(crate) fn after(before: &User, user: &'a User) -> Self {
        let personal = [
            ("email", before.email != user.email),
            ("given_name", before.given_name != user.given_name),
            ("family_name", before.family_name != user.family_name),
        ];
        let changed = personal.into_iter().filter_map(|(name, changed)| changed.then_some(name)).collect();
        Self { changed, ..Self::of(user) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::ids::UserId;

    #[test]
    fn a_record_names_nobody() {
        let before = User {
            id: UserId::new(),
            email: "ada@example.org".into(),
            email_verified: true,
            given_name: "Ada".into(),
            family_name: "Lovelace".into(),
            locale: "en".into(),
            status: UserStatus::Active,
            roles: vec!["ops".into()],
            permissions: vec!["flight:write".into()],
            created_at: chrono::Utc::now(),
            version: 1,
        };
        let after =
            User { given_name: "Augusta".into(), email: "augusta@example.org".into(), ..before.clone() };
        let shown = serde_json::to_value(AuditedUser::after(&before, &after)).unwrap();
        assert_eq!(shown["changed"], serde_json::json!(["email", "given_name"]));
        assert_eq!(shown["roles"], serde_json::json!(["ops"]));
        let text =
            serde_json::to_string(&[AuditedUser::of(&before), AuditedUser::after(&before, &after)]).unwrap();
        for personal in ["ada", "augusta", "Ada", "Augusta", "Lovelace"] {
            assert!(!text.contains(personal), "{text}");
        }
    }
}
