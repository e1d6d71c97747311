//! The audit recorder: keeps what staff of all services did, as `audit.recorded` tells it, in the audit log.
//!
//! Invariant: a message is acknowledged only after its line is committed. A message that comes again changes nothing:
//! its event's id is the line's key. Secrets and personal data are masked here once more, whatever a service has told:
//! no line is ever removed.

use crate::store::audit_log::{self, AuditRow};
use futures_util::future::BoxFuture;
use serde_json::Value;
use shared::{
    bus::{Delivery, Disposition, Handler, Subscription, queues},
    db::{DbError, Pool},
    error_chain::ErrorChain,
    events::{AuditRecord, Event, UndecodableEvent},
    redaction,
};

/// Lines that one statement writes, at most.
const BATCH: usize = 256;

/// The bus's handler of the queue of audit records.
pub(crate) struct AuditRecorder {
    pool: Pool,
}

impl AuditRecorder {
    /// A recorder over a pool of its own.
    pub(crate) fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// The work queue that the instances share.
    pub(crate) fn subscription() -> Subscription {
        Subscription::of(&queues::GATEWAY_AUDIT).batch(BATCH)
    }

    async fn take(&self, batch: &[Delivery]) -> Vec<Disposition> {
        let (mut dispositions, mut rows) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for Delivery { event, .. } in batch {
            match line(event) {
                Ok(row) => {
                    dispositions.push(Disposition::Ack);
                    rows.push(row);
                }
                Err(error) => dispositions.push(Disposition::DeadLetter(error.to_string())),
            }
        }
        let Err(error) = self.append(rows).await else { return dispositions };
        if !error.is_outage() && batch.len() > 1 {
            // One line may be at fault: the others must not fail with it.
            return self.take_one_by_one(batch).await;
        }
        let failed = match error.is_outage() {
            true => Disposition::Pause(format!("the database is away: {}", ErrorChain(&error))),
            false => Disposition::Retry(format!("the line cannot be stored: {}", ErrorChain(&error))),
        };
        let written = dispositions.iter_mut().filter(|one| **one == Disposition::Ack);
        written.for_each(|one| *one = failed.clone());
        dispositions
    }

    async fn take_one_by_one(&self, batch: &[Delivery]) -> Vec<Disposition> {
        let mut dispositions = Vec::with_capacity(batch.len());
        for delivery in batch {
            dispositions.extend(Box::pin(self.take(std::slice::from_ref(delivery))).await);
        }
        dispositions
    }

    async fn append(&self, rows: Vec<AuditRow>) -> Result<(), DbError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut connection = self.pool.get().await?;
        Ok(audit_log::append(&mut connection, rows).await?)
    }
}

impl Handler for AuditRecorder {
    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Disposition>> {
        Box::pin(self.take(batch))
    }
}

/// The line of an event.
fn line(event: &Event) -> Result<AuditRow, UndecodableEvent> {
    let AuditRecord { actor, action, subject, before, after, request_id } = event.data()?;
    Ok(AuditRow {
        id: event.id.0,
        at: event.time,
        actor: actor.0,
        action,
        subject,
        before: before.map(masked),
        after: after.map(masked),
        request_id,
    })
}

fn masked(mut document: Value) -> String {
    redaction::mask_for_audit(&mut document);
    document.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use shared::{events::EventType, ids::UserId};

    #[test]
    fn a_line_holds_no_secret_and_nothing_of_a_person() {
        let before = json!({"id": "7", "email": "ada@example.org", "status": "active"});
        let after = json!({"id": "7", "email": "ada@example.org", "password": "p", "keys": [{"hash": "h"}]});
        let record =
            AuditRecord::of_change(UserId::new(), "user.change", "user/7", Some(before), Some(after), "r");
        let event = record.event("gateway");
        let row = line(&event).unwrap();
        assert_eq!((row.id, row.at), (event.id.0, event.time));
        assert_eq!(row.before.as_deref(), Some(r#"{"email":"***","id":"7","status":"active"}"#));
        assert_eq!(row.after.as_deref(), Some(r#"{"email":"***","id":"7","keys":"***","password":"***"}"#));
        let other = Event::new("x", EventType::AuditRecorded, "x", 1, &json!({"actor": 1}));
        assert!(line(&other).is_err());
    }
}
