//! Invented events, one for each letter.

use chrono::{DateTime, TimeDelta, Utc};
use documents::{DocumentLanguage, samples};
use shared::{
    events::{
        AlertReason, BookingContact, BookingDisruption, BookingPaymentStatus, BookingRefund, BookingState,
        BookingStatus, DisruptedBooking, DisruptionKind, EventType, Json, LetterToken, ReseatedPassenger,
        SessionAlert, TokenRequest, UserState,
    },
    ids::{RefundId, UserId},
    money::Money,
};
use uuid::Uuid;

/// An invented event that makes one letter.
pub(super) struct SampleEvent {
    /// The letter's template, and what is special of this one.
    pub(super) name: &'static str,
    pub(super) event: EventType,
    pub(super) data: Json,
}

/// All of them, for a recipient of a language.
pub(super) fn all(language: DocumentLanguage) -> Vec<SampleEvent> {
    let mut events = of_accounts(language);
    events.extend(of_bookings(language));
    events.extend(of_disruptions(language));
    events
}

fn sample(name: &'static str, event: EventType, data: &impl serde::Serialize) -> SampleEvent {
    SampleEvent { name, event, data: Json::of(data) }
}

fn now() -> DateTime<Utc> {
    samples::round_trip().issued_at
}

fn of_accounts(language: DocumentLanguage) -> Vec<SampleEvent> {
    let user = UserState {
        id: UserId(Uuid::from_u128(7)),
        email: "ada@aerobus.example".to_owned(),
        given_name: "Ada".to_owned(),
        family_name: "Lovelace".to_owned(),
        locale: language.tag().to_owned(),
    };
    let request = TokenRequest {
        user: user.clone(),
        token: Some(LetterToken("Zk3vQ9pR-7TyL2mWc5XbN8sHd4FgJ6aEuVo1iKqBtM0".to_owned())),
        expires_at: now() + TimeDelta::hours(24),
    };
    let alert = SessionAlert {
        user,
        reason: AlertReason::NewDevice,
        at: now(),
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned()),
        address: Some("2001:db8:85a3::8a2e:370:7334".to_owned()),
    };
    vec![
        sample("verify_email", EventType::UserVerificationRequested, &request),
        sample("password_reset", EventType::UserPasswordResetRequested, &request),
        sample("session_alert", EventType::SessionAlert, &alert),
    ]
}

/// Paris to New York and back, confirmed.
fn confirmed(language: DocumentLanguage) -> BookingState {
    to(language, samples::booking_of(&samples::round_trip()))
}

fn to(language: DocumentLanguage, mut booking: BookingState) -> BookingState {
    booking.contact = Some(BookingContact {
        email: "ada@aerobus.example".to_owned(),
        phone: None,
        locale: Some(language.tag().to_owned()),
    });
    booking
}

/// The same with another status, of all of its parts.
fn with(
    mut booking: BookingState,
    status: BookingStatus,
    payment_status: BookingPaymentStatus,
) -> BookingState {
    booking.segments.iter_mut().for_each(|segment| segment.status = status);
    if status == BookingStatus::Held {
        booking.hold_expires_at = Some(now() + TimeDelta::minutes(15));
    }
    for passenger in &mut booking.passengers {
        if payment_status == BookingPaymentStatus::Awaiting {
            passenger.ticket_number = None;
        }
        if status != BookingStatus::Held {
            passenger.seats.clear();
        }
    }
    BookingState { status, payment_status, ..booking }
}

fn refunded(mut booking: BookingState, amount: Money) -> BookingState {
    booking.refunds.push(BookingRefund {
        id: RefundId(Uuid::from_u128(9)),
        amount,
        reason: "cancelled by the airline".to_owned(),
        status: "pending".to_owned(),
        created_at: now(),
    });
    booking
}

fn of_bookings(language: DocumentLanguage) -> Vec<SampleEvent> {
    let booking = confirmed(language);
    let (held, awaiting) = (BookingStatus::Held, BookingPaymentStatus::Awaiting);
    let part = BookingPaymentStatus::PartlyRefunded;
    let cancelled = |payment| with(booking.clone(), BookingStatus::Cancelled, payment);
    let large = to(language, samples::booking_of(&samples::large_party()));
    let mut one_way = booking.clone();
    one_way.segments.pop();
    one_way.passengers.truncate(1);
    vec![
        sample("booking_held", EventType::BookingHeld, &with(booking.clone(), held, awaiting)),
        sample("booking_confirmed", EventType::BookingConfirmed, &booking),
        sample("booking_confirmed.one-way", EventType::BookingConfirmed, &one_way),
        sample("booking_confirmed.large-party", EventType::BookingConfirmed, &large),
        sample("booking_changed", EventType::BookingChanged, &booking),
        sample(
            "booking_cancelled",
            EventType::BookingCancelled,
            &refunded(cancelled(part), booking.price.taxes),
        ),
        sample("booking_cancelled.unpaid", EventType::BookingCancelled, &cancelled(awaiting)),
        sample(
            "hold_expired",
            EventType::BookingExpired,
            &with(booking.clone(), BookingStatus::Expired, awaiting),
        ),
    ]
}

fn of_disruptions(language: DocumentLanguage) -> Vec<SampleEvent> {
    let booking = confirmed(language);
    let disrupted = |kind, booking: BookingState, reason: &str| {
        let reseated = match kind {
            DisruptionKind::Reseated => reseated(&booking),
            DisruptionKind::Cancelled | DisruptionKind::Rescheduled => Vec::new(),
        };
        let flight_id = booking.segments[0].flight_id;
        let disruption = BookingDisruption { kind, flight_id, reason: Some(reason.to_owned()), reseated };
        DisruptedBooking { booking, disruption }
    };
    let mut late = booking.clone();
    let segment = &mut late.segments[0];
    segment.departure = samples::time("2026-12-14T23:10", "Europe/Paris");
    segment.arrival = samples::time("2026-12-15T01:35", "America/New_York");
    let all = booking.price.total;
    let cancelled = with(booking.clone(), BookingStatus::Cancelled, BookingPaymentStatus::Refunded);
    let changed = EventType::BookingChanged;
    vec![
        sample(
            "booking_changed.reseated",
            changed,
            &disrupted(DisruptionKind::Reseated, booking, "A smaller airplane"),
        ),
        sample(
            "flight_delayed",
            changed,
            &disrupted(DisruptionKind::Rescheduled, late, "Strike of the air traffic control"),
        ),
        sample(
            "flight_cancelled",
            EventType::BookingCancelled,
            &disrupted(DisruptionKind::Cancelled, refunded(cancelled, all), "Storm over the Atlantic"),
        ),
    ]
}

/// All passengers of a booking on other seats of its first flight: from row 4 to theirs.
fn reseated(booking: &BookingState) -> Vec<ReseatedPassenger> {
    let moved = booking.passengers.iter().filter_map(|passenger| {
        let to = passenger.seats.first()?.designator;
        let from =
            format!("4{}", to.to_string().trim_start_matches(|c: char| c.is_ascii_digit())).parse().ok()?;
        Some(ReseatedPassenger { passenger_id: passenger.id, from, to })
    });
    moved.collect()
}
