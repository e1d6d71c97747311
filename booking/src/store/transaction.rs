//! Transactions whose ends travel with other statements: on a busy machine each wait for an answer costs
//! more than the statement itself.
//!
//! Statements are sent in the order in which their futures are first polled, even if they have to be prepared first (a
//! later one waits for the same lock). So no statement of a transaction runs before its beginning or after its end.

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join;
use shared::{events::Event, outbox, statement};

statement! {
    /// Begins.
    Begin {} -> (),
    "BEGIN"
}

statement! {
    /// Has the server replan all statements at their next use.
    Replan {} -> (),
    "DISCARD PLANS"
}

statement! {
    /// Commits. In a transaction in which a statement has failed the server rolls back instead.
    Commit {} -> (),
    "COMMIT"
}

/// Has the server replan this connection's statements, if `wanted`; to be polled before [`begin`].
pub(crate) async fn replan(connection: &AsyncPgConnection, wanted: bool) -> QueryResult<()> {
    match wanted {
        true => Replan {}.execute(&mut &*connection).await.map(drop),
        false => Ok(()),
    }
}

/// Begins a transaction; to be polled before the futures of its statements.
pub(crate) async fn begin(connection: &AsyncPgConnection) -> QueryResult<()> {
    Begin {}.execute(&mut &*connection).await.map(drop)
}

/// Writes events and commits, without waiting in between, after all statements that were polled before it. After an
/// error the caller [rolls back](roll_back):
/// - where the server refused the events, it has answered the commit with a rollback, and that has no effect;
/// - where they failed before anything was sent (they cannot be encoded, their statement cannot be prepared),
///   the commit was not sent either, and the transaction is open until then;
/// - where the connection died, it may have been committed.
pub(crate) async fn commit_with(connection: &AsyncPgConnection, events: &[Event]) -> QueryResult<()> {
    let commit = async { Commit {}.execute(&mut &*connection).await.map(drop) };
    try_join(outbox::append(connection, events), commit).await.map(drop)
}

/// Rolls back what there is to roll back; an error means that the connection does not answer.
pub(crate) async fn roll_back(connection: &AsyncPgConnection) -> QueryResult<()> {
    diesel::sql_query("ROLLBACK").execute(&mut &*connection).await.map(drop)
}
