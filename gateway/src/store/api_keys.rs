//! API keys; the database keeps only their digests.

use super::schema::api_keys;
use crate::domain::api_key::ApiKey;
use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Binary, Bool, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{ids::UserId, statement};
use uuid::Uuid;

statement! {
    /// The key of a prefix, and whether it has expired by the database's clock.
    FindByPrefix { prefix: Text = String } -> (SqlUuid, SqlUuid, Binary, Text, Bool),
    "SELECT id, user_id, digest, scope, coalesce(expires_at <= clock_timestamp(), false) FROM api_keys WHERE prefix = $"
}

statement! {
    /// Notes a use, once a minute at most.
    Touch { id: SqlUuid = Uuid } -> (),
    "UPDATE api_keys SET last_used_at = clock_timestamp() WHERE id = $ \
     AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute')"
}

/// A new key.
#[derive(Insertable)]
#[diesel(table_name = api_keys)]
pub(crate) struct NewApiKeyRow<'a> {
    /// Its id.
    pub(crate) id: Uuid,
    /// Whose it is.
    pub(crate) user_id: Uuid,
    /// What its user calls it.
    pub(crate) name: &'a str,
    /// The part that is no secret.
    pub(crate) prefix: &'a str,
    /// SHA-256 of the key.
    pub(crate) digest: &'a [u8],
    /// Permissions, separated by spaces.
    pub(crate) scope: &'a str,
    /// When it stops working.
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_keys)]
struct ApiKeyRow {
    id: Uuid,
    name: String,
    prefix: String,
    scope: String,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
}

impl From<ApiKeyRow> for ApiKey {
    fn from(row: ApiKeyRow) -> Self {
        let permissions = row.scope.split_whitespace().map(str::to_owned).collect();
        let ApiKeyRow { id, name, prefix, created_at, expires_at, last_used_at, .. } = row;
        Self { id, name, prefix, permissions, created_at, expires_at, last_used_at }
    }
}

/// A key that a request shows, as it is kept.
#[derive(Debug, Clone, Queryable)]
pub(crate) struct KeptApiKey {
    /// Its id.
    pub(crate) id: Uuid,
    /// Whose it is.
    pub(crate) user_id: Uuid,
    /// SHA-256 of the key.
    pub(crate) digest: Vec<u8>,
    /// Permissions, separated by spaces.
    pub(crate) scope: String,
    /// Whether it is past its end.
    pub(crate) expired: bool,
}

/// Adds a key. The user's row is locked by the caller.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(
    connection: &mut AsyncPgConnection,
    new: &NewApiKeyRow<'_>,
) -> QueryResult<ApiKey> {
    let inserted = diesel::insert_into(api_keys::table).values(new).returning(ApiKeyRow::as_returning());
    inserted.get_result(connection).await.map(ApiKey::from)
}

/// The keys of a user, oldest first.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_user(connection: &mut AsyncPgConnection, user: UserId) -> QueryResult<Vec<ApiKey>> {
    let keys = api_keys::table.filter(api_keys::user_id.eq(user.0)).order(api_keys::id);
    let rows: Vec<ApiKeyRow> = keys.select(ApiKeyRow::as_select()).load(connection).await?;
    Ok(rows.into_iter().map(ApiKey::from).collect())
}

/// How many keys a user has.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count(connection: &mut AsyncPgConnection, user: UserId) -> QueryResult<i64> {
    api_keys::table.filter(api_keys::user_id.eq(user.0)).count().get_result(connection).await
}

/// Deletes a key of a user; returns its digest, or `None` where the user has no such key.
///
/// # Errors
/// Those of the database.
pub(crate) async fn delete(
    connection: &mut AsyncPgConnection,
    user: UserId,
    id: Uuid,
) -> QueryResult<Option<Vec<u8>>> {
    let key = api_keys::table.find(id).filter(api_keys::user_id.eq(user.0));
    diesel::delete(key).returning(api_keys::digest).get_result(connection).await.optional()
}

/// Deletes all keys of a user; returns their ids.
///
/// # Errors
/// Those of the database.
pub(crate) async fn delete_all(connection: &mut AsyncPgConnection, user: UserId) -> QueryResult<Vec<Uuid>> {
    let keys = api_keys::table.filter(api_keys::user_id.eq(user.0));
    diesel::delete(keys).returning(api_keys::id).get_results(connection).await
}

/// The key with a prefix.
///
/// # Errors
/// Those of the database.
pub(crate) async fn find(
    connection: &mut AsyncPgConnection,
    prefix: &str,
) -> QueryResult<Option<KeptApiKey>> {
    FindByPrefix { prefix: prefix.to_owned() }.get_result(connection).await.optional()
}

/// Notes that a key was used, once a minute at most.
///
/// # Errors
/// Those of the database.
pub(crate) async fn touch(connection: &mut AsyncPgConnection, id: Uuid) -> QueryResult<()> {
    Touch { id }.execute(connection).await.map(drop)
}
