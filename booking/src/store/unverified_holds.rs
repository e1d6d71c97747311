//! Seats that unverified accounts hold, and the locks under which they are counted.
//!
//! Claims on different flights share no lock, so the accounts themselves are locked, by PostgreSQL's advisory locks of
//! the transaction. This module is their only user in booking.

use booking_engine::ledger::rows::UnverifiedHold;
use diesel::{
    QueryResult,
    sql_types::{Array, BigInt, SmallInt, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{ids::UserId, statement};
use std::collections::HashMap;
use uuid::Uuid;

statement! {
    /// Locks accounts until the end of the transaction, in the order of the keys.
    Lock { keys: Array<BigInt> = Vec<i64> } -> (),
    "SELECT pg_advisory_xact_lock(key) FROM unnest($) AS key"
}

statement! {
    /// Counts the seats that accounts hold, and deletes the rows that count no more.
    Count { owners: Array<SqlUuid> = Vec<Uuid> } -> (SqlUuid, BigInt),
    "WITH known AS MATERIALIZED (
        SELECT h.*, b.status = 0 AND (b.payment_status = 1 OR b.hold_expires_at > clock_timestamp()) AS counts
        FROM unnest($) AS o
        CROSS JOIN LATERAL (SELECT owner_id, booking_id, seats FROM unverified_holds WHERE owner_id = o OFFSET 0) AS h
        CROSS JOIN LATERAL (SELECT status, payment_status, hold_expires_at FROM bookings WHERE id = h.booking_id OFFSET 0) AS b
    ), gone AS (
        DELETE FROM unverified_holds h USING known k
        WHERE NOT k.counts AND h.owner_id = k.owner_id AND h.booking_id = k.booking_id
    )
    SELECT owner_id, sum(seats) FROM known WHERE counts GROUP BY owner_id"
}

statement! {
    /// Adds holds.
    Insert {
        owners: Array<SqlUuid> = Vec<Uuid>,
        bookings: Array<SqlUuid> = Vec<Uuid>,
        seats: Array<SmallInt> = Vec<i16>,
    } -> (),
    "INSERT INTO unverified_holds (owner_id, booking_id, seats) SELECT * FROM unnest($, $, $)"
}

statement! {
    /// Deletes rows that count no more, of accounts without new holds.
    Clean { limit: BigInt = i64 } -> (),
    "WITH gone AS MATERIALIZED (
        SELECT h.owner_id, h.booking_id FROM unverified_holds h JOIN bookings b ON b.id = h.booking_id
        WHERE b.status <> 0 OR (b.payment_status <> 1 AND b.hold_expires_at <= clock_timestamp())
        LIMIT $ FOR UPDATE OF h SKIP LOCKED
    ) DELETE FROM unverified_holds h USING gone g WHERE h.owner_id = g.owner_id AND h.booking_id = g.booking_id"
}

/// The key of an account's lock. Two accounts with one key only wait for each other.
fn key(owner: UserId) -> i64 {
    let (_, low) = owner.0.as_u64_pair();
    low.cast_signed()
}

/// Locks accounts until the end of the transaction, after its flights.
pub(crate) async fn lock(connection: &AsyncPgConnection, owners: &[UserId]) -> QueryResult<()> {
    if owners.is_empty() {
        return Ok(());
    }
    let mut keys: Vec<i64> = owners.iter().copied().map(key).collect();
    // All lock in this order, so that no two wait for each other.
    keys.sort_unstable();
    keys.dedup();
    Lock { keys }.execute(&mut &*connection).await.map(drop)
}

/// The seats that accounts hold, each account once. They must be locked.
pub(crate) async fn count(
    connection: &AsyncPgConnection,
    owners: &[UserId],
) -> QueryResult<HashMap<UserId, i64>> {
    if owners.is_empty() {
        return Ok(HashMap::new());
    }
    let owners = owners.iter().map(|owner| owner.0).collect();
    let rows: Vec<(Uuid, i64)> = Count { owners }.load(&mut &*connection).await?;
    Ok(rows.into_iter().map(|(owner, seats)| (UserId(owner), seats)).collect())
}

/// Adds holds.
pub(crate) async fn insert(connection: &AsyncPgConnection, holds: &[UnverifiedHold]) -> QueryResult<()> {
    if holds.is_empty() {
        return Ok(());
    }
    let query = Insert {
        owners: holds.iter().map(|hold| hold.owner.0).collect(),
        bookings: holds.iter().map(|hold| hold.booking.0).collect(),
        seats: holds.iter().map(|hold| hold.seats).collect(),
    };
    query.execute(&mut &*connection).await.map(drop)
}

/// Deletes rows that count no more, `limit` at most; gives how many.
pub(crate) async fn clean(connection: &AsyncPgConnection, limit: i64) -> QueryResult<usize> {
    Clean { limit }.execute(&mut &*connection).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MIGRATIONS, store::new_bookings};
    use booking_engine::samples;
    use shared::{db::Plans, ids::FlightId};
    use testkit::TestDatabase;

    #[actix::test]
    async fn holds_count_until_they_have_ended_and_are_cleaned_away_then() {
        let database = TestDatabase::of("booking", MIGRATIONS).await;
        let connection = database.config("booking").planned(Plans::ByKeys).connect().await.unwrap();
        let owner = UserId::new();
        let mut bookings = Vec::new();
        for seats in 1..=4 {
            let mut booking = samples::booking(FlightId::new(), &["4A"]);
            booking.owner_id = owner;
            let hold = UnverifiedHold { owner, booking: booking.id, seats };
            insert(&connection, &[hold]).await.unwrap();
            bookings.push(booking);
        }
        let new = new_bookings::New { bookings: &bookings, taken: &[], entered: &[], payments: &[] };
        new_bookings::insert(&connection, new).await.unwrap();
        let set = async |booking: usize, column: &str| {
            let id = bookings[booking].id;
            let query = format!("UPDATE bookings SET {column} WHERE id = '{id}'");
            diesel::sql_query(query).execute(&mut &connection).await.unwrap();
        };
        let counted = async || count(&connection, &[owner, UserId::new()]).await.unwrap();
        set(0, "hold_expires_at = now() + interval '1 minute'").await;
        set(1, "status = 1, hold_expires_at = now() + interval '1 minute'").await;
        set(2, "payment_status = 1, hold_expires_at = now() - interval '1 minute'").await;
        set(3, "hold_expires_at = now() - interval '1 minute'").await;
        assert_eq!(clean(&connection, 1).await, Ok(1), "as many at most");
        assert_eq!(
            counted().await,
            HashMap::from([(owner, 1 + 3)]),
            "of the hold, and of the one being paid"
        );
        assert_eq!(clean(&connection, 10).await, Ok(0), "counting has deleted the other one");
        set(0, "status = 2").await;
        assert_eq!(clean(&connection, 10).await, Ok(1));
        assert_eq!(counted().await, HashMap::from([(owner, 3)]));
    }
}
