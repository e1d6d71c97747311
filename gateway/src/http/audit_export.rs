//! The audit log as CSV, read and written a part at a time: its length does not matter.

use super::cache_control::PRIVATE;
use crate::store::audit_log::{self, AuditFilter, AuditPlace, AuditRow};
use actix_web::{HttpResponse, http::header, web::Bytes};
use futures_util::stream::{self, StreamExt};
use shared::{
    db::{DbError, Pool},
    error_chain::ErrorChain,
    http::{Problem, spreadsheet},
};
use std::io;

/// Lines of a part.
const PART: usize = 500;

/// The names of the columns.
const COLUMNS: [&str; 8] = ["id", "at", "actor", "action", "subject", "before", "after", "request_id"];

/// What is still to be exported.
struct AuditExport {
    pool: Pool,
    filter: AuditFilter,
    behind: Option<AuditPlace>,
    ended: bool,
}

impl AuditExport {
    /// The next lines.
    async fn next(&mut self) -> Result<Vec<AuditRow>, DbError> {
        let mut connection = self.pool.get().await?;
        let limit = i64::try_from(PART).unwrap_or(i64::MAX);
        let rows = audit_log::list(&mut connection, &self.filter, self.behind, limit).await?;
        self.ended = rows.len() < PART;
        self.behind = rows.last().map(AuditRow::place).or(self.behind);
        Ok(rows)
    }
}

/// Answers with all lines that the filter admits. A failure after the first part breaks the answer off, which a client
/// sees by its missing end.
pub(super) async fn respond(pool: Pool, filter: AuditFilter) -> Result<HttpResponse, Problem> {
    let mut export = AuditExport { pool, filter, behind: None, ended: false };
    let rows = export.next().await?;
    let first = part(true, &rows).map_err(|error| Problem::internal(&error))?;
    let rest = stream::unfold(export, async |mut export| {
        if export.ended {
            return None;
        }
        let rows = export.next().await.map_err(|error| {
            tracing::warn!(error.message = %ErrorChain(&error), "An export of the audit log was broken off");
            io::Error::other(error)
        });
        export.ended |= rows.is_err();
        Some((rows.and_then(|rows| part(false, &rows)), export))
    });
    let body = stream::once(std::future::ready(Ok::<_, io::Error>(first))).chain(rest);
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, PRIVATE))
        .insert_header((header::VARY, "Accept"))
        .insert_header((header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"))
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\""))
        .streaming(body))
}

/// Lines as CSV.
fn part(is_first: bool, rows: &[AuditRow]) -> io::Result<Bytes> {
    let lines: Vec<[String; COLUMNS.len()]> = rows.iter().map(columns).collect();
    let lines = lines.iter().map(|line| line.each_ref().map(String::as_str));
    spreadsheet::document(is_first.then_some(COLUMNS).into_iter().chain(lines)).map(Bytes::from)
}

fn columns(row: &AuditRow) -> [String; COLUMNS.len()] {
    [
        row.id.to_string(),
        row.at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        row.actor.to_string(),
        row.action.clone(),
        row.subject.clone(),
        row.before.clone().unwrap_or_default(),
        row.after.clone().unwrap_or_default(),
        row.request_id.clone(),
    ]
}
