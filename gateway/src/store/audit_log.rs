//! The audit log, a table of another role: this service reads it and appends to it.
//!
//! `migrations/audit/provision.sql` makes it, beside this service's own schema; so it is not in `schema.rs`.

use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Array, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{ids::UserId, statement};
use uuid::Uuid;

diesel::table! {
    audit.audit_log (id) {
        id -> Uuid,
        at -> Timestamptz,
        actor -> Uuid,
        action -> Text,
        subject -> Text,
        before -> Nullable<Text>,
        after -> Nullable<Text>,
        request_id -> Text,
    }
}

/// A line of the log. `before` and `after` are JSON documents.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = audit_log)]
pub(crate) struct AuditRow {
    /// The id of the event that told it.
    pub(crate) id: Uuid,
    pub(crate) at: DateTime<Utc>,
    pub(crate) actor: Uuid,
    pub(crate) action: String,
    pub(crate) subject: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) request_id: String,
}

/// A place in the order of the log: time and id.
pub(crate) type AuditPlace = (DateTime<Utc>, Uuid);

impl AuditRow {
    /// Its place.
    pub(crate) fn place(&self) -> AuditPlace {
        (self.at, self.id)
    }
}

/// Which lines are wanted; all filters that are set hold.
#[derive(Debug, Clone, Default, Hash)]
pub(crate) struct AuditFilter {
    pub(crate) actor: Option<UserId>,
    pub(crate) action: Option<String>,
    pub(crate) subject: Option<String>,
    /// From this instant on.
    pub(crate) from: Option<DateTime<Utc>>,
    /// Before this instant.
    pub(crate) to: Option<DateTime<Utc>>,
}

statement! {
    /// Appends lines that are not there yet.
    Append {
        ids: Array<SqlUuid> = Vec<Uuid>,
        times: Array<Timestamptz> = Vec<DateTime<Utc>>,
        actors: Array<SqlUuid> = Vec<Uuid>,
        actions: Array<Text> = Vec<String>,
        subjects: Array<Text> = Vec<String>,
        before: Array<Nullable<Text>> = Vec<Option<String>>,
        after: Array<Nullable<Text>> = Vec<Option<String>>,
        requests: Array<Text> = Vec<String>,
    } -> (),
    "INSERT INTO audit.audit_log (id, at, actor, action, subject, before, after, request_id) SELECT * FROM unnest($, $, $, $, $, $, $, $) ON CONFLICT DO NOTHING"
}

statement! {
    /// Whether this role may append and read, and whether it may also change.
    Rights {} -> (Bool, Bool),
    "SELECT has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT'), pg_has_role(c.relowner, 'USAGE') OR has_table_privilege(c.oid, 'UPDATE') OR has_table_privilege(c.oid, 'DELETE') OR has_table_privilege(c.oid, 'TRUNCATE') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'audit' AND c.relname = 'audit_log'"
}

/// What this service may do with the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuditRights {
    /// There is none, or it may not be read and appended to.
    Missing,
    /// It can be read and appended to.
    AppendOnly,
    /// It could be changed as well, so it proves less.
    Excessive,
}

/// Reads what this service may do with the log.
///
/// # Errors
/// Those of the database.
pub(crate) async fn rights(connection: &mut AsyncPgConnection) -> QueryResult<AuditRights> {
    let found: Option<(bool, bool)> = Rights {}.get_result(connection).await.optional()?;
    Ok(match found {
        None | Some((false, _)) => AuditRights::Missing,
        Some((true, false)) => AuditRights::AppendOnly,
        Some((true, true)) => AuditRights::Excessive,
    })
}

/// Appends lines; those whose id is there already stay as they are.
///
/// # Errors
/// Those of the database.
pub(crate) async fn append(connection: &mut AsyncPgConnection, rows: Vec<AuditRow>) -> QueryResult<()> {
    let mut all = Append {
        ids: Vec::with_capacity(rows.len()),
        times: Vec::with_capacity(rows.len()),
        actors: Vec::with_capacity(rows.len()),
        actions: Vec::with_capacity(rows.len()),
        subjects: Vec::with_capacity(rows.len()),
        before: Vec::with_capacity(rows.len()),
        after: Vec::with_capacity(rows.len()),
        requests: Vec::with_capacity(rows.len()),
    };
    for row in rows {
        all.ids.push(row.id);
        all.times.push(row.at);
        all.actors.push(row.actor);
        all.actions.push(row.action);
        all.subjects.push(row.subject);
        all.before.push(row.before);
        all.after.push(row.after);
        all.requests.push(row.request_id);
    }
    all.execute(connection).await.map(drop)
}

/// Lines behind this place, newest first.
///
/// # Errors
/// Those of the database.
pub(crate) async fn list(
    connection: &mut AsyncPgConnection,
    filter: &AuditFilter,
    behind: Option<AuditPlace>,
    limit: i64,
) -> QueryResult<Vec<AuditRow>> {
    let mut query = audit_log::table
        .select(AuditRow::as_select())
        .order((audit_log::at.desc(), audit_log::id.desc()))
        .limit(limit)
        .into_boxed();
    if let Some(actor) = filter.actor {
        query = query.filter(audit_log::actor.eq(actor.0));
    }
    if let Some(action) = &filter.action {
        query = query.filter(audit_log::action.eq(action));
    }
    if let Some(subject) = &filter.subject {
        query = query.filter(audit_log::subject.eq(subject));
    }
    if let Some(from) = filter.from {
        query = query.filter(audit_log::at.ge(from));
    }
    if let Some(to) = filter.to {
        query = query.filter(audit_log::at.lt(to));
    }
    if let Some((at, id)) = behind {
        // The first condition is for the index, which holds no place for the second.
        let earlier = audit_log::at.lt(at).or(audit_log::id.lt(id));
        query = query.filter(audit_log::at.le(at)).filter(earlier);
    }
    query.load(connection).await
}
