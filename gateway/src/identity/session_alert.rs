//! Alerts: letters about what happened to an account, so that the owner notices what somebody else did.

use crate::{
    domain::{client_device::ClientDevice, login_email::LoginEmail, user::User},
    security_event::SecurityEvent,
    store::letter_requests::{self, CountedLetters},
};
use chrono::Utc;
use diesel_async::AsyncPgConnection;
use shared::{
    email::EmailAddress,
    events::{AlertReason, Event, EventType, SessionAlert},
    ids::EventId,
    outbox,
};

/// Tells a user by letter what happened to the account. Call it in the transaction of what happened, and nudge the relay
/// after the commit.
///
/// An account gets 10 alerts an hour: an account can be made for anybody's address, and must not become a way to flood
/// it. Further ones are left out and counted; the ten before them have warned the owner.
///
/// # Errors
/// Those of the database.
pub(super) async fn alert(
    connection: &mut AsyncPgConnection,
    user: &User,
    reason: AlertReason,
    device: &ClientDevice,
) -> diesel::QueryResult<()> {
    let account = LoginEmail::digest_of(&EmailAddress::key_of(&user.email));
    if !letter_requests::count(connection, &account, CountedLetters::Alerts).await? {
        SecurityEvent::AlertLeftOut.record();
        return Ok(());
    }
    let alert = SessionAlert {
        user: user.state(),
        reason,
        at: Utc::now(),
        user_agent: device.user_agent.clone(),
        address: device.address_text(),
    };
    // An alert does not change, so each is an aggregate of its own with one version.
    let event = Event::new("gateway", EventType::SessionAlert, EventId::new(), 1, &alert);
    outbox::append(connection, &[event]).await
}
