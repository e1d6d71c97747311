//! Writing events, in the transaction of the change that they tell of.

use super::lane::Lane;
use crate::events::Event;
use chrono::{DateTime, Utc};
use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

/// Events and their places in the outbox in one statement, prepared once per connection whatever the
/// number of events. (Only the ids are unnested: what `unnest` gives of a column the server keeps in a store
/// of its own.)
struct Append<'a> {
    ids: Vec<Uuid>,
    kinds: Vec<&'a str>,
    subjects: Vec<&'a str>,
    versions: Vec<i64>,
    times: Vec<DateTime<Utc>>,
    traces: Vec<Option<&'a str>>,
    data: Vec<&'a str>,
    /// What their [lanes](Lane) add to their places.
    offsets: Vec<i64>,
}

/// Tells the statement from others in the cache of prepared ones.
struct AppendId;

impl QueryId for Append<'_> {
    type QueryId = AppendId;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Pg> for Append<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "WITH appended AS (INSERT INTO events (id, kind, subject, version, time, traceparent, data) \
             SELECT id, ",
        );
        out.push_bind_param::<Array<Text>, _>(&self.kinds)?;
        out.push_sql("[i], ");
        out.push_bind_param::<Array<Text>, _>(&self.subjects)?;
        out.push_sql("[i], ");
        out.push_bind_param::<Array<BigInt>, _>(&self.versions)?;
        out.push_sql("[i], ");
        out.push_bind_param::<Array<Timestamptz>, _>(&self.times)?;
        out.push_sql("[i], ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.traces)?;
        out.push_sql("[i], ");
        out.push_bind_param::<Array<Text>, _>(&self.data)?;
        out.push_sql("[i] FROM unnest(");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.ids)?;
        // The seventh value is the ids: `$7` is them once more.
        out.push_sql(
            ") WITH ORDINALITY AS new (id, i)) INSERT INTO outbox (seq, event_id) OVERRIDING SYSTEM VALUE \
             SELECT nextval('outbox_seq_seq') + lane, id FROM (SELECT id, ",
        );
        out.push_bind_param::<Array<BigInt>, _>(&self.offsets)?;
        out.push_sql("[i] AS lane FROM unnest($7) WITH ORDINALITY AS new (id, i) ORDER BY i) AS placed");
        Ok(())
    }
}

/// Writes events to be published, in this order, in the caller's transaction.
///
/// After the commit, [nudge](super::RelayHandle::nudge) the relay.
///
/// # Errors
/// Those of the database.
pub async fn append(connection: &AsyncPgConnection, batch: &[Event]) -> QueryResult<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let query = Append {
        ids: batch.iter().map(|event| event.id.0).collect(),
        kinds: batch.iter().map(|event| event.kind.as_str()).collect(),
        subjects: batch.iter().map(|event| event.subject.as_str()).collect(),
        versions: batch.iter().map(|event| event.version).collect(),
        times: batch.iter().map(|event| event.time).collect(),
        traces: batch.iter().map(|event| event.traceparent.as_deref()).collect(),
        data: batch.iter().map(|event| event.data.as_str()).collect(),
        offsets: batch.iter().map(|event| Lane::of(event.kind).offset()).collect(),
    };
    query.execute(&mut &*connection).await.map(drop)
}
