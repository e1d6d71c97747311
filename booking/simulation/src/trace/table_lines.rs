//! All rows of the model as lines, so that they can be compared with those of PostgreSQL. The lines leave out what
//! a replay draws anew: ids of refunds and events, and locators drawn again.

use crate::database::ModelRows;
use booking::replay::StoredCode;
use booking_engine::{booking::idempotency::StoredAnswer, payment::quote::Quote};
use chrono::{DateTime, Utc};
use serde_json::Value;
use shared::ids::BookingId;
use std::{collections::BTreeMap, fmt::Write};

/// The lines of each table, in order.
pub(crate) type TableLines = Vec<(&'static str, Vec<String>)>;

/// The locators that claims came with.
pub(crate) type ClaimedLocators = BTreeMap<BookingId, String>;

fn at(instant: DateTime<Utc>) -> String {
    instant.timestamp_micros().to_string()
}

/// A text, or a dash where there is none.
pub(crate) fn or_none(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A stored answer without what differs between equal runs.
pub(crate) fn stored_answer(status: i16, booking: &str) -> String {
    let mut value: Value = serde_json::from_str(booking).unwrap_or(Value::Null);
    if let Some(object) = value.as_object_mut() {
        object.remove("locator");
        for refund in object.get_mut("refunds").and_then(Value::as_array_mut).into_iter().flatten() {
            refund["id"] = Value::Null;
        }
    }
    format!("{status} {value}")
}

/// Says whether a locator is still the one of the claim: a replay draws others than its run.
pub(crate) fn locator_words(claimed: &ClaimedLocators, booking: BookingId, locator: &str) -> String {
    let own = claimed.get(&booking).is_some_and(|own| own == locator);
    if own { "as claimed" } else { "drawn again" }.to_owned()
}

/// The rows of the model.
pub(crate) fn table_lines(rows: &ModelRows, claimed: &ClaimedLocators) -> TableLines {
    let mut lines = booking_lines(rows, claimed);
    let flights = rows.flights.iter().map(|(id, row)| {
        format!("{id}|{}|{}|{}|{}", row.version, at(row.departure_at), row.on_sale, row.seats_version)
    });
    let seats = rows.seats.iter().flat_map(|(flight, seats)| {
        seats.iter().map(move |(seat, holder)| {
            format!("{flight}|{}|{}|{}", seat.to_number(), holder.booking, holder.sold)
        })
    });
    let travellers = rows.travellers.iter().map(|((flight, owner, person), entry)| {
        format!("{flight}|{owner}|{person}|{}|{}", entry.booking, entry.seated)
    });
    let keys = rows.keys.iter().map(|(scope, row)| {
        let told =
            row.answer.as_ref().map(|StoredAnswer { status, booking }| stored_answer(*status, booking));
        format!("{}|{}|{}|{}|{}", hex(scope), hex(&row.body), row.booking, at(row.created_at), or_none(told))
    });
    let payments = rows.payments.iter().map(|(id, row)| {
        let payment = &row.payment;
        format!(
            "{id}|{}|{}|{}|{}|{}|{}|{}|{}|{}",
            row.booking,
            payment.method,
            or_none(payment.token.clone()),
            payment.amount,
            payment.state.code(),
            at(payment.held_until),
            or_none(payment.key_scope.as_deref().map(hex)),
            payment.answer,
            at(payment.created_at),
        )
    });
    let unsettled =
        rows.unsettled.iter().map(|(id, row)| format!("{id}|{}|{}", at(row.attempted_at), row.attempts));
    let refunds = rows.refunds.values().map(|row| {
        let refund = &row.refund;
        let attempted = or_none(row.attempted_at.map(at));
        let (booking, payment) = (row.booking, refund.payment_id);
        format!(
            "{booking}|{payment}|{}|{}|{}|{}|{attempted}|{}",
            refund.amount,
            refund.reason,
            refund.settled,
            at(refund.created_at),
            row.attempts,
        )
    });
    let entries = rows.entries.iter().map(|((cause, account), row)| {
        let payment = rows.payments.keys().find(|id| id.0 == *cause);
        let cause = payment.map_or_else(|| "refund".to_owned(), ToString::to_string);
        format!("{cause}|{account}|{}|{}|{}", row.booking, row.amount, at(row.created_at))
    });
    let quotes = rows.quotes.values().map(|quote| {
        let Quote { id, booking, version, refund, penalty, expires_at } = quote;
        let (fare, taxes) = (refund.fare, refund.taxes);
        format!("{}|{booking}|{version}|{fare}|{taxes}|{penalty}|{}", id.0, at(*expires_at))
    });
    let disruptions = rows.disruptions.values();
    let disruptions = disruptions.map(|one| format!("{}|{}|{}", one.flight, one.version, one.kind.code()));
    lines.push(("disruptions", disruptions.collect()));
    lines.push(("cancellation_quotes", quotes.collect()));
    lines.push(("flights", flights.collect()));
    lines.push(("seats", seats.collect()));
    lines.push(("travellers", travellers.collect()));
    lines.push(("idempotency_keys", keys.collect()));
    lines.push(("payments", payments.collect()));
    lines.push(("unsettled_payments", unsettled.collect()));
    lines.push(("refunds", refunds.collect()));
    lines.push(("ledger_entries", entries.collect()));
    lines.iter_mut().for_each(|(_, lines)| lines.sort_unstable());
    lines
}

fn booking_lines(rows: &ModelRows, claimed: &ClaimedLocators) -> TableLines {
    let (mut bookings, mut segments, mut passengers) = (Vec::new(), Vec::new(), Vec::new());
    for (id, row) in &rows.bookings {
        bookings.push(format!(
            "{id}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}",
            locator_words(claimed, *id, row.locator.as_str()),
            row.owner_id,
            row.status.code(),
            row.payment_status.code(),
            at(row.hold_expires_at),
            row.currency.code(),
            row.contact.email.as_str(),
            or_none(row.contact.phone.as_ref().map(|phone| phone.as_str().to_owned())),
            row.version,
            at(row.created_at),
            at(row.updated_at),
            or_none(row.confirmed_at.map(at)),
        ));
        for (position, segment) in row.segments.iter().enumerate() {
            let (cabin, brand) = (segment.cabin.code(), segment.brand.code());
            segments.push(format!(
                "{id}|{position}|{}|{cabin}|{brand}|{}|{}|{}",
                segment.flight_id, segment.fare, segment.taxes, segment.flight_version
            ));
        }
        for (position, one) in row.passengers.iter().enumerate() {
            let seat = |seat: &Option<shared::seat::SeatDesignator>| {
                seat.map_or_else(|| "NULL".to_owned(), |seat| seat.to_number().to_string())
            };
            let booked = one.booked_name.as_ref();
            let seats: Vec<String> = one.seats.iter().map(seat).collect();
            passengers.push(format!(
                "{id}|{position}|{}|{}|{}|{}|{}|{}|{}|{}|{{{}}}",
                one.id,
                one.kind.code(),
                one.given_name.as_str(),
                one.family_name.as_str(),
                or_none(booked.map(|(given, _)| given.as_str().to_owned())),
                or_none(booked.map(|(_, family)| family.as_str().to_owned())),
                one.born_on,
                or_none(one.ticket_number.map(|number| number.to_string())),
                seats.join(","),
            ));
        }
    }
    vec![("bookings", bookings), ("segments", segments), ("passengers", passengers)]
}
