//! Calendars, read by two parsers that have nothing in common with each other or with the writer.

use calcard::{
    Entry, Parser,
    common::timezone::Tz,
    icalendar::{ICalendarComponentType, ICalendarProperty},
};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use documents::{DocumentLanguage, TicketDocument, samples};
use ical::{IcalParser, property::Property};
use proptest::prelude::*;
use shared_types::{events::BookingStatus, flight_time::FlightTime};

/// Zones with and without summer time, on both sides of the equator, of half hours and of changes by half an hour.
const ZONES: [&str; 8] = [
    "Europe/London",
    "America/New_York",
    "Asia/Tokyo",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Pacific/Auckland",
    "Africa/Casablanca",
];

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
    let text = documents::calendar(&ticket);
    let flights = events(&text);
    assert_eq!(flights.len(), 2);
    for name in ["METHOD:PUBLISH", "VERSION:2.0", "PRODID:-//Aerobus//Documents//EN"] {
        assert!(text.contains(&format!("\r\n{name}\r\n")), "{name}");
    }
    let uid = format!("{}.{}", ticket.booking_id, ticket.segments[1].flight_id);
    for (name, expected) in [
        ("UID", uid.as_str()),
        ("SEQUENCE", "3"),
        ("STATUS", "CONFIRMED"),
        ("DTSTAMP", "20261130T174512Z"),
        ("DTSTART", "20261221T190500"),
        ("DTEND", "20261222T081500"),
        ("URL", "https://aerobus.example/manage"),
        ("SUMMARY", "Flight AE102 New York – Paris"),
        ("LOCATION", "John F. Kennedy International Airport (JFK)"),
    ] {
        assert_eq!(value(&flights[1], name), expected);
    }
    let description = &values(&text, &ICalendarProperty::Description)[1];
    assert_eq!(
        description,
        "AE102, Aerobus\nDeparture: Mon, 21 Dec 2026, 19:05 (JFK)\nArrival: Tue, 22 Dec 2026, 08:15 (CDG)\n\
         Booking reference: K7XQ2M\nAda Lovelace: seat 31H\nJean-Luc Müller-Lüdenscheidt: seat 31J\n\
         Manage your booking: https://aerobus.example/manage"
    );
}

/// The instants of a property by the crate `calcard`, which has a database of zones of its own.
fn instants(text: &str, name: &ICalendarProperty) -> Vec<i64> {
    let mut parser = Parser::new(text);
    let Entry::ICalendar(calendar) = parser.entry() else { panic!("no calendar: {text}") };
    let resolver = calendar.build_tz_resolver();
    let events =
        calendar.components.iter().filter(|part| part.component_type == ICalendarComponentType::VEvent);
    let instant = |event: &calcard::icalendar::ICalendarComponent| {
        let property = event.property(name).expect("the property");
        let time = property.values[0].as_partial_date_time().expect("a time");
        let zone = property.tz_id().map_or(Tz::UTC, |id| resolver.resolve(id).expect("a zone"));
        time.to_date_time_with_tz(zone).expect("an instant").timestamp()
    };
    events.map(instant).collect()
}

/// The same by the crate `ical` and the definitions of zones in the calendar, as a program reads them that has no
/// database of zones.
fn defined_instants(text: &str, name: &str) -> Vec<i64> {
    let calendar = IcalParser::new(text.as_bytes()).next().expect("a calendar").expect("a valid calendar");
    let local = |text: &str| NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").expect("a local time");
    let value = |properties: &[Property], name: &str| {
        let property = properties.iter().find(|property| property.name == name).expect(name);
        property.value.clone().expect(name)
    };
    let seconds = |offset: &str| {
        let number = |range: std::ops::Range<usize>| offset[range].parse::<i64>().expect("a number");
        let size = number(1..3) * 3600 + number(3..5) * 60;
        if offset.starts_with('-') { -size } else { size }
    };
    let instant = |event: &ical::parser::ical::component::IcalEvent| {
        let property = event.properties.iter().find(|property| property.name == name).expect(name);
        let time = property.value.as_deref().expect(name);
        if let Some(utc) = time.strip_suffix('Z') {
            return local(utc).and_utc().timestamp();
        }
        let zone = property.params.as_ref().expect("parameters")[0].1[0].as_str();
        let zone = calendar.timezones.iter().find(|one| value(&one.properties, "TZID") == zone).expect(zone);
        let begun = zone.transitions.iter().rev();
        let mut begun = begun.filter(|one| local(&value(&one.properties, "DTSTART")) <= local(time));
        let offset = value(&begun.next().expect("an observance").properties, "TZOFFSETTO");
        local(time).and_utc().timestamp() - seconds(&offset)
    };
    calendar.events.iter().map(instant).collect()
}

#[test]
fn times_name_zones_that_the_calendar_defines() {
    let mut ticket = samples::large_party();
    // The second 02:30 of the night in which clocks are put back.
    let first = samples::time("2026-10-25T02:30", "Europe/Paris");
    let second = FlightTime::from_instant(first.at + TimeDelta::hours(1), "Europe/Paris").unwrap();
    ticket.segments[0].departure = second;
    let text = documents::calendar(&ticket);
    let mut calendars = IcalParser::new(text.as_bytes());
    let zones = calendars.next().unwrap().unwrap().timezones;
    let defined: Vec<_> = zones.iter().map(|zone| zone.properties[0].value.clone().unwrap()).collect();
    let expected = [
        "America/New_York",
        "Asia/Dubai",
        "Asia/Hong_Kong",
        "Europe/Paris",
        "Pacific/Auckland",
        "Pacific/Honolulu",
    ];
    assert_eq!(defined, expected);
    assert!(zones.iter().all(|zone| !zone.transitions.is_empty()));
    assert!(text.contains("DTSTART:20261025T013000Z\r\n"), "{text}");
    assert!(text.contains("DTEND;TZID=Asia/Dubai:20261215T072000\r\n"), "{text}");
    let departures: Vec<_> = ticket.segments.iter().map(|segment| segment.departure.at.timestamp()).collect();
    assert_eq!(instants(&text, &ICalendarProperty::Dtstart), departures);
    let arrivals: Vec<_> = ticket.segments.iter().map(|segment| segment.arrival.at.timestamp()).collect();
    assert_eq!(instants(&text, &ICalendarProperty::Dtend), arrivals);
    assert_eq!(defined_instants(&text, "DTSTART"), departures);
    assert_eq!(defined_instants(&text, "DTEND"), arrivals);
}

#[test]
fn a_calendar_without_a_page_links_to_none() {
    let ticket = TicketDocument { manage_url: None, ..samples::round_trip() };
    let text = documents::calendar(&ticket);
    assert!(!text.contains("URL") && !text.contains("Manage"), "{text}");
}

#[test]
fn a_calendar_speaks_german() {
    let ticket = TicketDocument { language: DocumentLanguage::German, ..samples::round_trip() };
    let text = documents::calendar(&ticket);
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
    let (before, after) = (documents::calendar(&before), documents::calendar(&after));
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
        assert_eq!(value(&events(&documents::calendar(&ticket))[0], "STATUS"), word);
    }
}

#[test]
fn an_equal_ticket_gives_an_equal_calendar() {
    let ticket = samples::large_party();
    assert_eq!(documents::calendar(&ticket), documents::calendar(&ticket.clone()));
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
        let text = documents::calendar(&ticket);
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

    /// Whatever the zones and times of a journey, both ways to read them give its instants.
    #[test]
    fn any_time_is_read_as_it_was_meant(
        from in prop::sample::select(&ZONES[..]),
        to in prop::sample::select(&ZONES[..]),
        // Minutes from 2026-01-01.
        departure in 0_i64..3_000_000,
        minutes in 20_i64..1_200,
    ) {
        let mut ticket = samples::round_trip();
        let begin: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let departure = begin + TimeDelta::minutes(departure);
        ticket.segments.truncate(1);
        ticket.segments[0].departure = FlightTime::from_instant(departure, from).unwrap();
        ticket.segments[0].arrival = FlightTime::from_instant(departure + TimeDelta::minutes(minutes), to).unwrap();
        let text = documents::calendar(&ticket);
        check_lines(&text)?;
        prop_assert_eq!(defined_instants(&text, "DTSTART"), [departure.timestamp()]);
        prop_assert_eq!(defined_instants(&text, "DTEND"), [departure.timestamp() + minutes * 60]);
    }
}
