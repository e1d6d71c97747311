//! What the author of an administrative change may give and take: nobody grants what they lack, and nobody changes a
//! user who may do more than they may.

use crate::{error::IdentityError, store::users};
use diesel_async::AsyncPgConnection;
use shared::{
    auth::{AuditAuthor, Caller, Permission},
    events::AuditRecord,
    http::RequestId,
};
use std::collections::BTreeSet;

/// The author of an administrative change, with the permissions of the token.
#[derive(Debug, Clone)]
pub(crate) struct Authority {
    /// Whom the audit log names.
    pub(super) author: AuditAuthor,
    scope: BTreeSet<Permission>,
}

impl Authority {
    /// That of a caller.
    pub(crate) fn new(caller: &Caller, request_id: &RequestId) -> Self {
        Self { author: AuditAuthor::new(caller, request_id), scope: caller.claims().permissions() }
    }

    /// What the author may do at this moment, which must be `needed` at least. The token of an API key may permit
    /// less than the author's roles; the roles may permit less than they did when the token was signed.
    ///
    /// # Errors
    /// [`IdentityError::Lacks`], [`IdentityError::SessionEnded`], or those of the database.
    pub(super) async fn reach(
        &self,
        connection: &mut AsyncPgConnection,
        needed: Permission,
    ) -> Result<Reach, IdentityError> {
        let user = users::active(connection, self.author.actor()).await?;
        let user = user.ok_or(IdentityError::SessionEnded)?;
        let in_scope = |name: &String| name.parse().is_ok_and(|permission| self.scope.contains(&permission));
        let reach = Reach(user.permissions.into_iter().filter(in_scope).collect());
        reach.cover([needed.as_str()])?;
        Ok(reach)
    }

    /// A record of a change without a state before and after.
    pub(super) fn act(&self, action: &str, subject: impl std::fmt::Display) -> AuditRecord {
        self.author.change::<()>(action, subject, None, None)
    }
}

/// The permissions that the author of a change has.
#[derive(Debug)]
pub(super) struct Reach(BTreeSet<String>);

impl Reach {
    /// Demands that the author has all of these permissions.
    ///
    /// # Errors
    /// [`IdentityError::Lacks`] with those that are missing.
    pub(super) fn cover(
        &self,
        permissions: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<(), IdentityError> {
        let is_missing = |name: &String| !self.0.contains(name);
        let named = permissions.into_iter().map(|name| name.as_ref().to_owned());
        let missing: BTreeSet<String> = named.filter(is_missing).collect();
        if missing.is_empty() { Ok(()) } else { Err(IdentityError::Lacks(missing.into_iter().collect())) }
    }
}
