//! `/internal/letters`: what the gateway asks for the owner of an account. The address stands in the body, since logs
//! keep paths.

use super::mail_admin::MailAdmin;
use crate::store::erasure::{self, Correspondent};
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::{Value, json};
use shared::{
    auth::ServiceCaller,
    db::DbError,
    email::EmailAddress,
    http::{Body, FromJson, JsonReader, NoParameters, Problem},
    ids::LetterId,
};
use uuid::Uuid;

impl FromJson for Correspondent {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let email = object.optional_text("email", 1..=254);
        let before = object.optional::<DateTime<Utc>>("before");
        let subjects = object.required::<Vec<Uuid>>("subjects")?.iter().map(Uuid::to_string).collect();
        Some(Self { email: email.as_deref().map(EmailAddress::key_of), before, subjects })
    }
}

/// `POST /internal/letters/export`: the letters of a person in full, newest first.
pub(super) async fn export(
    _: ServiceCaller,
    admin: web::Data<MailAdmin>,
    _: NoParameters,
    body: Body<Correspondent>,
) -> Result<HttpResponse, Problem> {
    let read = async {
        let mut connection = admin.pool.get().await?;
        let letters = erasure::find(&mut connection, &body.value).await?;
        let ids: Vec<Uuid> = letters.iter().map(|letter| letter.id).collect();
        Ok::<_, DbError>((erasure::attempts(&mut connection, &ids).await?, letters))
    };
    let (mut attempts, letters) = read.await?;
    let show = |letter: erasure::WholeLetter| {
        json!({
            "id": LetterId(letter.id),
            "template": letter.template,
            "recipient": letter.recipient,
            "locale": letter.locale,
            "subject": letter.subject,
            "reference": letter.reference,
            "data": serde_json::from_str::<Value>(&letter.data).unwrap_or(Value::Null),
            "attempts": attempts.remove(&letter.id).unwrap_or_default(),
        })
    };
    let letters: Vec<Value> = letters.into_iter().map(show).collect();
    Ok(HttpResponse::Ok().json(json!({ "letters": letters })))
}

/// `POST /internal/letters/erase`: erases the letters of a person, and gives the number of those that are just being
/// sent: the call is to be repeated for them.
pub(super) async fn erase(
    _: ServiceCaller,
    admin: web::Data<MailAdmin>,
    _: NoParameters,
    body: Body<Correspondent>,
) -> Result<HttpResponse, Problem> {
    let mut connection = admin.pool.get().await?;
    let connection: &mut AsyncPgConnection = &mut connection;
    let erase = async |connection: &mut AsyncPgConnection| erasure::erase(connection, &body.value).await;
    let sending = connection.transaction(erase).await.map_err(DbError::from)?;
    Ok(HttpResponse::Ok().json(json!({ "sending": sending })))
}
