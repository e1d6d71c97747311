//! Searches for users.

use super::{
    schema::{user_roles, users},
    users::{UserRow, with_grants},
};
use crate::domain::{
    role::RoleName,
    user::{User, UserStatus},
};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{email::EmailAddress, person_name::PersonName};
use uuid::Uuid;

/// Which users are wanted. Filters add up.
#[derive(Debug, Clone, Default, Hash)]
pub(crate) struct UserFilter {
    /// A part of the address or of the names, without case.
    pub(crate) text: Option<String>,
    /// A role that they have.
    pub(crate) role: Option<RoleName>,
    /// Whether the account can be used.
    pub(crate) status: Option<UserStatus>,
}

/// Up to `rows` users that fit, newest first, from the one after `after`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn search(
    connection: &mut AsyncPgConnection,
    filter: &UserFilter,
    after: Option<Uuid>,
    rows: i64,
) -> QueryResult<Vec<User>> {
    // Ids grow with time.
    let mut query =
        users::table.select(UserRow::as_select()).order(users::id.desc()).limit(rows).into_boxed();
    if let Some(after) = after {
        query = query.filter(users::id.lt(after));
    }
    if let Some(text) = &filter.text {
        let name = users::given_name_key.concat(" ").concat(users::family_name_key);
        let in_email = users::email_key.like(containing(&EmailAddress::key_of(text)));
        let in_name = name.like(containing(&PersonName::stored(text.clone()).folded()));
        query = query.filter(in_email.or(in_name));
    }
    if let Some(role) = &filter.role {
        let holders =
            user_roles::table.filter(user_roles::role.eq(role.as_str())).select(user_roles::user_id);
        query = query.filter(users::id.eq_any(holders));
    }
    if let Some(status) = filter.status {
        query = query.filter(users::status.eq(status.as_str()));
    }
    let found: Vec<UserRow> = query.load(connection).await?;
    with_grants(connection, found).await
}

/// A pattern of `LIKE` for texts that contain this one.
fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern + "%"
}

#[cfg(test)]
mod tests {
    use super::containing;

    #[test]
    fn a_pattern_means_the_text_itself() {
        assert_eq!(containing("50%_\\"), "%50\\%\\_\\\\%");
    }
}
