//! Imports that run while nobody waits for their answer.

use super::schema::imports;
use crate::domain::{
    csv_table::LineError,
    import::{ImportCounts, ImportReport, ImportStatus, ImportTally},
};
use diesel::{dsl::sql, expression::SqlLiteral, prelude::*, sql_types::Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use shared::ids::ImportId;
use uuid::Uuid;

/// An import that was not heard of since has died with its instance.
fn silence() -> SqlLiteral<Timestamptz> {
    sql("clock_timestamp() - interval '30 seconds'")
}

/// Imports that began before are forgotten.
fn a_day_ago() -> SqlLiteral<Timestamptz> {
    sql("clock_timestamp() - interval '1 day'")
}

type ImportRow = (Uuid, String, bool, String, i64, i64, i64, i64, i64, Value);

/// Notes that an import begins; forgets those that began more than a day ago.
///
/// # Errors
/// Those of the database.
pub async fn begin(
    connection: &mut AsyncPgConnection,
    report: &ImportReport,
    id: ImportId,
) -> QueryResult<()> {
    diesel::delete(imports::table.filter(imports::started_at.lt(a_day_ago()))).execute(connection).await?;
    diesel::insert_into(imports::table)
        .values((
            imports::id.eq(id.0),
            imports::collection.eq(&report.collection),
            imports::dry_run.eq(report.dry_run),
            imports::status.eq(name(ImportStatus::Running)),
            imports::lines_total.eq(signed(report.lines_total)),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

/// Says that an import is alive, and how far it is.
///
/// # Errors
/// Those of the database.
pub async fn beat(connection: &mut AsyncPgConnection, id: ImportId, counts: ImportCounts) -> QueryResult<()> {
    diesel::update(
        imports::table.filter(imports::id.eq(id.0).and(imports::status.eq(name(ImportStatus::Running)))),
    )
    .set((
        imports::alive_at.eq(sql::<Timestamptz>("clock_timestamp()")),
        imports::lines_read.eq(signed(counts.lines_read)),
        imports::created.eq(signed(counts.created)),
        imports::changed.eq(signed(counts.changed)),
        imports::unchanged.eq(signed(counts.unchanged)),
    ))
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes how an import has ended that is running: in the transaction of what it has written, where it has written anything.
///
/// # Errors
/// Those of the database.
pub async fn finish(
    connection: &mut AsyncPgConnection,
    id: ImportId,
    status: ImportStatus,
    tally: &ImportTally,
) -> QueryResult<()> {
    beat(connection, id, tally.counts).await?;
    // Plain data, which always serialises.
    let errors = serde_json::to_value(&tally.errors).unwrap_or_default();
    // An import whose connection broke at its commit may have ended already.
    let running = imports::id.eq(id.0).and(imports::status.eq(name(ImportStatus::Running)));
    diesel::update(imports::table.filter(running))
        .set((imports::status.eq(name(status)), imports::errors.eq(errors)))
        .execute(connection)
        .await?;
    Ok(())
}

/// An import of the last day. One that is running and was not heard of for 30 seconds is shown as failed.
///
/// # Errors
/// Those of the database.
pub async fn find(connection: &mut AsyncPgConnection, id: ImportId) -> QueryResult<Option<ImportReport>> {
    let silent = imports::alive_at.lt(silence());
    let found: Option<(ImportRow, bool)> = imports::table
        .filter(imports::id.eq(id.0).and(imports::started_at.ge(a_day_ago())))
        .select((
            (
                imports::id,
                imports::collection,
                imports::dry_run,
                imports::status,
                imports::lines_read,
                imports::lines_total,
                imports::created,
                imports::changed,
                imports::unchanged,
                imports::errors,
            ),
            silent,
        ))
        .first(connection)
        .await
        .optional()?;
    Ok(found.map(|(row, silent)| report(row, silent)))
}

fn report(row: ImportRow, silent: bool) -> ImportReport {
    let (id, collection, dry_run, status, lines_read, lines_total, created, changed, unchanged, errors) = row;
    let mut errors: Vec<LineError> = serde_json::from_value(errors).unwrap_or_default();
    let status = match status.as_str() {
        "completed" => ImportStatus::Completed,
        "running" if !silent => ImportStatus::Running,
        "running" => {
            let message = "was not heard of for 30 seconds: if its instance has stopped, nothing was changed, and it can be \
                           sent again; if it still runs, its end is told here"
                .to_owned();
            errors.push(LineError { line: None, field: None, message });
            ImportStatus::Failed
        }
        _ => ImportStatus::Failed,
    };
    let count = |number: i64| number.unsigned_abs();
    ImportReport {
        id: Some(ImportId(id)),
        collection,
        status,
        dry_run,
        lines_read: count(lines_read),
        lines_total: count(lines_total),
        created: count(created),
        changed: count(changed),
        unchanged: count(unchanged),
        errors,
    }
}

fn name(status: ImportStatus) -> &'static str {
    match status {
        ImportStatus::Running => "running",
        ImportStatus::Completed => "completed",
        ImportStatus::Failed => "failed",
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
