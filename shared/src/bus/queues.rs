//! The durable work queues, the one list of them.
//!
//! A queue that only its consumer makes is missing until that consumer has run for the first time, and
//! what is published before is nobody's: confirmed, and gone. So whoever publishes makes all queues of
//! this list first ([`AmqpConfig::queues`](super::amqp::AmqpConfig::queues),
//! [`InProcess::with_queues`](super::in_process::InProcess::with_queues)), and their consumers
//! subscribe with [`Subscription::of`](super::Subscription::of).
//!
//! A queue that is no longer consumed is taken out of the list and deleted on the broker by hand, or
//! it grows for ever.

use crate::events::EventType;

/// A durable work queue, shared by the instances of the service that consumes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkQueue {
    /// Its name, which begins with its service: `mailer.notifications`.
    pub name: &'static str,
    /// The event types that it takes.
    pub types: &'static [EventType],
}

/// Flights, for booking's inventory.
pub const BOOKING_FLIGHTS: WorkQueue = WorkQueue {
    name: "booking.flights",
    types: &[EventType::FlightPublished, EventType::FlightChanged, EventType::FlightCancelled],
};

/// Free seats, for flight's search.
pub const FLIGHT_AVAILABILITY: WorkQueue =
    WorkQueue { name: "flight.availability", types: &[EventType::SeatsChanged] };

/// What passengers and users are written letters about.
pub const MAILER_NOTIFICATIONS: WorkQueue = WorkQueue {
    name: "mailer.notifications",
    types: &[
        EventType::BookingConfirmed,
        EventType::BookingChanged,
        EventType::BookingCancelled,
        EventType::BookingHeld,
        EventType::BookingExpired,
        EventType::UserVerificationRequested,
        EventType::UserPasswordResetRequested,
        EventType::SessionAlert,
        EventType::ConfirmationRequested,
    ],
};

/// What staff of all services did, for the audit log.
pub const GATEWAY_AUDIT: WorkQueue = WorkQueue { name: "gateway.audit", types: &[EventType::AuditRecorded] };

/// All of them.
pub const ALL: &[WorkQueue] = &[BOOKING_FLIGHTS, FLIGHT_AVAILABILITY, GATEWAY_AUDIT, MAILER_NOTIFICATIONS];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_queue_has_a_name_of_its_own_and_takes_something() {
        let names: HashSet<_> = ALL.iter().map(|queue| queue.name).collect();
        assert_eq!(names.len(), ALL.len());
        for queue in ALL {
            let types: HashSet<_> = queue.types.iter().collect();
            assert!(!types.is_empty(), "{} takes nothing", queue.name);
            assert_eq!(types.len(), queue.types.len(), "{} takes a type twice", queue.name);
        }
    }
}
