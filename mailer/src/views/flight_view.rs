//! Flights as templates show them.

use documents::{
    Catalogue, TicketDocument, TicketSegment, journey_texts,
    local_format::{clock, short_date},
};
use serde::Serialize;
use shared::{events::Station, flight_time::FlightTime};

/// A flight.
#[derive(Serialize)]
pub(super) struct FlightView<'a> {
    number: &'a str,
    airline: &'a str,
    cabin: String,
    from: StationView<'a>,
    to: StationView<'a>,
    /// Clocks and dates are local to the airports.
    departs: String,
    departs_on: String,
    arrives: String,
    arrives_on: String,
    /// `+1`, `-1`; empty on the same day.
    days: String,
    /// The same in words.
    day_change: Option<String>,
    duration: String,
    /// The change of flights before it.
    connection: Option<String>,
    /// What the airline did to it.
    mark: Option<String>,
}

/// An airport.
#[derive(Serialize)]
struct StationView<'a> {
    iata: &'a str,
    city: &'a str,
    airport: &'a str,
}

impl<'a> FlightView<'a> {
    /// The flight of a segment, counted from 0.
    pub(super) fn new(
        ticket: &'a TicketDocument,
        texts: &Catalogue,
        (at, segment): (usize, &'a TicketSegment),
        mark: Option<String>,
    ) -> Self {
        let date = |time: &FlightTime| short_date(ticket.language, time.local.date());
        let before = at.checked_sub(1).and_then(|before| ticket.segments.get(before));
        let cabin = texts.text(&format!("cabin-{}", segment.cabin.as_str()));
        let brand = texts.text(&format!("brand-{}", segment.brand.as_str()));
        let days = segment.arrival_day_offset();
        Self {
            number: segment.flight_number.as_str(),
            airline: &segment.airline,
            cabin: texts.with("cabin-and-brand", [("cabin", cabin), ("brand", brand)]),
            from: StationView::new(&segment.origin),
            to: StationView::new(&segment.destination),
            departs: clock(segment.departure.local),
            departs_on: date(&segment.departure),
            arrives: clock(segment.arrival.local),
            arrives_on: date(&segment.arrival),
            days: if days == 0 { String::new() } else { format!("{days:+}") },
            day_change: journey_texts::day_change(texts, segment),
            duration: journey_texts::duration(texts, segment.duration_minutes()),
            connection: before.and_then(|before| journey_texts::connection(texts, before, segment)),
            mark,
        }
    }

    /// Whether it is the flight with this number.
    pub(super) fn is(&self, number: &str) -> bool {
        self.number == number
    }

    /// When it leaves: `Mon, 14 Dec 2026, 10:30`.
    pub(super) fn departure(&self) -> String {
        format!("{}, {}", self.departs_on, self.departs)
    }
}

impl<'a> StationView<'a> {
    fn new(station: &'a Station) -> Self {
        Self { iata: station.iata.as_str(), city: &station.city.name, airport: &station.name }
    }
}

/// What stands at the head of a letter: `Paris → New York`, or `Paris ⇄ New York` for a journey that ends where it began.
/// Its far end is where the traveller stays longest.
pub(super) fn headline(segments: &[TicketSegment]) -> String {
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else { return String::new() };
    let (start, end) = (&first.origin.city, &last.destination.city);
    if start.code != end.code {
        return format!("{} \u{2192} {}", start.name, end.name);
    }
    let stays = segments.windows(2).filter_map(|pair| {
        let [before, next] = pair else { return None };
        Some((next.departure.at - before.arrival.at, &before.destination.city.name))
    });
    match stays.max_by_key(|(stay, _)| *stay) {
        Some((_, far)) => format!("{} \u{21c4} {far}", start.name),
        None => start.name.clone(),
    }
}

/// The days of the journey: `Mon, 14 Dec 2026 – Mon, 21 Dec 2026`.
pub(super) fn period(ticket: &TicketDocument, texts: &Catalogue) -> String {
    let date = |segment: &TicketSegment| short_date(ticket.language, segment.departure.local.date());
    let (first, last) = (ticket.segments.first().map(date), ticket.segments.last().map(date));
    match (first, last) {
        (Some(first), Some(last)) if first != last => {
            texts.with("period", [("first", first), ("last", last)])
        }
        (first, _) => first.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use documents::samples;

    #[test]
    fn a_headline_names_the_far_end_of_a_journey() {
        let segments = samples::round_trip().segments;
        assert_eq!(headline(&segments), "Paris \u{21c4} New York");
        assert_eq!(headline(&segments[..1]), "Paris \u{2192} New York");
        assert_eq!(headline(&[]), "");
        assert_eq!(headline(&samples::large_party().segments), "Paris \u{21c4} Auckland");
    }
}
