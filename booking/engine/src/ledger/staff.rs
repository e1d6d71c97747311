//! What staff do to bookings that are not their own, for the audit log.

use crate::booking::presentation::ShownBooking;
use serde_json::Value;
use shared_types::{
    events::{AuditRecord, Event},
    ids::UserId,
    redaction,
    trace::TraceContext,
};

/// A member of staff whose command is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffAuthor {
    /// The user.
    pub actor: UserId,
    /// The request of the command.
    pub request_id: String,
}

impl StaffAuthor {
    /// The record of a command that has changed a booking, by its [action](super::command::Command::audited_action);
    /// `None` without one.
    pub(crate) fn record(
        &self,
        (action, trace): (Option<&str>, Option<TraceContext>),
        before: &ShownBooking,
        after: &ShownBooking,
    ) -> Option<AuditedAct> {
        let action = action?;
        let subject = format!("booking/{}", after.id);
        let (before, after) = (without_people(before), without_people(after));
        let request_id = self.request_id.clone();
        let record = AuditRecord::of_change(self.actor, action, subject, before, after, request_id);
        Some(AuditedAct { record, trace })
    }
}

/// A record with the trace of its request.
pub(crate) struct AuditedAct {
    record: AuditRecord,
    trace: Option<TraceContext>,
}

impl AuditedAct {
    /// Its event.
    pub(crate) fn event(&self, source: &str) -> Event {
        let mut event = self.record.event(source);
        event.traceparent = self.trace.map(|trace| trace.to_string());
        event
    }
}

/// A booking without names and addresses: what is recorded is never removed.
fn without_people(booking: &ShownBooking) -> Option<Value> {
    let mut document: Value = booking.text().read().ok()?;
    redaction::mask_for_audit(&mut document);
    Some(document)
}
