//! Second factors, and their recovery codes (table `recovery_codes`).

use super::schema::{recovery_codes, totp_factors};
use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Binary, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{ids::UserId, statement};
use uuid::Uuid;

statement! {
    /// Begins a factor, in the place of one that was never confirmed.
    Begin { user: SqlUuid = Uuid, sealed_secret: Binary = Vec<u8> } -> (),
    "INSERT INTO totp_factors (user_id, sealed_secret) VALUES ($, $) ON CONFLICT (user_id) DO UPDATE \
     SET sealed_secret = excluded.sealed_secret, created_at = now() WHERE totp_factors.confirmed_at IS NULL"
}

/// A user's second factor.
#[derive(Debug, Clone, Queryable)]
pub(crate) struct TotpFactor {
    /// The sealed secret.
    pub(crate) sealed_secret: Vec<u8>,
    /// Whether its user has shown a code.
    pub(crate) confirmed: bool,
}

/// Begins a factor, in the place of one that was never confirmed; returns whether there was no confirmed one.
///
/// # Errors
/// Those of the database.
pub(crate) async fn begin(
    connection: &mut AsyncPgConnection,
    user: UserId,
    sealed_secret: &[u8],
) -> QueryResult<bool> {
    let begun = Begin { user: user.0, sealed_secret: sealed_secret.to_vec() }.execute(connection).await?;
    Ok(begun > 0)
}

/// The factor of a user.
///
/// # Errors
/// Those of the database.
pub(crate) async fn find(
    connection: &mut AsyncPgConnection,
    user: UserId,
) -> QueryResult<Option<TotpFactor>> {
    totp_factors::table
        .find(user.0)
        .select((totp_factors::sealed_secret, totp_factors::confirmed_at.is_not_null()))
        .first(connection)
        .await
        .optional()
}

/// Since when a user's logins need a factor; `None` where there is none that is confirmed.
///
/// # Errors
/// Those of the database.
pub(crate) async fn confirmed_at(
    connection: &mut AsyncPgConnection,
    user: UserId,
) -> QueryResult<Option<DateTime<Utc>>> {
    let confirmed = totp_factors::table.find(user.0).select(totp_factors::confirmed_at);
    Ok(confirmed.first(connection).await.optional()?.flatten())
}

/// Confirms a factor by the first code, which is then used; returns whether it was there and not confirmed.
///
/// # Errors
/// Those of the database.
pub(crate) async fn confirm(
    connection: &mut AsyncPgConnection,
    user: UserId,
    sealed_secret: &[u8],
    step: i64,
) -> QueryResult<bool> {
    let begun = totp_factors::table
        .find(user.0)
        .filter(totp_factors::confirmed_at.is_null())
        .filter(totp_factors::sealed_secret.eq(sealed_secret));
    let confirmed = diesel::update(begun)
        .set((totp_factors::confirmed_at.eq(diesel::dsl::now), totp_factors::last_step.eq(Some(step))));
    Ok(confirmed.execute(connection).await? > 0)
}

/// Uses the code of a step; returns whether no code of this step or a later one was used before.
///
/// # Errors
/// Those of the database.
pub(crate) async fn use_step(
    connection: &mut AsyncPgConnection,
    user: UserId,
    step: i64,
) -> QueryResult<bool> {
    let unused = totp_factors::table
        .find(user.0)
        .filter(totp_factors::last_step.is_null().or(totp_factors::last_step.lt(step)));
    let used = diesel::update(unused).set(totp_factors::last_step.eq(Some(step)));
    Ok(used.execute(connection).await? > 0)
}

/// Deletes the factor of a user with its recovery codes; returns whether there was one.
///
/// # Errors
/// Those of the database.
pub(crate) async fn delete(connection: &mut AsyncPgConnection, user: UserId) -> QueryResult<bool> {
    Ok(diesel::delete(totp_factors::table.find(user.0)).execute(connection).await? > 0)
}

/// Adds the recovery codes of a factor.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert_recovery_codes(
    connection: &mut AsyncPgConnection,
    user: UserId,
    digests: &[[u8; 32]],
) -> QueryResult<()> {
    let rows: Vec<_> = digests
        .iter()
        .map(|digest| (recovery_codes::user_id.eq(user.0), recovery_codes::digest.eq(digest.as_slice())))
        .collect();
    diesel::insert_into(recovery_codes::table).values(rows).execute(connection).await.map(drop)
}

/// Uses a recovery code; returns whether it was one, and not used before.
///
/// # Errors
/// Those of the database.
pub(crate) async fn use_recovery_code(
    connection: &mut AsyncPgConnection,
    user: UserId,
    digest: &[u8],
) -> QueryResult<bool> {
    let unused = recovery_codes::table.find((user.0, digest)).filter(recovery_codes::used_at.is_null());
    let used = diesel::update(unused).set(recovery_codes::used_at.eq(diesel::dsl::now));
    Ok(used.execute(connection).await? > 0)
}
