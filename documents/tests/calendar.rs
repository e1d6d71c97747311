//! Calendars, read by two parsers that have nothing in common with each other or with the writer.

use calcard::{
    Entry, Parser,
    icalendar::{ICalendarComponentType, ICalendarProperty},
};
use documents::{DocumentLanguage, TicketDocument, samples};
use ical::{IcalParser, property::Property};
use proptest::prelude::*;
use shared_types::events::BookingStatus;

const DOMAIN: &str = "aerobus.example";

/// The events of a calendar by the crate `ical`, which leaves values escaped.
fn events(text: &str) -> Vec<Vec<Property>> {
    let mut calendars = IcalParser::new(text.as_bytes());
    let calendar = calendars.next().expect("a calendar").expect("a valid calendar");
    assert!(calendars.next().is_none(), "one calendar");
    calendar.events.into_iter().map(|event| event.properties).collect()
}

fn value<'a>(event: &'a [Property], name: &str) -> &'a str {
    let mut found = event.iter().filter(|property| property.name == name);
    let value = found.next().and_then(|property| property.value.as_deref()).expect(name);
    assert!(found.next().is_none(), "{name} stands once");
    value
}

/// The value of a property in each event by the crate `calcard`, which takes the escapes away.
fn values(text: &str, name: &ICalendarProperty) -> Vec<String> {
    // Its strict mode refuses every BEGIN.
    let mut parser = Parser::new(text);
    let Entry::ICalendar(calendar) = parser.entry() else { panic!("no calendar: {text}") };
    assert!(matches!(parser.entry(), Entry::Eof), "one calendar");
    let events =
        calendar.components.iter().filter(|part| part.component_type == ICalendarComponentType::VEvent);
    let value = |event: &calcard::icalendar::ICalendarComponent| {
        let property = event.property(name).expect("the property");
        let texts: Vec<_> = property.values.iter().filter_map(|value| value.as_text()).collect();
        texts.join(",")
    };
    events.map(value).collect()
}

fn check_lines(text: &str) -> Result<(), TestCaseError> {
    prop_assert!(text.ends_with("END:VCALENDAR\r\n"), "{}", text);
    for line in text.split_terminator("\r\n") {
        prop_assert!(line.len() <= 75, "{} octets: {:?}", line.len(), line);
        prop_assert!(!line.contains(|c: char| c.is_control()), "{:?}", line);
    }
    Ok(())
}

#[test]
fn a_calendar_tells_the_flights() {
    let ticket = samples::round_trip();
    let text = documents::calendar(&ticket, DOMAIN);
    let flights = events(&text);
    assert_eq!(flights.len(), 2);
    for name in ["METHOD:PUBLISH", "VERSION:2.0", "PRODID:-//Aerobus//Documents//EN"] {
        assert!(text.contains(&format!("\r\n{name}\r\n")), "{name}");
    }
    let uid = format!("{}.{}@{DOMAIN}", ticket.booking_id, ticket.segments[1].flight_id);
    for (name, expected) in [
        ("UID", uid.as_str()),
        ("SEQUENCE", "3"),
        ("STATUS", "CONFIRMED"),
        ("DTSTAMP", "20261130T174512Z"),
        ("DTSTART", "20261222T000500Z"),
        ("DTEND", "20261222T071500Z"),
        ("SUMMARY", "Flight AE102 New York – Paris"),
        ("LOCATION", "John F. Kennedy International Airport (JFK)"),
    ] {
        assert_eq!(value(&flights[1], name), expected);
    }
    let description = &values(&text, &ICalendarProperty::Description)[1];
    assert_eq!(
        description,
        "AE102, Aerobus\nDeparture: Mon, 21 Dec 2026, 19:05 (JFK)\nArrival: Tue, 22 Dec 2026, 08:15 (CDG)\n\
         Booking reference: K7XQ2M\nAda Lovelace: seat 31H\nJean-Luc Müller-Lüdenscheidt: seat 31J"
    );
}

#[test]
fn a_calendar_speaks_german() {
    let ticket = TicketDocument { language: DocumentLanguage::German, ..samples::round_trip() };
    let text = documents::calendar(&ticket, DOMAIN);
    assert_eq!(value(&events(&text)[0], "SUMMARY"), "Flug AE101 Paris – New York");
    assert!(
        values(&text, &ICalendarProperty::Description)[0].contains("Abflug: Mo., 14.12.2026, 10:30 (CDG)")
    );
}

#[test]
fn a_change_keeps_the_uid_and_raises_the_sequence() {
    let before = samples::round_trip();
    let mut after = TicketDocument { version: before.version + 1, ..before.clone() };
    after.segments[0].status = BookingStatus::Cancelled;
    after.passengers.pop();
    let (before, after) = (documents::calendar(&before, DOMAIN), documents::calendar(&after, DOMAIN));
    let (before, after) = (events(&before), events(&after));
    for at in 0..2 {
        assert_eq!(value(&before[at], "UID"), value(&after[at], "UID"));
        assert_eq!(value(&after[at], "SEQUENCE"), "4");
    }
    assert_eq!(value(&after[0], "STATUS"), "CANCELLED");
    assert_eq!(value(&after[1], "STATUS"), "CONFIRMED");
}

#[test]
fn all_statuses_have_their_word() {
    for (status, word) in [
        (BookingStatus::Held, "TENTATIVE"),
        (BookingStatus::Confirmed, "CONFIRMED"),
        (BookingStatus::Cancelled, "CANCELLED"),
        (BookingStatus::Expired, "CANCELLED"),
    ] {
        let mut ticket = samples::round_trip();
        ticket.segments[0].status = status;
        assert_eq!(value(&events(&documents::calendar(&ticket, DOMAIN))[0], "STATUS"), word);
    }
}

#[test]
fn an_equal_ticket_gives_an_equal_calendar() {
    let ticket = samples::large_party();
    assert_eq!(documents::calendar(&ticket, DOMAIN), documents::calendar(&ticket.clone(), DOMAIN));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Commas, semicolons, backslashes, line ends, umlauts and emoji at any place: no line is too long, no character is
    /// divided, and both parsers read what was written.
    #[test]
    fn any_text_is_escaped_and_folded(
        city in "([a-zäöü,;:\\\\\"n\u{1f600}]{1,9} ?){0,20}",
        // The crate `ical` loses a colon at the beginning of a value, and the spaces at a fold within spaces.
        airport in "([A-Z]\\PC){0,60}",
        name in any::<String>(),
    ) {
        let mut ticket = samples::round_trip();
        ticket.segments[0].origin.city.name = city.clone();
        ticket.segments[0].origin.name = airport.clone();
        ticket.passengers[0].given_name = name;
        let text = documents::calendar(&ticket, DOMAIN);
        check_lines(&text)?;

        let summary = format!("Flight AE101 {city} – New York");
        let location = format!("{airport} (CDG)");
        let escape = |text: &str| text.replace('\\', "\\\\").replace(',', "\\,").replace(';', "\\;");
        let flights = events(&text);
        prop_assert_eq!(value(&flights[0], "SUMMARY"), escape(&summary));
        prop_assert_eq!(value(&flights[0], "LOCATION"), escape(&location));
        prop_assert_eq!(&values(&text, &ICalendarProperty::Summary)[0], &summary);
        prop_assert_eq!(&values(&text, &ICalendarProperty::Location)[0], &location);
        let lines = values(&text, &ICalendarProperty::Description)[0].lines().count();
        prop_assert!(lines >= 6, "{} lines", lines);
    }
}
