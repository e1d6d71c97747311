//! Letters.

use super::{cache_control::PRIVATE, mail_admin::MailAdmin};
use crate::{
    domain::{DeliveryOutcome, LetterStatus, LetterTemplate},
    error::MailError,
    render::LetterParts,
    store::{
        letter_attempts::{self, LetterAttemptRow},
        letter_contents,
        letters::{self, LetterFilter, LetterRow, ResendOutcome},
    },
};
use actix_web::{HttpRequest, HttpResponse, http::header, web};
use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde::Serialize;
use shared::{
    auth::{AuditAuthor, Audited, Permitted, required},
    email::EmailAddress,
    http::{
        Body, EmptyBody, Id, Page, PageRequest, Problem, QueryParameters, conditional, entity_tag,
        require_match,
    },
    ids::{EventId, LetterId},
    outbox,
};
use std::collections::HashMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// A letter.
#[derive(Serialize, ToSchema)]
pub(super) struct Letter {
    /// Its id.
    id: LetterId,
    /// Its kind, by its template.
    #[schema(value_type = LetterTemplate)]
    template: String,
    /// Its status.
    status: LetterStatus,
    /// Where it goes.
    recipient: String,
    /// BCP 47 language tag.
    locale: String,
    /// Its subject line.
    subject: String,
    /// What travellers call its matter: the locator.
    reference: Option<String>,
    /// The event that asked for it.
    event_id: EventId,
    /// Its Message-ID, the same for each attempt.
    message_id: String,
    /// How the attempts so far ended, oldest first.
    attempts: Vec<LetterAttempt>,
    /// When it was stored.
    created_at: DateTime<Utc>,
    /// When it is tried next; null unless it is queued.
    next_attempt_at: Option<DateTime<Utc>>,
    /// When a mail server took it last.
    sent_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed; null where it did not.
    last_error: Option<String>,
    /// What it says; null in lists, and where the letter was erased.
    content: Option<LetterText>,
}

/// What a letter says, as it is rendered now. A one-time token is masked (`***`).
#[derive(Serialize, ToSchema)]
pub(super) struct LetterText {
    /// For mail clients that show HTML.
    html: String,
    /// For people who read plain text.
    text: String,
}

/// An attempt at a letter.
#[derive(Serialize, ToSchema)]
pub(super) struct LetterAttempt {
    /// Its number, from 1; one that is missing was cut off by a crash.
    number: i32,
    /// When it ended.
    at: DateTime<Utc>,
    /// `sent`, `deferred` (tried again later), `refused` (not tried again) or `unreachable` (there was
    /// no mail server).
    outcome: String,
    /// The mail server's code.
    smtp_code: Option<i16>,
    /// The mail server's words, or what went wrong.
    message: String,
}

impl Letter {
    fn new(row: LetterRow, attempts: Vec<LetterAttemptRow>) -> Self {
        let status = row.status();
        let next = row.queue.as_ref().filter(|_| status == LetterStatus::Queued);
        let next_attempt_at = next.map(|queue| queue.next_attempt_at);
        let created_at = row.created_at();
        let sent = |attempt: &&LetterAttemptRow| attempt.outcome == DeliveryOutcome::Sent.as_str();
        let sent_at = attempts.iter().rev().find(sent).map(|attempt| attempt.at);
        let last_error = attempts.last().filter(|last| !sent(last)).map(|last| last.message.clone());
        Self {
            id: row.id.into(),
            template: row.template,
            status,
            recipient: row.recipient,
            locale: row.locale,
            subject: row.subject,
            reference: row.reference,
            event_id: row.event_id.into(),
            message_id: row.message_id,
            attempts: attempts.into_iter().map(LetterAttempt::from).collect(),
            created_at,
            next_attempt_at,
            sent_at,
            last_error,
            content: None,
        }
    }
}

impl From<LetterAttemptRow> for LetterAttempt {
    fn from(row: LetterAttemptRow) -> Self {
        Self {
            number: row.number,
            at: row.at,
            outcome: row.outcome,
            smtp_code: row.smtp_code,
            message: row.message,
        }
    }
}

/// List letters
///
/// Newest first.
#[utoipa::path(
    get, path = "/api/v1/admin/mail", tag = "mail",
    params(
        ("status" = Option<LetterStatus>, Query, description = "Only letters in this state."),
        ("recipient" = Option<String>, Query, description = "Only letters to this address."),
        ("template" = Option<LetterTemplate>, Query, description = "Only letters of this kind."),
        ("limit" = Option<u8>, Query, description = "1-200, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses((status = 200, body = Page<Letter>)),
    security(("bearer" = ["mail:read"])),
)]
pub(super) async fn list(
    _: Permitted<required::MailRead>,
    admin: web::Data<MailAdmin>,
    mut parameters: QueryParameters,
) -> Result<HttpResponse, Problem> {
    let filter = LetterFilter {
        status: parameters.optional("status"),
        recipient: parameters.text("recipient").map(|text| EmailAddress::key_of(&text)),
        template: parameters.optional("template"),
    };
    let request = PageRequest::<Uuid>::read(&mut parameters, &("mail", &filter));
    parameters.finish()?;
    let page = async {
        let mut connection = admin.pool.get().await?;
        let rows = letters::list(&mut connection, &filter, request.after, request.rows()).await?;
        let page = request.page(rows, |row| row.id);
        let ids: Vec<Uuid> = page.data.iter().map(|row| row.id).collect();
        let mut attempts: HashMap<_, _> = letter_attempts::of(&mut connection, &ids).await?;
        Ok::<_, MailError>(page.map(|row| {
            let attempts = attempts.remove(&row.id).unwrap_or_default();
            Letter::new(row, attempts)
        }))
    };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(page.await?))
}

/// Read a letter
///
/// With its delivery attempts, and what it says. A one-time token is masked; it is erased once the letter is sent or the
/// token has expired.
#[utoipa::path(
    get, path = "/api/v1/admin/mail/{id}", tag = "mail",
    params(("id" = LetterId, Path)),
    responses((status = 200, body = Letter), (status = 304), (status = 404)),
    security(("bearer" = ["mail:read"])),
)]
pub(super) async fn get(
    _: Permitted<required::MailRead>,
    admin: web::Data<MailAdmin>,
    id: Id<LetterId>,
    request: HttpRequest,
    parameters: QueryParameters,
) -> Result<HttpResponse, Problem> {
    parameters.finish()?;
    let (tag, mut letter) = find(&admin, id.0).await?;
    letter.content = content(&admin, id.0).await?;
    Ok(conditional(&request, &tag, PRIVATE, &letter))
}

/// Send a letter again
///
/// At once, under the same Message-ID.
#[utoipa::path(
    post, path = "/api/v1/admin/mail/{id}/resend", tag = "mail",
    params(("id" = LetterId, Path)),
    responses(
        (status = 200, body = Letter), (status = 404),
        (status = 409, description = "A newer letter supersedes it, or the token that it brought has been erased."), (status = 412),
    ),
    security(("bearer" = ["mail:resend"])),
)]
pub(super) async fn resend(
    staff: Audited<required::MailResend>,
    admin: web::Data<MailAdmin>,
    id: Id<LetterId>,
    request: HttpRequest,
    parameters: QueryParameters,
    _: Body<EmptyBody>,
) -> Result<HttpResponse, Problem> {
    parameters.finish()?;
    if request.headers().contains_key(header::IF_MATCH) {
        let (tag, _) = find(&admin, id.0).await?;
        require_match(&request, &tag)?;
    }
    let (tag, letter) = requeue(&admin, id.0, staff.author()).await?;
    // Only now, so that the answer shows the letter as queued.
    admin.sender.send_now();
    admin.relay.nudge();
    tracing::info!(letter.id = %id.0, user.id = %staff.user_id(), "A letter is sent again");
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, tag))
        .insert_header((header::CACHE_CONTROL, PRIVATE))
        .json(letter))
}

async fn find(admin: &MailAdmin, id: LetterId) -> Result<(String, Letter), MailError> {
    let mut connection = admin.pool.get().await?;
    let row = letters::find(&mut connection, id).await?.ok_or(MailError::NotFound)?;
    present(&mut connection, row).await
}

/// What a letter says.
async fn content(admin: &MailAdmin, id: LetterId) -> Result<Option<LetterText>, MailError> {
    let stored = {
        let mut connection = admin.pool.get().await?;
        letter_contents::find(&mut connection, id).await?.ok_or(MailError::NotFound)?
    };
    let shown = admin.renderer.show(stored).await.map_err(|_| MailError::RendererBusy)?;
    Ok(shown.map(|LetterParts { text, html }| LetterText { html, text }))
}

/// What the audit log keeps of a letter: no address, and nothing of its text.
#[derive(Serialize)]
struct AuditedLetter {
    template: String,
    status: LetterStatus,
    event_id: EventId,
}

impl From<&LetterRow> for AuditedLetter {
    fn from(row: &LetterRow) -> Self {
        Self { template: row.template.clone(), status: row.status(), event_id: row.event_id.into() }
    }
}

/// Puts a letter into the queue again, and records who did so.
async fn requeue(
    admin: &MailAdmin,
    id: LetterId,
    author: &AuditAuthor,
) -> Result<(String, Letter), MailError> {
    let mut connection = admin.pool.get().await?;
    let row = (*connection)
        .transaction::<_, MailError, _>(async |connection: &mut AsyncPgConnection| {
            let before = letters::find(connection, id).await?.ok_or(MailError::NotFound)?;
            let row = match letters::resend(connection, id).await? {
                ResendOutcome::Queued(row) => row,
                ResendOutcome::Superseded => return Err(MailError::Superseded),
                ResendOutcome::Erased => return Err(MailError::Erased),
                ResendOutcome::Missing => return Err(MailError::NotFound),
            };
            let (before, after) = (AuditedLetter::from(&before), AuditedLetter::from(&row));
            let record = author.change("letter.resend", format!("letter/{id}"), Some(&before), Some(&after));
            outbox::append(connection, &[record.event("mailer")]).await?;
            Ok(row)
        })
        .await?;
    present(&mut connection, row).await
}

/// The letter with its entity tag.
async fn present(connection: &mut AsyncPgConnection, row: LetterRow) -> Result<(String, Letter), MailError> {
    let attempts = letter_attempts::of(connection, &[row.id]).await?.remove(&row.id).unwrap_or_default();
    let ended = attempts.last().map(|attempt| attempt.at);
    Ok((entity_tag(row.version(ended)), Letter::new(row, attempts)))
}
