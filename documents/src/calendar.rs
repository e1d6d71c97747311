//! The flights of a booking as an iCalendar object (RFC 5545).

use crate::{
    TicketDocument, TicketSegment,
    catalogue::Catalogue,
    content_lines::folded,
    local_format::{clock, short_date},
    zone_definitions::{is_named_locally, zone_definitions},
};
use icalendar::{Calendar, Component, Event, EventLike, EventStatus, Property};
use shared_types::{
    events::{BookingStatus, Station},
    flight_time::FlightTime,
};

/// Who made the calendar (RFC 5545, 3.7.3).
const PRODUCT: &str = "-//Aerobus//Documents//EN";

/// What the zones stand before.
const FIRST_EVENT: &str = "BEGIN:VEVENT\r\n";

/// The calendar of a ticket: `METHOD:PUBLISH`, an event for each segment, in the order of travel.
///
/// An event keeps its UID as long as the booking has the segment. The UID is made of ids that are unique in the world
/// (RFC 7986, 5.3), and of no name of a host, which may change. Its SEQUENCE is the booking's version, so a calendar program takes a later calendar for a
/// change of the same events. The event of a segment that is not flown any more stays, as CANCELLED.
///
/// Times are local to the airports, with the definitions of their zones, so a calendar program shows both what the
/// ticket says and the traveller's own time. A local time that clocks show twice is written in UTC the second time.
#[must_use]
pub fn calendar(ticket: &TicketDocument) -> String {
    let events = ticket.segments.iter().enumerate().map(|(at, segment)| event(ticket, at, segment));
    let mut calendar: Calendar = events.collect();
    calendar.properties = Property::from_array([
        ("VERSION", "2.0"),
        ("PRODID", PRODUCT),
        ("CALSCALE", "GREGORIAN"),
        ("METHOD", "PUBLISH"),
    ]);
    // The library has no component without a UID and a time stamp, and a zone has neither.
    let times = ticket.segments.iter().flat_map(|segment| [&segment.departure, &segment.arrival]);
    let zones = zone_definitions(times);
    folded(&calendar.to_string().replacen(FIRST_EVENT, &format!("{zones}{FIRST_EVENT}"), 1))
}

fn event(ticket: &TicketDocument, at: usize, segment: &TicketSegment) -> Event {
    let texts = Catalogue::of(ticket.language);
    let summary = texts.with(
        "calendar-summary",
        [
            ("flight", segment.flight_number.as_str()),
            ("from", &segment.origin.city.name),
            ("to", &segment.destination.city.name),
        ],
    );
    let uid = format!("{}.{}", ticket.booking_id, segment.flight_id);
    let mut event = Event::new();
    event
        .uid(&printable(&uid))
        .timestamp(ticket.issued_at)
        .last_modified(ticket.issued_at)
        .sequence(u32::try_from(ticket.version).unwrap_or(if ticket.version < 0 { 0 } else { u32::MAX }))
        .status(status(segment.status))
        .summary(&printable(&summary))
        .location(&printable(&format!("{} ({})", segment.origin.name, segment.origin.iata)))
        .description(&printable(&description(ticket, at, segment)))
        .append_property(moment("DTSTART", &segment.departure))
        .append_property(moment("DTEND", &segment.arrival));
    if let Some(url) = &ticket.manage_url {
        event.url(&printable(url));
    }
    event.done()
}

/// A time of a flight, by the clocks of its airport.
fn moment(name: &str, time: &FlightTime) -> Property {
    match is_named_locally(time) {
        true => {
            let local = time.local.civil().strftime("%Y%m%dT%H%M%S").to_string();
            Property::new(name, local).add_parameter("TZID", &time.time_zone).done()
        }
        false => Property::new(name, time.at.format("%Y%m%dT%H%M%SZ").to_string()),
    }
}

fn status(status: BookingStatus) -> EventStatus {
    match status {
        BookingStatus::Held => EventStatus::Tentative,
        BookingStatus::Confirmed => EventStatus::Confirmed,
        BookingStatus::Cancelled | BookingStatus::Expired => EventStatus::Cancelled,
    }
}

fn description(ticket: &TicketDocument, at: usize, segment: &TicketSegment) -> String {
    let texts = Catalogue::of(ticket.language);
    let told = |key, time: &FlightTime, station: &Station| {
        let date = short_date(ticket.language, time.local.date());
        texts.with(key, [("date", date), ("time", clock(time.local)), ("airport", station.iata.to_string())])
    };
    let mut lines = vec![
        format!("{}, {}", segment.flight_number, segment.airline),
        told("calendar-departure", &segment.departure, &segment.origin),
        told("calendar-arrival", &segment.arrival, &segment.destination),
        format!("{}: {}", texts.text("booking-reference"), ticket.locator),
    ];
    lines.extend(ticket.passengers.iter().map(|passenger| match passenger.seat_on(at) {
        Some(seat) => {
            texts.with("calendar-seat", [("name", passenger.full_name()), ("seat", seat.to_string())])
        }
        None => passenger.full_name(),
    }));
    lines.extend(ticket.manage_url.iter().map(|url| texts.with("manage-link", [("url", url.as_str())])));
    lines.join("\n")
}

/// A text without control characters but for line feeds. RFC 5545 allows none of the others in a text, and the
/// library escapes a line feed only: a carriage return would break the line.
fn printable(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace(|c: char| c.is_control() && c != '\n', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn control_characters_go_and_line_ends_are_line_feeds() {
        assert_eq!(printable("a\r\nb\rc\nd\te\u{7f}\u{85}f\0"), "a\nb\nc\ndef");
    }
}
