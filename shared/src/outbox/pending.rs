//! The relay's queries.

use super::lane::LANES;
use crate::{
    db::{DatabaseConfig, Plans},
    events::{Event, EventType, Json, UndecodableEvent},
    ids::EventId,
    statement,
};
use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Bool, Double, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

/// A row of the outbox with its event; an error where this release cannot read it.
pub(super) struct OutboxRow {
    pub(super) seq: i64,
    pub(super) event: Result<Event, UndecodableEvent>,
}

/// How far the broker is behind the database.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Backlog {
    /// Rows that wait, counted up to [`COUNTED`].
    pub(crate) pending: i64,
    /// The age of the oldest, seconds by the database's clock.
    pub(crate) lag: f64,
}

/// Beyond this a backlog is not counted exactly: counting it would cost more than it tells.
pub(super) const COUNTED: i64 = 10_000;

/// Opens a connection. The outbox is now empty, now full: no statistics fit. Commits do not wait for the disk: what
/// is deleted here and was not written when the server dies is published again, which consumers have to bear anyway.
pub(super) async fn connect(config: &DatabaseConfig) -> Result<AsyncPgConnection, ConnectionError> {
    let mut connection = config.planned(Plans::ByIndex).connect().await?;
    let set = diesel::sql_query("SET synchronous_commit = off").execute(&mut connection).await;
    set.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

statement! {
    /// Tries to take the lock of the active relay. The number is arbitrary but fixed.
    TryLock {} -> (Bool,),
    "SELECT pg_try_advisory_lock(4712, hashtext(current_schema()))"
}

/// Tries to become the one active relay of this schema, for as long as the connection lives.
pub(super) async fn try_lock(connection: &mut AsyncPgConnection) -> QueryResult<bool> {
    let (locked,) = TryLock {}.get_result(connection).await?;
    Ok(locked)
}

/// Lets another relay of this schema become active at once.
pub(super) async fn unlock(connection: &mut AsyncPgConnection) -> QueryResult<()> {
    diesel::sql_query("SELECT pg_advisory_unlock_all()").execute(connection).await.map(drop)
}

/// What to read of a lane.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LaneRead {
    /// Places that are known already.
    pub(super) but: Vec<i64>,
    /// Events at most; 0 reads nothing.
    pub(super) limit: usize,
}

/// What the relay asks of the outbox at once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TurnRequest {
    /// Confirmed places, to be taken out of the outbox. The events stay.
    pub(super) deleting: Vec<i64>,
    /// By lane. None of the places that are being deleted may be read.
    pub(super) lanes: [LaneRead; LANES],
}

type Row = (i64, Uuid, String, String, i64, DateTime<Utc>, Option<String>, String);

statement! {
    /// Deletes confirmed places, and reads the lowest ones of each lane with their events. (What is left out is looked
    /// up in a hash table: a comparison with each element of an array would take longer than the rest.)
    Turn {
        deleting: Array<BigInt> = Vec<i64>,
        seats_but: Array<BigInt> = Vec<i64>,
        seats_limit: BigInt = i64,
        general_but: Array<BigInt> = Vec<i64>,
        general_limit: BigInt = i64,
    } -> (BigInt, SqlUuid, Text, Text, BigInt, Timestamptz, Nullable<Text>, Text),
    "WITH gone AS (DELETE FROM outbox WHERE seq = ANY($)) SELECT n.seq, e.* FROM (
        (SELECT seq, event_id FROM outbox WHERE seq < 0 AND seq NOT IN (SELECT unnest($)) ORDER BY seq LIMIT $)
        UNION ALL
        (SELECT seq, event_id FROM outbox WHERE seq >= 0 AND seq NOT IN (SELECT unnest($)) ORDER BY seq LIMIT $)
    ) AS n CROSS JOIN LATERAL (
        SELECT id, kind, subject, version, time, traceparent, data FROM events WHERE id = n.event_id OFFSET 0
    ) AS e"
}

/// Deletes what is confirmed and reads what is next, in one statement: a transaction and a round trip less. Gives the
/// rows that were read, by place.
///
/// Always from the lowest place: numbers are drawn at the insert and become visible at the commit, so a lower one may
/// appear after a higher one. (Those of one aggregate appear in order: their writers hold its row lock.)
pub(super) async fn turn(
    connection: &mut AsyncPgConnection,
    source: &str,
    request: TurnRequest,
) -> QueryResult<Vec<OutboxRow>> {
    let limit = |limit| i64::try_from(limit).unwrap_or(i64::MAX);
    let [seats, general] = request.lanes;
    let query = Turn {
        deleting: request.deleting,
        seats_but: seats.but,
        seats_limit: limit(seats.limit),
        general_but: general.but,
        general_limit: limit(general.limit),
    };
    let mut rows: Vec<Row> = query.load(connection).await?;
    rows.sort_unstable_by_key(|(seq, ..)| *seq);
    let pending = |(seq, id, kind, subject, version, time, traceparent, data): Row| {
        let event = || {
            let kind: EventType = kind.parse()?;
            let data = Json::stored(data);
            let source = source.to_owned();
            Ok(Event { id: EventId(id), kind, subject, version, time, source, traceparent, data })
        };
        OutboxRow { seq, event: event() }
    };
    Ok(rows.into_iter().map(pending).collect())
}

statement! {
    /// Whether anything is pending.
    AnyPending {} -> (Bool,),
    "SELECT EXISTS (SELECT FROM outbox)"
}

/// Whether nothing is pending.
pub(super) async fn is_empty(connection: &mut AsyncPgConnection) -> QueryResult<bool> {
    let (pending,): (bool,) = AnyPending {}.get_result(connection).await?;
    Ok(!pending)
}

statement! {
    /// How much is pending, up to a number, and the age of the oldest: each lane has its oldest in its lowest place.
    Measure { counted: BigInt = i64 } -> (BigInt, Double),
    "SELECT (SELECT count(*) FROM (SELECT FROM outbox LIMIT $) AS counted), coalesce((SELECT max(extract(epoch FROM clock_timestamp() - time))::float8 FROM events WHERE id IN (
        (SELECT event_id FROM outbox WHERE seq < 0 ORDER BY seq LIMIT 1),
        (SELECT event_id FROM outbox WHERE seq >= 0 ORDER BY seq LIMIT 1)
    )), 0)"
}

/// Measures the backlog.
pub(crate) async fn backlog(connection: &mut AsyncPgConnection) -> QueryResult<Backlog> {
    let (pending, lag): (i64, f64) = Measure { counted: COUNTED }.get_result(connection).await?;
    Ok(Backlog { pending, lag: lag.max(0.0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        db::{DatabaseConfig, Plans, SHARED_MIGRATIONS},
        outbox,
    };
    use diesel::dsl::sql;
    use diesel_async::AsyncConnection;
    use serde_json::json;
    use testkit::TestDatabase;

    /// The relay's connection. (The configuration that the database gives is of another copy of this crate.)
    async fn open(database: &TestDatabase) -> AsyncPgConnection {
        let url = database.superuser_url().into();
        let (schema, plans) = ("booking".to_owned(), Plans::default());
        connect(&DatabaseConfig { url, schema, pool_size: 1, plans }).await.unwrap()
    }

    async fn append(connection: &mut AsyncPgConnection, kind: EventType, count: i64) {
        let event = |version| Event::new("booking", kind, "a", version, &json!({}));
        let events: Vec<_> = (0..count).map(event).collect();
        outbox::append(connection, &events).await.unwrap();
    }

    /// Entries of indexes that this connection has looked at.
    async fn looked_at(connection: &mut AsyncPgConnection) -> i64 {
        let entries = "(SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid))::bigint FROM pg_index \
                       WHERE indrelid IN ('outbox'::regclass, 'events'::regclass))";
        diesel::select(sql::<BigInt>(entries)).first(connection).await.unwrap()
    }

    #[tokio::test]
    async fn of_other_events_nothing_is_read() {
        let database = TestDatabase::of("booking", SHARED_MIGRATIONS).await;
        let mut connection = open(&database).await;
        // The server knows that the tables are empty when it makes its plans.
        diesel::sql_query("ANALYZE").execute(&mut connection).await.unwrap();
        // What is counted is given up now and then, but not within a transaction.
        connection.begin_test_transaction().await.unwrap();
        let first = |limit| {
            let lane = || LaneRead { but: Vec::new(), limit };
            TurnRequest { deleting: Vec::new(), lanes: [lane(), lane()] }
        };
        assert!(turn(&mut connection, "booking", first(100)).await.unwrap().is_empty());
        append(&mut connection, EventType::BookingHeld, 500).await;
        append(&mut connection, EventType::SeatsChanged, 5).await;
        let before = looked_at(&mut connection).await;
        let rows = turn(&mut connection, "booking", first(100)).await.unwrap();
        let kinds: Vec<_> = rows.iter().map(|row| row.event.as_ref().unwrap().kind).collect();
        assert_eq!(kinds, [[EventType::SeatsChanged; 5].as_slice(), &[EventType::BookingHeld; 100]].concat());
        let measured = backlog(&mut connection).await.unwrap();
        assert_eq!(measured.pending, 505);
        let looked_at = looked_at(&mut connection).await - before;
        assert!((200..1000).contains(&looked_at), "a place and an event each, all places once: {looked_at}");
    }

    #[tokio::test]
    async fn a_turn_deletes_and_reads_the_lowest_places_of_each_lane() {
        let database = TestDatabase::of("booking", SHARED_MIGRATIONS).await;
        let mut connection = open(&database).await;
        for kind in [EventType::BookingHeld, EventType::SeatsChanged, EventType::BookingHeld] {
            append(&mut connection, kind, 2).await;
        }
        let lanes = |limit| [(); LANES].map(|()| LaneRead { but: Vec::new(), limit });
        let all = TurnRequest { deleting: Vec::new(), lanes: lanes(9) };
        let rows = turn(&mut connection, "booking", all).await.unwrap();
        let versions: Vec<_> = rows.iter().map(|row| row.event.as_ref().unwrap().version).collect();
        assert_eq!(versions, [0, 1, 0, 1, 0, 1], "each lane in its order");
        let places: Vec<_> = rows.iter().map(|row| row.seq).collect();
        assert!(places.is_sorted() && places[1] < 0 && places[2] > 0, "{places:?}");

        let mut request = TurnRequest { deleting: vec![places[1], places[3]], lanes: lanes(1) };
        request.lanes[0].but = vec![places[1]];
        request.lanes[1].but = vec![places[2], places[3]];
        let next = turn(&mut connection, "booking", request).await.unwrap();
        assert_eq!(next.iter().map(|row| row.seq).collect::<Vec<_>>(), [places[0], places[4]]);
        let rest = TurnRequest { deleting: vec![places[0]], lanes: lanes(9) };
        turn(&mut connection, "booking", rest).await.unwrap();
        let left = turn(&mut connection, "booking", TurnRequest { deleting: vec![], lanes: lanes(9) }).await;
        let left: Vec<_> = left.unwrap().iter().map(|row| row.seq).collect();
        assert_eq!(left, [places[2], places[4], places[5]]);
        assert!(!is_empty(&mut connection).await.unwrap());
    }
}
