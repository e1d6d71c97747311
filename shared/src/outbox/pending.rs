//! The relay's queries.

use super::schema::outbox;
use crate::{
    db::{DatabaseConfig, Plans},
    events::{Event, EventType, Json, UndecodableEvent},
    ids::EventId,
    statement,
};
use chrono::{DateTime, Utc};
use diesel::{
    dsl::sql,
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
pub(super) struct Backlog {
    /// Rows that wait, counted up to [`COUNTED`].
    pub(super) pending: i64,
    /// The age of the oldest, seconds by the database's clock.
    pub(super) lag: f64,
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

/// Tries to become the one active relay of this schema, for as long as the connection lives. The
/// number is arbitrary but fixed.
pub(super) async fn try_lock(connection: &mut AsyncPgConnection) -> QueryResult<bool> {
    let lock = sql::<Bool>("pg_try_advisory_lock(4712, hashtext(current_schema()))");
    diesel::select(lock).get_result(connection).await
}

/// Lets another relay of this schema become active at once.
pub(super) async fn unlock(connection: &mut AsyncPgConnection) -> QueryResult<()> {
    diesel::sql_query("SELECT pg_advisory_unlock_all()").execute(connection).await.map(drop)
}

type Row = (i64, Uuid, String, String, i64, DateTime<Utc>, Option<String>, String);

statement! {
    /// The lowest rows of the outbox but some, with their events.
    Lowest {
        but: Array<BigInt> = Vec<i64>,
        limit: BigInt = i64,
    } -> (BigInt, SqlUuid, Text, Text, BigInt, Timestamptz, Nullable<Text>, Text),
    "SELECT seq, e.* FROM outbox CROSS JOIN LATERAL (
        SELECT id, kind, subject, version, time, traceparent, data FROM events WHERE id = event_id OFFSET 0
    ) AS e WHERE seq <> ALL($) ORDER BY seq LIMIT $"
}

/// The lowest rows of the outbox but these, in order.
///
/// Always from the lowest: numbers are drawn at the insert and become visible at the commit, so a
/// lower one may appear after a higher one. (Those of one aggregate appear in order: their writers
/// hold its row lock.)
pub(super) async fn read(
    connection: &mut AsyncPgConnection,
    source: &str,
    but: &[i64],
    limit: usize,
) -> QueryResult<Vec<OutboxRow>> {
    let query = Lowest { but: but.to_vec(), limit: i64::try_from(limit).unwrap_or(i64::MAX) };
    let rows: Vec<Row> = query.load(connection).await?;
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

/// Takes confirmed rows out of the outbox; the events stay.
pub(super) async fn delete(connection: &mut AsyncPgConnection, seqs: &[i64]) -> QueryResult<()> {
    diesel::delete(outbox::table.filter(outbox::seq.eq_any(seqs))).execute(connection).await.map(drop)
}

/// Whether nothing is pending.
pub(super) async fn is_empty(connection: &mut AsyncPgConnection) -> QueryResult<bool> {
    let first: Option<i64> = outbox::table.select(outbox::seq).first(connection).await.optional()?;
    Ok(first.is_none())
}

#[derive(QueryableByName)]
struct BacklogRow {
    #[diesel(sql_type = BigInt)]
    pending: i64,
    #[diesel(sql_type = Double)]
    lag: f64,
}

/// Measures the backlog.
pub(super) async fn backlog(connection: &mut AsyncPgConnection) -> QueryResult<Backlog> {
    let query = format!(
        "SELECT (SELECT count(*) FROM (SELECT FROM outbox LIMIT {COUNTED}) AS counted) AS pending, \
         coalesce((SELECT extract(epoch FROM clock_timestamp() - time)::float8 \
          FROM events WHERE id = (SELECT event_id FROM outbox ORDER BY seq LIMIT 1)), 0) AS lag"
    );
    let row: BacklogRow = diesel::sql_query(query).get_result(connection).await?;
    Ok(Backlog { pending: row.pending, lag: row.lag.max(0.0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        db::{DatabaseConfig, Plans, SHARED_MIGRATIONS},
        outbox,
    };
    use diesel_async::AsyncConnection;
    use serde_json::json;
    use testkit::TestDatabase;

    async fn append(connection: &mut AsyncPgConnection, count: i64) {
        let event = |version| Event::new("booking", EventType::SeatsChanged, "a", version, &json!({}));
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
        let config = DatabaseConfig {
            url: database.superuser_url().into(),
            schema: "booking".to_owned(),
            pool_size: 1,
            plans: Plans::default(),
        };
        let mut connection = connect(&config).await.unwrap();
        // The server knows that the tables are empty when it makes its plans.
        diesel::sql_query("ANALYZE").execute(&mut connection).await.unwrap();
        // What is counted is given up now and then, but not within a transaction.
        connection.begin_test_transaction().await.unwrap();
        assert!(read(&mut connection, "booking", &[], 100).await.unwrap().is_empty());
        append(&mut connection, 500).await;
        let before = looked_at(&mut connection).await;
        assert_eq!(read(&mut connection, "booking", &[], 100).await.unwrap().len(), 100);
        backlog(&mut connection).await.unwrap();
        let looked_at = looked_at(&mut connection).await - before;
        assert!((200..1000).contains(&looked_at), "a place and an event each, all places once: {looked_at}");
    }
}
