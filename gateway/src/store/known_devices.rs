//! The devices that users have logged in from.
//!
//! A device is known for 90 days after its last login. A user's latest device is kept for longer, because a user without
//! any has never logged in.

use super::schema::known_devices;
use crate::domain::known_device::KnownDevice;
use chrono::{DateTime, Utc};
use diesel::{
    ExpressionMethods, QueryDsl, QueryResult,
    sql_types::{BigInt, Bool, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{ids::UserId, statement};
use uuid::Uuid;

statement! {
    /// Whether one of the user's devices is of the network.
    KnowsNetwork { user: SqlUuid = Uuid, network: Text = String } -> Bool,
    "SELECT EXISTS (SELECT 1 FROM known_devices WHERE user_id = $ AND network = $ \
     AND last_at > clock_timestamp() - interval '90 days')"
}

statement! {
    /// Whether the device is known. A user without any device is surprised by none.
    IsKnown { user: SqlUuid = Uuid, network: Text = String, program: Text = String, any_of: SqlUuid = Uuid } -> Bool,
    "SELECT EXISTS (SELECT 1 FROM known_devices WHERE user_id = $ AND network = $ AND program = $ \
     AND last_at > clock_timestamp() - interval '90 days') \
     OR NOT EXISTS (SELECT 1 FROM known_devices WHERE user_id = $)"
}

statement! {
    /// Adds the device, or renews it.
    Remember { user: SqlUuid = Uuid, network: Text = String, program: Text = String } -> (),
    "INSERT INTO known_devices (user_id, network, program, last_at) VALUES ($, $, $, clock_timestamp()) \
     ON CONFLICT (user_id, network, program) DO UPDATE SET last_at = excluded.last_at"
}

statement! {
    /// The devices of a user.
    OfUser { user: SqlUuid = Uuid } -> (Text, Text, Timestamptz),
    "SELECT network, program, last_at FROM known_devices WHERE user_id = $ ORDER BY last_at DESC"
}

statement! {
    /// Deletes some devices that are known no more, but for each user's latest.
    DeleteExpired { limit: BigInt = i64 } -> (),
    "DELETE FROM known_devices WHERE (user_id, network, program) IN ( \
       SELECT user_id, network, program FROM known_devices d WHERE last_at < now() - interval '90 days' \
       AND EXISTS (SELECT 1 FROM known_devices n WHERE n.user_id = d.user_id AND n.last_at > d.last_at) LIMIT $)"
}

/// Whether a user has logged in from the device's network within 90 days. Without a user the answer is no, at the same
/// cost.
///
/// # Errors
/// Those of the database.
pub(crate) async fn knows_network(
    connection: &mut AsyncPgConnection,
    user: Option<UserId>,
    device: &KnownDevice,
) -> QueryResult<bool> {
    let user = user.map_or(Uuid::nil(), |user| user.0);
    KnowsNetwork { user, network: device.network.clone() }.get_result(connection).await
}

/// Whether a login from the device surprises nobody: the user has logged in from it within 90 days, or never before from
/// any device. Ask before [`remember`].
///
/// # Errors
/// Those of the database.
pub(crate) async fn is_known(
    connection: &mut AsyncPgConnection,
    user: UserId,
    device: &KnownDevice,
) -> QueryResult<bool> {
    let KnownDevice { network, program } = device.clone();
    IsKnown { user: user.0, network, program, any_of: user.0 }.get_result(connection).await
}

/// Remembers a device that a user has logged in from.
///
/// # Errors
/// Those of the database.
pub(crate) async fn remember(
    connection: &mut AsyncPgConnection,
    user: UserId,
    device: &KnownDevice,
) -> QueryResult<()> {
    let KnownDevice { network, program } = device.clone();
    Remember { user: user.0, network, program }.execute(connection).await.map(drop)
}

/// The devices of a user, the latest first: network, program, and the last login.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_user(
    connection: &mut AsyncPgConnection,
    user: UserId,
) -> QueryResult<Vec<(String, String, DateTime<Utc>)>> {
    OfUser { user: user.0 }.load(connection).await
}

/// Forgets the devices of a user.
///
/// # Errors
/// Those of the database.
pub(crate) async fn forget(connection: &mut AsyncPgConnection, user: UserId) -> QueryResult<()> {
    let devices = known_devices::table.filter(known_devices::user_id.eq(user.0));
    diesel::delete(devices).execute(connection).await.map(drop)
}

/// Deletes up to `limit` devices that are known no more; returns their number.
///
/// # Errors
/// Those of the database.
pub(crate) async fn delete_expired(connection: &mut AsyncPgConnection, limit: i64) -> QueryResult<usize> {
    DeleteExpired { limit }.execute(connection).await
}
