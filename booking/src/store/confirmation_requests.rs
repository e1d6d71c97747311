//! When confirmations were asked for again, as all instances count it.

use diesel::{
    OptionalExtension, QueryResult,
    sql_types::{BigInt, Double, Integer, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{ids::BookingId, statement};
use std::time::Duration;
use uuid::Uuid;

/// How long a request counts.
pub(crate) const WINDOW: Duration = Duration::from_secs(3600);

statement! {
    /// Counts a request, unless there were too many. The row's lock has two requests wait for each other.
    Count {
        booking: SqlUuid = Uuid,
        keep: Double = f64,
        count: Double = f64,
        most: Integer = i32,
    } -> (Integer,),
    "INSERT INTO confirmation_requests AS r (booking_id, requested_at) VALUES ($, ARRAY[clock_timestamp()])
        ON CONFLICT (booking_id) DO UPDATE SET requested_at = ARRAY(
            SELECT at FROM unnest(r.requested_at) AS at WHERE at > clock_timestamp() - make_interval(secs => $) ORDER BY at
        ) || excluded.requested_at
        WHERE (SELECT count(*) FROM unnest(r.requested_at) AS at WHERE at > clock_timestamp() - make_interval(secs => $)) < $
        RETURNING cardinality(r.requested_at)"
}

statement! {
    /// Seconds until the first request counts no more.
    Reset { window: Double = f64, booking: SqlUuid = Uuid } -> (Double,),
    "SELECT extract(epoch FROM min(at) + make_interval(secs => $) - clock_timestamp())::float8
        FROM confirmation_requests, unnest(requested_at) AS at WHERE booking_id = $ HAVING count(*) > 0"
}

statement! {
    /// Deletes bookings of which no request counts any more.
    Clean { window: Double = f64, limit: BigInt = i64 } -> (),
    "WITH old AS MATERIALIZED (
        SELECT booking_id FROM confirmation_requests
        WHERE requested_at[cardinality(requested_at)] < clock_timestamp() - make_interval(secs => $)
        LIMIT $ FOR UPDATE SKIP LOCKED
    ) DELETE FROM confirmation_requests r USING old WHERE r.booking_id = old.booking_id"
}

/// Whether a confirmation may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestCount {
    /// The request is counted.
    Counted,
    /// There were as many as there may be. After this time there may be another.
    TooMany(Duration),
}

/// Counts a request for the confirmation of a booking, unless there were `most` of them in the window.
pub(crate) async fn count(
    connection: &AsyncPgConnection,
    booking: BookingId,
    most: i32,
) -> QueryResult<RequestCount> {
    let window = WINDOW.as_secs_f64();
    let query = Count { booking: booking.0, keep: window, count: window, most };
    let counted: Option<(i32,)> = query.get_result(&mut &*connection).await.optional()?;
    if counted.is_some() {
        return Ok(RequestCount::Counted);
    }
    let reset = Reset { window, booking: booking.0 };
    let left: Option<(f64,)> = reset.get_result(&mut &*connection).await.optional()?;
    let left = left.and_then(|(seconds,)| Duration::try_from_secs_f64(seconds).ok());
    Ok(RequestCount::TooMany(left.unwrap_or_default()))
}

/// Deletes bookings of which no request counts any more, `limit` at most; gives how many.
pub(crate) async fn clean(connection: &AsyncPgConnection, limit: i64) -> QueryResult<usize> {
    Clean { window: WINDOW.as_secs_f64(), limit }.execute(&mut &*connection).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MIGRATIONS;
    use testkit::TestDatabase;

    #[actix::test]
    async fn a_request_counts_for_an_hour() {
        let database = TestDatabase::of("booking", MIGRATIONS).await;
        let connection = database.config("booking").connect().await.unwrap();
        let (booking, other) = (BookingId::new(), BookingId::new());
        let ask = async |booking| count(&connection, booking, 2).await.unwrap();
        let pass = async |minutes: i32| {
            let later = format!(
                "UPDATE confirmation_requests SET requested_at = ARRAY(SELECT at - interval '{minutes} minutes' FROM unnest(requested_at) AS at)"
            );
            diesel::sql_query(later).execute(&mut &connection).await.unwrap();
        };
        assert_eq!(ask(booking).await, RequestCount::Counted);
        pass(20).await;
        assert_eq!(ask(booking).await, RequestCount::Counted);
        let RequestCount::TooMany(left) = ask(booking).await else { panic!("a third request was counted") };
        assert_eq!(left.as_secs() / 60, 39, "the first one ends in 40 minutes");
        assert_eq!(ask(other).await, RequestCount::Counted);
        pass(41).await;
        assert_eq!(ask(booking).await, RequestCount::Counted, "the first one counts no more");
        assert_eq!(clean(&connection, 10).await, Ok(0));
        pass(60).await;
        assert_eq!((clean(&connection, 1).await, clean(&connection, 10).await), (Ok(1), Ok(1)));
    }
}
