//! Dead letters: messages of the bus that the consumer gave up.

use super::{cache_control::PRIVATE, mail_admin::MailAdmin};
use crate::{
    error::MailError,
    store::dead_letters::{self, DeadLetterRow},
};
use actix_web::{HttpResponse, http::header, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use shared::{
    auth::{Permitted, required},
    bus::{Delivery, Disposition},
    events::Event,
    http::{Body, EmptyBody, Id, Page, PageRequest, Problem, QueryParameters},
    ids::EventId,
};
use std::str::FromStr;
use utoipa::ToSchema;
use uuid::Uuid;

/// A message that the consumer gave up.
#[derive(Serialize, ToSchema)]
#[schema(as = DeadLetter)]
pub(super) struct DeadLetterResource {
    /// Its id.
    id: Uuid,
    /// The queue that it came from.
    queue: String,
    /// The event's id; null where the message is no event.
    event_id: Option<EventId>,
    /// The event as it came, without its token; null where the message is no JSON.
    #[schema(value_type = Option<Object>)]
    event: Option<Value>,
    /// Why it was given up.
    reason: String,
    /// How often it was tried.
    attempts: i32,
    /// When it was given up.
    created_at: DateTime<Utc>,
    /// When it was replayed with success.
    replayed_at: Option<DateTime<Utc>>,
}

impl From<DeadLetterRow> for DeadLetterResource {
    fn from(row: DeadLetterRow) -> Self {
        Self {
            id: row.id,
            queue: row.queue,
            event_id: row.event_id.map(EventId),
            event: serde_json::from_slice(&row.payload).ok().map(masked),
            reason: row.reason,
            attempts: row.attempts,
            created_at: row.created_at,
            replayed_at: row.replayed_at,
        }
    }
}

/// An event without the token that it may hold: staff could use it.
fn masked(mut event: Value) -> Value {
    if let Some(token) = event.pointer_mut("/data/token").filter(|token| !token.is_null()) {
        *token = "***".into();
    }
    event
}

/// The id of a dead letter, in its canonical form only.
#[derive(Clone, Copy)]
pub(super) struct DeadLetterId(Uuid);

impl FromStr for DeadLetterId {
    type Err = shared::ids::InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<EventId>().map(|id| Self(id.0))
    }
}

/// List the mailer's dead letters
///
/// Newest first.
#[utoipa::path(
    get, path = "/api/v1/admin/mail/dead-letters", tag = "mail",
    params(
        ("limit" = Option<u8>, Query, description = "1-200, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses((status = 200, body = Page<DeadLetterResource>), (status = 401), (status = 403), (status = 422)),
    security(("bearer" = ["mail:read"])),
)]
pub(super) async fn list(
    _: Permitted<required::MailRead>,
    admin: web::Data<MailAdmin>,
    mut parameters: QueryParameters,
) -> Result<HttpResponse, Problem> {
    let request = PageRequest::<Uuid>::read(&mut parameters, &"dead-letters");
    parameters.finish()?;
    let rows = async {
        let mut connection = admin.pool.get().await?;
        Ok::<_, MailError>(dead_letters::list(&mut connection, request.after, request.rows()).await?)
    };
    let page = request.page(rows.await?, |row| row.id).map(DeadLetterResource::from);
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(page))
}

/// Replay a dead letter of the mailer
///
/// Hands it to the consumer again.
#[utoipa::path(
    post, path = "/api/v1/admin/mail/dead-letters/{id}/replay", tag = "mail",
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = DeadLetterResource), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "It failed again."),
    ),
    security(("bearer" = ["mail:resend"])),
)]
pub(super) async fn replay(
    caller: Permitted<required::MailResend>,
    admin: web::Data<MailAdmin>,
    id: Id<DeadLetterId>,
    parameters: QueryParameters,
    _: Body<EmptyBody>,
) -> Result<HttpResponse, Problem> {
    parameters.finish()?;
    let row = consume_again(&admin, id.0.0).await?;
    tracing::info!(dead_letter.id = %row.id, user.id = %caller.user_id(), "A dead letter was replayed");
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(DeadLetterResource::from(row)))
}

async fn consume_again(admin: &MailAdmin, id: Uuid) -> Result<DeadLetterRow, MailError> {
    let row = {
        // The connection goes back before the consumer works, which needs one too.
        let mut connection = admin.pool.get().await?;
        dead_letters::find(&mut connection, id).await?.ok_or(MailError::NotFound)?
    };
    let event = Event::decode(&row.payload).map_err(|error| MailError::StillDead(error.to_string()))?;
    let disposition = admin.consumer.take(&[Delivery { event: event.into(), attempt: 1 }]).await.pop();
    match disposition {
        Some(Disposition::Ack) => {}
        Some(Disposition::Retry(reason) | Disposition::DeadLetter(reason)) => {
            return Err(MailError::StillDead(reason));
        }
        Some(Disposition::Pause(reason)) => return Err(MailError::Paused(reason)),
        None => return Err(MailError::Paused("the consumer gave no answer".to_owned())),
    }
    let mut connection = admin.pool.get().await?;
    Ok(dead_letters::mark_replayed(&mut connection, id).await?)
}
