//! `GET /admin/audit`: what staff did.

use super::{audit_export, cache_control::PRIVATE};
use crate::store::audit_log::{self, AuditFilter, AuditPlace, AuditRow};
use actix_web::{HttpRequest, HttpResponse, http::header, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use shared::{
    auth::{Permitted, required},
    db::Pool,
    http::{Page, PageRequest, Problem, QueryParameters, preferred},
    ids::{EventId, UserId},
};
use std::str::FromStr;
use utoipa::ToSchema;

const JSON: &str = "application/json";
const CSV: &str = "text/csv";

/// The longest action or subject that a filter may name.
const LONGEST: usize = 200;

/// A line of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditEntry {
    /// Its id, that of the event which told it.
    id: EventId,
    /// When it happened.
    at: DateTime<Utc>,
    /// Who did it.
    actor: UserId,
    /// What was done, `city.change`.
    #[schema(example = "city.change")]
    action: String,
    /// To what, by its kind and id.
    #[schema(example = "city/LON")]
    subject: String,
    /// What it was like before; null where it was made, or only read. Secrets and personal data are masked.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// What it is like since; null where it was removed, or only read. Secrets and personal data are masked.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
    /// The request that did it.
    request_id: String,
}

impl From<AuditRow> for AuditEntry {
    fn from(row: AuditRow) -> Self {
        // Only JSON is written.
        let document = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
        Self {
            id: EventId(row.id),
            at: row.at,
            actor: UserId(row.actor),
            action: row.action,
            subject: row.subject,
            before: document(row.before),
            after: document(row.after),
            request_id: row.request_id,
        }
    }
}

/// An instant of a query parameter, RFC 3339.
struct Instant(DateTime<Utc>);

impl FromStr for Instant {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = DateTime::parse_from_rfc3339(text);
        parsed.map(|at| Self(at.into())).map_err(|_| "must be an instant such as 2026-12-01T09:30:00Z")
    }
}

/// A text of a filter.
fn filter_text(parameters: &mut QueryParameters, name: &str) -> Option<String> {
    let text = parameters.text(name)?;
    if text.chars().count() > LONGEST {
        parameters.error(name, format_args!("must have at most {LONGEST} characters"));
    }
    Some(text)
}

fn read_filter(parameters: &mut QueryParameters) -> AuditFilter {
    let filter = AuditFilter {
        actor: parameters.optional("actor"),
        action: filter_text(parameters, "action"),
        subject: filter_text(parameters, "subject"),
        from: parameters.optional::<Instant>("from").map(|instant| instant.0),
        to: parameters.optional::<Instant>("to").map(|instant| instant.0),
    };
    if let (Some(from), Some(to)) = (filter.from, filter.to)
        && from > to
    {
        parameters.error("from", "must not be after `to`");
    }
    filter
}

/// List what staff did, newest first
///
/// All filters that are given hold. `Accept: text/csv` gives the whole result as one CSV document, without `limit` and
/// `after`; a text that a spreadsheet would take for a formula has an apostrophe in front.
#[utoipa::path(
    get, path = "/api/v1/admin/audit", tag = "operations", operation_id = "audit", security(("bearer" = ["audit:read"])),
    params(
        ("actor" = Option<UserId>, Query, description = "Only what this user did."),
        ("action" = Option<String>, Query, description = "Only this action, `city.change`.", max_length = 200),
        ("subject" = Option<String>, Query, description = "Only what was done to this, `city/LON`.", max_length = 200),
        ("from" = Option<DateTime<Utc>>, Query, description = "Only from this instant on."),
        ("to" = Option<DateTime<Utc>>, Query, description = "Only before this instant."),
        ("limit" = Option<u8>, Query, description = "1 to 200, 50 by default.", minimum = 1, maximum = 200),
        ("after" = Option<String>, Query, description = "`page.next` of the page before."),
    ),
    responses(
        (status = 200, description = "A page of the log, or all of it.", content((Page<AuditEntry> = "application/json"), (String = "text/csv"))),
        (status = 406, description = "Neither JSON nor CSV is accepted."),
    ),
)]
pub(super) async fn list(
    _: Permitted<required::AuditRead>,
    request: HttpRequest,
    mut parameters: QueryParameters,
    pool: web::Data<Pool>,
) -> Result<HttpResponse, Problem> {
    let media_type = preferred(&request, &[JSON, CSV])?;
    let filter = read_filter(&mut parameters);
    if media_type == CSV {
        parameters.finish()?;
        return audit_export::respond(Pool::clone(&pool), filter).await;
    }
    let page = PageRequest::<AuditPlace>::read(&mut parameters, &("audit", &filter));
    parameters.finish()?;
    let mut connection = pool.get().await?;
    let rows = audit_log::list(&mut connection, &filter, page.after, page.rows()).await?;
    let page = page.page(rows, AuditRow::place).map(AuditEntry::from);
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, PRIVATE))
        .insert_header((header::VARY, "Accept"))
        .json(page))
}
