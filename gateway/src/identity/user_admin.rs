//! Users, for administrators.

use super::{Authority, IdentityService, access, last_administrator, own_sessions};
use crate::{
    domain::{
        audited_user::AuditedUser,
        login_email::LoginEmail,
        password::NewPassword,
        role::RoleName,
        user::{CUSTOMER, User, UserStatus},
    },
    error::IdentityError,
    store::{
        login_failures, roles,
        user_search::{self, UserFilter},
        users::{self, AccountChanges, NewUser},
    },
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{
    auth::Permission,
    db::Fault,
    email::EmailAddress,
    events::{Event, EventType},
    ids::UserId,
    locale::Locale,
    outbox,
    person_name::PersonName,
};
use uuid::Uuid;

/// The details of an account that an administrator makes.
#[derive(Debug, Clone)]
pub(crate) struct NewAccount {
    /// The address, which counts as verified.
    pub(crate) email: EmailAddress,
    /// The password; without one the user sets it by a letter.
    pub(crate) password: Option<NewPassword>,
    /// Given names.
    pub(crate) given_name: PersonName,
    /// Family name.
    pub(crate) family_name: PersonName,
    /// Language.
    pub(crate) locale: Locale,
    /// Names of roles; `None` makes a customer.
    pub(crate) roles: Option<Vec<String>>,
}

/// Changes of a user by an administrator; `None` keeps the present value.
#[derive(Debug, Clone, Default)]
pub(crate) struct UserPatch {
    /// Given names.
    pub(crate) given_name: Option<PersonName>,
    /// Family name.
    pub(crate) family_name: Option<PersonName>,
    /// Language.
    pub(crate) locale: Option<Locale>,
    /// The address, which counts as verified.
    pub(crate) email: Option<EmailAddress>,
    /// Whether the account can be used.
    pub(crate) status: Option<UserStatus>,
}

impl UserPatch {
    /// Whether the user is so already.
    fn is_met(&self, user: &User) -> bool {
        self.given_name.as_ref().is_none_or(|name| name.as_str() == user.given_name)
            && self.family_name.as_ref().is_none_or(|name| name.as_str() == user.family_name)
            && self.locale.as_ref().is_none_or(|locale| locale.as_str() == user.locale)
            && self.email.as_ref().is_none_or(|email| email.as_str() == user.email)
            && self.status.is_none_or(|status| status == user.status)
    }

    fn into_changes(self) -> AccountChanges {
        let mut changes = AccountChanges::profile(self.given_name, self.family_name, self.locale);
        changes.email_key = self.email.as_ref().map(EmailAddress::key);
        changes.email_verified = self.email.as_ref().map(|_| true);
        changes.email = self.email.map(|email| email.as_str().to_owned());
        changes.status = self.status.map(UserStatus::as_str);
        changes
    }
}

impl IdentityService {
    /// Users that fit a filter, newest first.
    ///
    /// # Errors
    /// Faults of ours.
    pub(crate) async fn users(
        &self,
        filter: &UserFilter,
        after: Option<Uuid>,
        rows: i64,
    ) -> Result<Vec<User>, IdentityError> {
        let mut connection = self.pool.get().await?;
        Ok(user_search::search(&mut connection, filter, after, rows).await?)
    }

    /// A user, active or not.
    ///
    /// # Errors
    /// [`IdentityError::NotFound`], or a fault of ours.
    pub(crate) async fn user(&self, id: UserId) -> Result<User, IdentityError> {
        let mut connection = self.pool.get().await?;
        users::find(&mut connection, id).await?.ok_or(IdentityError::NotFound)
    }

    /// Makes an account.
    ///
    /// # Errors
    /// [`IdentityError::EmailTaken`], [`IdentityError::Lacks`], [`IdentityError::Invalid`] for a role that does not
    /// exist, or a fault of ours.
    pub(crate) async fn create_user(
        &self,
        authority: &Authority,
        new: NewAccount,
    ) -> Result<User, IdentityError> {
        // A check before the hash, so that a taken address costs none. The insert decides.
        if users::has_account(&mut *self.pool.get().await?, &new.email).await? {
            return Err(IdentityError::EmailTaken);
        }
        let NewAccount { email, password, given_name, family_name, locale, roles } = new;
        let password_hash = match password {
            Some(password) => Some(self.hasher.hash(password.into_secret()).await?),
            None => None,
        };
        let new = NewUser {
            id: UserId::new(),
            email: &email,
            email_verified: true,
            password_hash: password_hash.as_deref(),
            given_name: &given_name,
            family_name: &family_name,
            locale: &locale,
        };
        let make = async |connection: &mut AsyncPgConnection| {
            roles::lock_grants(connection).await?;
            let reach = authority.reach(connection, Permission::UserWrite).await?;
            if let Some(roles) = &roles {
                reach.cover([Permission::RoleWrite.as_str()])?;
                reach.cover(existing_permissions(connection, roles).await?)?;
            }
            let granted = roles.as_ref().map_or(vec![CUSTOMER], |roles| texts(roles));
            let user = users::insert(connection, &new, &granted).await?.ok_or(IdentityError::EmailTaken)?;
            let event =
                Event::new("gateway", EventType::UserRegistered, user.id, user.version, &user.state());
            let record =
                authority.author.change("user.create", subject(&user), None, Some(&AuditedUser::of(&user)));
            outbox::append(connection, &[event, record.event("gateway")]).await?;
            Ok::<_, IdentityError>(user)
        };
        let user = (*self.pool.get().await?).transaction(make).await?;
        self.relay.nudge();
        Ok(user)
    }

    /// Changes a user. With an expected version, only that version is changed.
    ///
    /// Another status or address ends the user's access tokens, which name them; the end of an account ends its
    /// sessions too.
    ///
    /// # Errors
    /// [`IdentityError::NotFound`], [`IdentityError::Stale`], [`IdentityError::Lacks`], [`IdentityError::EmailTaken`],
    /// [`IdentityError::Conflict`] for the last administrator, or a fault of ours.
    pub(crate) async fn change_user(
        &self,
        authority: &Authority,
        id: UserId,
        patch: UserPatch,
        expected: Option<i64>,
    ) -> Result<User, IdentityError> {
        let change = async |connection: &mut AsyncPgConnection| {
            roles::lock_grants(connection).await?;
            let reach = authority.reach(connection, Permission::UserWrite).await?;
            let before = users::lock_any(connection, id).await?.ok_or(IdentityError::NotFound)?;
            if expected.is_some_and(|expected| expected != before.version) {
                return Err(IdentityError::Stale);
            }
            reach.cover(&before.permissions)?;
            if patch.is_met(&before) {
                return Ok(before);
            }
            if patch.status == Some(UserStatus::Deactivated) {
                last_administrator::keep(connection, &before).await?;
            }
            apply(connection, authority, &before, patch.clone().into_changes()).await
        };
        let user = (*self.pool.get().await?).transaction(change).await?;
        self.relay.nudge();
        Ok(user)
    }

    /// Lets a user try to log in again at once, after failures that locked the account.
    ///
    /// # Errors
    /// [`IdentityError::NotFound`], [`IdentityError::Lacks`], or a fault of ours.
    pub(crate) async fn unlock_user(&self, authority: &Authority, id: UserId) -> Result<(), IdentityError> {
        let unlock = async |connection: &mut AsyncPgConnection| {
            let reach = authority.reach(connection, Permission::UserWrite).await?;
            let user = users::find(connection, id).await?.ok_or(IdentityError::NotFound)?;
            reach.cover(&user.permissions)?;
            // The grammar of stored addresses is the looser one, so each of them is the address of a login.
            if let Ok(email) = LoginEmail::try_from(user.email.clone()) {
                login_failures::unlock(connection, &email.digest()).await?;
            }
            let record = authority.act("user.unlock", subject(&user));
            Ok::<_, IdentityError>(outbox::append(connection, &[record.event("gateway")]).await?)
        };
        (*self.pool.get().await?).transaction(unlock).await?;
        self.relay.nudge();
        Ok(())
    }
}

async fn apply(
    connection: &mut AsyncPgConnection,
    authority: &Authority,
    before: &User,
    changes: AccountChanges,
) -> Result<User, IdentityError> {
    let changed = users::change(connection, before.id, &changes).await;
    let after = changed.map_err(|error| match Fault::of(&error) {
        Fault::Duplicate => IdentityError::EmailTaken,
        _ => error.into(),
    })?;
    if (&before.email, before.status) != (&after.email, after.status) {
        access::access_changed(connection, after.id, after.version).await?;
    }
    if after.status == UserStatus::Deactivated {
        own_sessions::end_all(connection, after.id, None).await?;
    }
    let (old, new) = (AuditedUser::of(before), AuditedUser::after(before, &after));
    let record = authority.author.change("user.change", subject(&after), Some(&old), Some(&new));
    outbox::append(connection, &[record.event("gateway")]).await?;
    Ok(after)
}

/// What these roles permit.
///
/// # Errors
/// [`IdentityError::Invalid`] with a pointer to each role that does not exist.
pub(super) async fn existing_permissions(
    connection: &mut AsyncPgConnection,
    named: &[String],
) -> Result<Vec<String>, IdentityError> {
    let names: Vec<&String> = named.iter().filter(|name| name.parse::<RoleName>().is_ok()).collect();
    let existing = roles::permissions_of(connection, &names).await?;
    let unknown = named.iter().enumerate().filter(|(_, name)| !existing.contains_key(*name));
    let errors: Vec<_> = unknown
        .map(|(index, _)| shared::http::FieldError::at(format!("/roles/{index}"), "is not a role"))
        .collect();
    if !errors.is_empty() {
        return Err(IdentityError::Invalid(errors));
    }
    Ok(existing.into_values().flatten().collect())
}

/// The subject of audit records about a user.
pub(super) fn subject(user: &User) -> String {
    format!("user/{}", user.id)
}

fn texts(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}
