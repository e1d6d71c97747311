//! Letters that accounts have caused to addresses other than their own, as all instances count them.

use diesel::{
    OptionalExtension, QueryResult,
    sql_types::{BigInt, Double, Integer, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{ids::UserId, statement};
use std::time::Duration;
use uuid::Uuid;

/// How long a letter counts.
pub(crate) const WINDOW: Duration = Duration::from_secs(3600);

statement! {
    /// Counts letters of an account, unless they would be too many. The row's lock has two requests wait for each
    /// other.
    Take {
        account: SqlUuid = Uuid,
        letters: Integer = i32,
        keep: Double = f64,
        count: Double = f64,
        wanted: Integer = i32,
        most: Integer = i32,
    } -> (Integer,),
    "INSERT INTO letters_caused AS l (account_id, caused_at)
        VALUES ($, array_fill(clock_timestamp(), ARRAY[$]))
        ON CONFLICT (account_id) DO UPDATE SET caused_at = ARRAY(
            SELECT at FROM unnest(l.caused_at) AS at WHERE at > clock_timestamp() - make_interval(secs => $) ORDER BY at
        ) || excluded.caused_at
        WHERE (SELECT count(*) FROM unnest(l.caused_at) AS at WHERE at > clock_timestamp() - make_interval(secs => $)) + $ <= $
        RETURNING cardinality(l.caused_at)"
}

statement! {
    /// Takes the last letters of an account back.
    GiveBack { letters: Integer = i32, account: SqlUuid = Uuid } -> (),
    "UPDATE letters_caused SET caused_at = caused_at[1:GREATEST(cardinality(caused_at) - $, 0)] WHERE account_id = $"
}

statement! {
    /// Seconds until the first letter of an account counts no more.
    Reset { window: Double = f64, account: SqlUuid = Uuid } -> (Double,),
    "SELECT extract(epoch FROM left_after)::float8 FROM letters_caused, unnest(caused_at) AS at, LATERAL (SELECT at + make_interval(secs => $) - clock_timestamp() AS left_after OFFSET 0) AS l WHERE account_id = $ AND left_after > interval '0' ORDER BY at LIMIT 1"
}

statement! {
    /// Deletes accounts of which no letter counts any more.
    Clean { window: Double = f64, limit: BigInt = i64 } -> (),
    "WITH old AS MATERIALIZED (
        SELECT account_id FROM letters_caused
        WHERE cardinality(caused_at) = 0 OR caused_at[cardinality(caused_at)] < clock_timestamp() - make_interval(secs => $)
        LIMIT $ FOR UPDATE SKIP LOCKED
    ) DELETE FROM letters_caused l USING old WHERE l.account_id = old.account_id"
}

/// Whether letters may be caused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// They are counted.
    Counted,
    /// They would be too many. After this time there may be more.
    TooMany(Duration),
}

/// Counts `letters` of an account, unless it would have caused more than `most` in the window with them.
pub(crate) async fn take(
    connection: &AsyncPgConnection,
    account: UserId,
    (letters, most): (i32, i32),
) -> QueryResult<Taken> {
    let window = WINDOW.as_secs_f64();
    let query = Take { account: account.0, letters, keep: window, count: window, wanted: letters, most };
    let taken: Option<(i32,)> = query.get_result(&mut &*connection).await.optional()?;
    if taken.is_some() {
        return Ok(Taken::Counted);
    }
    let left: Option<(f64,)> =
        Reset { window, account: account.0 }.get_result(&mut &*connection).await.optional()?;
    let left = left.and_then(|(seconds,)| Duration::try_from_secs_f64(seconds).ok());
    Ok(Taken::TooMany(left.unwrap_or_default()))
}

/// Takes the last `letters` of an account back: nothing came of them.
pub(crate) async fn give_back(
    connection: &AsyncPgConnection,
    account: UserId,
    letters: i32,
) -> QueryResult<()> {
    GiveBack { letters, account: account.0 }.execute(&mut &*connection).await.map(drop)
}

/// Deletes accounts of which no letter counts any more, `limit` at most; gives how many.
pub(crate) async fn clean(connection: &AsyncPgConnection, limit: i64) -> QueryResult<usize> {
    Clean { window: WINDOW.as_secs_f64(), limit }.execute(&mut &*connection).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MIGRATIONS;
    use testkit::TestDatabase;

    #[actix::test]
    async fn letters_count_for_an_hour_each() {
        let database = TestDatabase::of("booking", MIGRATIONS).await;
        let connection = database.config("booking").connect().await.unwrap();
        let (account, other) = (UserId::new(), UserId::new());
        let take = async |account, letters| take(&connection, account, (letters, 5)).await.unwrap();
        let pass = async |minutes: i32| {
            let later = format!(
                "UPDATE letters_caused SET caused_at = ARRAY(SELECT at - interval '{minutes} minutes' FROM unnest(caused_at) AS at)"
            );
            diesel::sql_query(later).execute(&mut &connection).await.unwrap();
        };
        let is_full = |taken| match taken {
            Taken::TooMany(left) => Some(left.as_secs() / 60),
            Taken::Counted => None,
        };
        assert_eq!(take(account, 2).await, Taken::Counted);
        pass(20).await;
        assert_eq!(take(account, 2).await, Taken::Counted);
        assert_eq!(
            is_full(take(account, 2).await),
            Some(39),
            "four of five, and the first two end in 40 minutes"
        );
        assert_eq!(take(account, 1).await, Taken::Counted);
        assert!(is_full(take(account, 1).await).is_some());
        assert_eq!(take(other, 5).await, Taken::Counted);
        give_back(&connection, account, 1).await.unwrap();
        assert_eq!(take(account, 1).await, Taken::Counted);
        pass(41).await;
        assert_eq!(take(account, 2).await, Taken::Counted, "the first two count no more");
        assert!(is_full(take(account, 1).await).is_some());
        assert_eq!(clean(&connection, 10).await, Ok(0));
        pass(60).await;
        assert_eq!((clean(&connection, 1).await, clean(&connection, 10).await), (Ok(1), Ok(1)));
        assert_eq!(take(account, 5).await, Taken::Counted);
        give_back(&connection, account, 9).await.unwrap();
        assert_eq!(take(account, 5).await, Taken::Counted, "more is never given back than was counted");
    }
}
