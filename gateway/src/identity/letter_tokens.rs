//! Letters with one-time tokens: who may have one, and the event that has it sent.

use super::IdentityService;
use crate::{
    domain::{
        login_email::LoginEmail,
        one_time_token::{OneTimeToken, TokenPurpose},
        user::User,
    },
    error::IdentityError,
    store::{
        letter_requests::{self, CountedLetters},
        one_time_tokens, token_events, user_emails, users,
    },
};
use chrono::Utc;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{
    events::{Event, TokenRequest},
    outbox,
};
use std::time::Duration;
use tokio::time::sleep;

/// A request for a letter is answered after this time. What it takes to write a letter is far less, so the time does not
/// tell whether an address has an account.
const ANSWER_AFTER: Duration = Duration::from_millis(200);

impl IdentityService {
    /// Has a letter with a token sent, if the address has an active account that needs it. An address gets 3 letters of
    /// a purpose an hour. The answer, and its time, are the same for every address.
    ///
    /// # Errors
    /// Faults of ours.
    pub(crate) async fn request_letter(
        &self,
        email: &LoginEmail,
        purpose: TokenPurpose,
    ) -> Result<(), IdentityError> {
        let (written, ()) = tokio::join!(self.write_letter(email, purpose), sleep(ANSWER_AFTER));
        written
    }

    async fn write_letter(&self, email: &LoginEmail, purpose: TokenPurpose) -> Result<(), IdentityError> {
        let mut connection = self.pool.get().await?;
        if !letter_requests::count(&mut connection, &email.digest(), CountedLetters::Token(purpose)).await? {
            return Ok(());
        }
        let Some(account) = user_emails::account_of(&mut connection, email).await? else { return Ok(()) };
        (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                let needs_letter = user_emails::lock(connection, account).await?.is_some_and(|address| {
                    address.key == email.key()
                        && (purpose == TokenPurpose::ResetPassword || !address.verified)
                });
                if needs_letter && let Some(user) = users::active(connection, account).await? {
                    send(connection, &user, purpose).await?;
                }
                diesel::QueryResult::Ok(())
            })
            .await?;
        self.relay.nudge();
        Ok(())
    }
}

/// Gives a user a token in the place of the one before, and writes the event that has it sent. The user's row is locked
/// by the caller, or new.
pub(super) async fn send(
    connection: &mut AsyncPgConnection,
    user: &User,
    purpose: TokenPurpose,
) -> diesel::QueryResult<()> {
    let (token, expires_at) = (OneTimeToken::generate(), Utc::now() + purpose.lifetime());
    let number = one_time_tokens::replace(connection, user.id, purpose, &token.digest(), expires_at).await?;
    let request = TokenRequest { user: user.state(), token: Some(token.to_letter()), expires_at };
    let event = Event::new("gateway", purpose.event(), user.id, number, &request);
    token_events::insert(connection, event.id, expires_at).await?;
    outbox::append(connection, &[event]).await
}
