//! Alerts: letters about what happened to an account, so that the owner notices what somebody else did.

use crate::domain::{client_device::ClientDevice, user::User};
use chrono::Utc;
use diesel_async::AsyncPgConnection;
use shared::{
    events::{AlertReason, Event, EventType, SessionAlert},
    ids::EventId,
    outbox,
};

/// Tells a user by letter what happened to the account. Call it in the transaction of what happened, and nudge the relay
/// after the commit.
///
/// # Errors
/// Those of the database.
pub(super) async fn alert(
    connection: &mut AsyncPgConnection,
    user: &User,
    reason: AlertReason,
    device: &ClientDevice,
) -> diesel::QueryResult<()> {
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
