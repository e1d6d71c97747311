//! Public halves of the keys that sign access tokens.

use super::{interval::interval, schema::signing_keys};
use crate::domain::signing_key::TRUSTED_AFTER_RETIREMENT;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::now,
    pg::data_types::PgInterval,
    prelude::*,
    sql_types::{Bool, Interval, Nullable, Text, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::statement;

statement! {
    /// Waits until no other transaction makes keys.
    Lock {} -> (),
    "SELECT pg_advisory_xact_lock(4715, hashtext(current_schema()))"
}

statement! {
    /// The keys whose tokens are good, and what they are for.
    Trusted { after_retirement: Interval = PgInterval } -> (Text, Text, Bool, Bool, Bool),
    "SELECT kid, public_key, signs_from <= now() AND (retired_at IS NULL OR retired_at > now() - interval '2 minutes'), signs_from > now(), rotation_requested FROM signing_keys WHERE withdrawn_at IS NULL AND (retired_at IS NULL OR retired_at > now() - $) ORDER BY created_at DESC, kid DESC"
}

statement! {
    /// Publishes a key that signs in a minute.
    Announce { kid: Text = String, public_key: Text = String } -> (),
    "INSERT INTO signing_keys (kid, public_key, signs_from) VALUES ($, $, now() + interval '1 minute')"
}

statement! {
    /// Retires all others at the time when an announced key signs.
    RetireBefore { kid: Text = String } -> (),
    "UPDATE signing_keys old SET retired_at = least(old.retired_at, next.signs_from), rotation_requested = false FROM signing_keys next WHERE next.kid = $ AND old.kid <> next.kid"
}

statement! {
    /// What an operator is shown: the keys that are trusted.
    Listed { after_retirement: Interval = PgInterval } -> (Text, Timestamptz, Timestamptz, Nullable<Timestamptz>, Bool),
    "SELECT kid, created_at, signs_from, retired_at, rotation_requested FROM signing_keys WHERE withdrawn_at IS NULL AND (retired_at IS NULL OR retired_at > now() - $) ORDER BY created_at DESC, kid DESC"
}

statement! {
    /// Asks for a successor of the keys that sign, unless there is one already.
    RequestRotation {} -> (),
    "UPDATE signing_keys SET rotation_requested = true WHERE withdrawn_at IS NULL AND retired_at IS NULL AND signs_from <= now()"
}

statement! {
    /// Withdraws a key for good.
    Withdraw { kid: Text = String } -> (),
    "UPDATE signing_keys SET withdrawn_at = now(), retired_at = least(retired_at, now()) WHERE kid = $ AND withdrawn_at IS NULL"
}

/// A key.
#[derive(Debug, Clone, Queryable)]
pub(crate) struct SigningKeyRow {
    /// Its id.
    pub(crate) kid: String,
    /// Ed25519, base64url.
    pub(crate) public_key: String,
    /// Whether an instance that has its secret may sign with it.
    pub(crate) signs: bool,
    /// Whether it will sign later.
    pub(crate) announced: bool,
    /// Whether an operator wants another key in its place.
    pub(crate) rotation_requested: bool,
}

/// A key as an operator sees it.
#[derive(Debug, Clone, Queryable)]
pub(crate) struct ListedKeyRow {
    /// Its id.
    pub(crate) kid: String,
    /// When it was made.
    pub(crate) created_at: DateTime<Utc>,
    /// When it begins, or began, to sign.
    pub(crate) signs_from: DateTime<Utc>,
    /// When another takes, or took, its place.
    pub(crate) retired_at: Option<DateTime<Utc>>,
    /// Whether an operator wants another key in its place.
    pub(crate) rotation_requested: bool,
}

/// Lets instances that start at once make one first key, not one each. Held until the end of the
/// transaction; the number is arbitrary but fixed.
///
/// # Errors
/// Those of the database.
pub(crate) async fn lock(connection: &mut AsyncPgConnection) -> QueryResult<()> {
    Lock {}.execute(connection).await.map(drop)
}

/// The keys whose tokens are still good, newest first.
///
/// A retired key may sign for 2 minutes more, so that instances which still have its secret need not
/// make another one at once while a new secret is rolled out. It verifies for 18 minutes: these two,
/// the 15 that an access token lives, and one for clocks that differ.
///
/// # Errors
/// Those of the database.
pub(crate) async fn trusted(connection: &mut AsyncPgConnection) -> QueryResult<Vec<SigningKeyRow>> {
    Trusted { after_retirement: interval(TRUSTED_AFTER_RETIREMENT) }.load(connection).await
}

/// Adds a key that signs at once, and retires all others: they had another secret, which may be known to somebody.
///
/// # Errors
/// Those of the database.
pub(crate) async fn succeed(
    connection: &mut AsyncPgConnection,
    kid: &str,
    public_key: &str,
) -> QueryResult<()> {
    diesel::update(signing_keys::table.filter(signing_keys::retired_at.is_null()))
        .set((signing_keys::retired_at.eq(now), signing_keys::rotation_requested.eq(false)))
        .execute(connection)
        .await?;
    diesel::insert_into(signing_keys::table)
        .values((signing_keys::kid.eq(kid), signing_keys::public_key.eq(public_key)))
        .execute(connection)
        .await
        .map(drop)
}

/// Publishes a key that signs in a minute, in the place of all others.
///
/// # Errors
/// Those of the database.
pub(crate) async fn announce(
    connection: &mut AsyncPgConnection,
    kid: &str,
    public_key: &str,
) -> QueryResult<()> {
    Announce { kid: kid.to_owned(), public_key: public_key.to_owned() }.execute(connection).await?;
    RetireBefore { kid: kid.to_owned() }.execute(connection).await.map(drop)
}

/// Has an announced key sign from now on.
///
/// # Errors
/// Those of the database.
pub(crate) async fn promote(connection: &mut AsyncPgConnection, kid: &str) -> QueryResult<()> {
    let key = diesel::update(signing_keys::table.find(kid));
    key.set(signing_keys::signs_from.eq(now)).execute(connection).await?;
    RetireBefore { kid: kid.to_owned() }.execute(connection).await.map(drop)
}

/// The trusted keys for an operator, newest first.
///
/// # Errors
/// Those of the database.
pub(crate) async fn listed(connection: &mut AsyncPgConnection) -> QueryResult<Vec<ListedKeyRow>> {
    Listed { after_retirement: interval(TRUSTED_AFTER_RETIREMENT) }.load(connection).await
}

/// Asks for another key; returns whether there is one to be replaced that is not being replaced already.
///
/// # Errors
/// Those of the database.
pub(crate) async fn request_rotation(connection: &mut AsyncPgConnection) -> QueryResult<bool> {
    RequestRotation {}.execute(connection).await.map(|keys| keys > 0)
}

/// Withdraws a key for good; returns whether it was there.
///
/// # Errors
/// Those of the database.
pub(crate) async fn withdraw(connection: &mut AsyncPgConnection, kid: &str) -> QueryResult<bool> {
    Withdraw { kid: kid.to_owned() }.execute(connection).await.map(|keys| keys > 0)
}
