//! The head of the ticket and its flights.

use super::{
    Layout,
    canvas::{
        ACCENT, Align, BLACK, Color, ElementId, GOOD, GREY, INK, LEFT, LINE, NAVY, RIGHT, ROOT, Role, Shape,
        TINT, TextStyle,
    },
    fitting::LINE_HEIGHT,
    typeface::{UnreadableFont, Weight},
};
use crate::{
    TicketSegment, journey_texts,
    local_format::{clock, long_date, short_date},
};
use shared_types::events::{BookingStatus, Station};

/// Height of a flight with the gap below it.
const FLIGHT_HEIGHT: f32 = 99.0;

/// Where a time with its airport begins, how wide it may be, and the size of its digits.
pub(super) struct EndPlace {
    pub(super) x: f32,
    pub(super) baseline: f32,
    pub(super) width: f32,
    pub(super) size: f32,
}

impl Layout<'_> {
    /// The first page's head, and the flights.
    pub(super) fn itinerary(&mut self) -> Result<(), UnreadableFont> {
        self.head()?;
        let section = self.canvas.element(ROOT, Role::Section);
        self.heading(section, "flights")?;
        let ticket = self.ticket;
        for (at, segment) in ticket.segments.iter().enumerate() {
            self.canvas.make_room(FLIGHT_HEIGHT);
            self.flight(section, segment)?;
            if let Some(next) = ticket.segments.get(at + 1) {
                self.connection(section, segment, next)?;
            }
        }
        Ok(())
    }

    /// A heading of the second level at the next place, with its bookmark. The caller has made room for it.
    pub(super) fn heading(&mut self, section: ElementId, key: &str) -> Result<(), UnreadableFont> {
        let title = self.texts.text(key);
        self.canvas.bookmark(title.clone());
        let heading = self.canvas.element(section, Role::Heading(2, title.clone()));
        let place = (LEFT, self.canvas.y + 12.0);
        self.canvas.write(Some(heading), place, Align::Left, TextStyle(12.5, Weight::Bold, NAVY), &title)?;
        self.canvas.y += 20.0;
        Ok(())
    }

    fn head(&mut self) -> Result<(), UnreadableFont> {
        let (ticket, texts) = (self.ticket, self.texts);
        let canvas = &mut self.canvas;
        canvas.rectangle((0.0, 0.0), (super::PAGE.0, 6.0), NAVY);
        let section = canvas.element(ROOT, Role::Section);
        let issuer = canvas.element(section, Role::Paragraph);
        let style = TextStyle(17.0, Weight::Bold, NAVY);
        canvas.write_fitted(Some(issuer), (LEFT, 52.0), Align::Left, style, (&ticket.issuer, 330.0))?;
        let kind = canvas.element(section, Role::Paragraph);
        let style = TextStyle(10.0, Weight::Regular, GREY);
        canvas.write(Some(kind), (RIGHT, 52.0), Align::Right, style, &texts.text("receipt-title"))?;
        canvas.hairline(63.0);

        let stops = self.stops();
        let canvas = &mut self.canvas;
        canvas.y = 74.0;
        canvas.bookmark(stops.clone());
        let heading = canvas.element(section, Role::Heading(1, stops.clone()));
        let style = TextStyle(if stops.chars().count() > 40 { 15.0 } else { 21.0 }, Weight::Bold, INK);
        let lines = canvas.wrap(&stops, style, 370.0)?;
        let mut baseline = canvas.write_lines(Some(heading), (LEFT, 98.0), style, &lines)?;
        baseline -= style.0 * LINE_HEIGHT;
        let subtitle = self.subtitle();
        let canvas = &mut self.canvas;
        let paragraph = canvas.element(section, Role::Paragraph);
        let style = TextStyle(10.0, Weight::Regular, GREY);
        canvas.write(Some(paragraph), (LEFT, baseline + 18.0), Align::Left, style, &subtitle)?;

        canvas.rectangle((RIGHT - 128.0, 76.0), (128.0, 46.0), TINT);
        let paragraph = canvas.element(section, Role::Paragraph);
        let (label, locator) = (TextStyle(8.0, Weight::Regular, GREY), TextStyle(19.0, Weight::Bold, NAVY));
        let middle = RIGHT - 64.0;
        let reference = texts.text("booking-reference");
        canvas.write(Some(paragraph), (middle, 90.0), Align::Center, label, &reference)?;
        let reference = (ticket.locator.as_str(), 118.0);
        canvas.write_fitted(Some(paragraph), (middle, 113.0), Align::Center, locator, reference)?;
        canvas.y = (baseline + 18.0).max(122.0) + 20.0;
        Ok(())
    }

    /// The cities of the journey: `Paris – New York – Paris`. A line does not begin with a dash.
    fn stops(&self) -> String {
        let mut stops: Vec<&str> = Vec::new();
        for segment in &self.ticket.segments {
            for city in [&segment.origin.city.name, &segment.destination.city.name] {
                if stops.last() != Some(&city.as_str()) {
                    stops.push(city);
                }
            }
        }
        if stops.is_empty() { self.ticket.locator.clone() } else { stops.join("\u{a0}– ") }
    }

    fn subtitle(&self) -> String {
        let (ticket, texts) = (self.ticket, self.texts);
        let travellers = texts.with("travellers", [("count", ticket.passengers.len())]);
        let dates = ticket.segments.first().zip(ticket.segments.last()).map(|(first, last)| {
            let (first, last) = (first.departure.local.date(), last.departure.local.date());
            let day = |date| short_date(ticket.language, date);
            if first == last {
                day(first)
            } else {
                texts.with("period", [("first", day(first)), ("last", day(last))])
            }
        });
        dates.into_iter().chain([travellers]).collect::<Vec<_>>().join("  ·  ")
    }

    fn flight(&mut self, section: ElementId, segment: &TicketSegment) -> Result<(), UnreadableFont> {
        let top = self.canvas.y;
        let part = self.canvas.element(section, Role::Section);
        self.canvas.rectangle((LEFT, top), (RIGHT - LEFT, 21.0), TINT);
        self.canvas.rectangle((LEFT, top), (2.5, 85.0), NAVY);
        self.flight_strip(part, segment, top + 14.5)?;
        let baseline = top + 49.0;
        let times = self.canvas.element(part, Role::Paragraph);
        let departure = EndPlace { x: LEFT + 14.0, baseline, width: 232.0, size: 25.0 };
        let arrival = EndPlace { x: LEFT + 282.0, width: 220.0, baseline, size: 25.0 };
        let end = self.departure(times, segment, &departure)?;
        self.duration(times, segment, (end + 12.0, arrival.x - 14.0), baseline)?;
        self.arrival(times, segment, &arrival)?;
        self.canvas.y = top + FLIGHT_HEIGHT;
        Ok(())
    }

    /// Day, flight, cabin and status, in one line.
    fn flight_strip(
        &mut self,
        part: ElementId,
        segment: &TicketSegment,
        baseline: f32,
    ) -> Result<(), UnreadableFont> {
        let day = long_date(self.language(), segment.departure.local.date());
        let heading =
            self.canvas.element(part, Role::Heading(3, format!("{day}, {}", segment.flight_number)));
        let style = TextStyle(10.0, Weight::Bold, NAVY);
        let left = (LEFT + 14.0, baseline);
        self.canvas.write_fitted(Some(heading), left, Align::Left, style, (&day, 178.0))?;
        let (status, color) = self.status(segment.status);
        let paragraph = self.canvas.element(part, Role::Paragraph);
        let style = TextStyle(8.5, Weight::Bold, color);
        let width = self.canvas.shape(&status, Weight::Bold)?.width(8.5);
        let facts = [
            segment.flight_number.to_string(),
            segment.airline.clone(),
            self.cabin(segment),
            self.brand(segment),
        ];
        let facts = facts.join(" · ");
        let (regular, right) = (TextStyle(8.5, Weight::Regular, INK), RIGHT - 8.0 - width - 10.0);
        let room = right - LEFT - 200.0;
        self.canvas.write_fitted(
            Some(paragraph),
            (right, baseline),
            Align::Right,
            regular,
            (&facts, room),
        )?;
        self.canvas.write(Some(paragraph), (RIGHT - 8.0, baseline), Align::Right, style, &status)?;
        Ok(())
    }

    /// The word for a status, with its colour.
    fn status(&self, status: BookingStatus) -> (String, Color) {
        let (key, color) = match status {
            BookingStatus::Confirmed => ("status-confirmed", GOOD),
            BookingStatus::Held => ("status-held", ACCENT),
            BookingStatus::Cancelled => ("status-cancelled", ACCENT),
            BookingStatus::Expired => ("status-expired", ACCENT),
        };
        (self.texts.text(key), color)
    }

    /// The name of the cabin.
    pub(super) fn cabin(&self, segment: &TicketSegment) -> String {
        self.texts.text(&format!("cabin-{}", segment.cabin))
    }

    /// The name of the brand.
    pub(super) fn brand(&self, segment: &TicketSegment) -> String {
        self.texts.text(&format!("brand-{}", segment.brand))
    }

    /// The departure's time and airport. Gives where the time ends.
    pub(super) fn departure(
        &mut self,
        times: ElementId,
        segment: &TicketSegment,
        place: &EndPlace,
    ) -> Result<f32, UnreadableFont> {
        let style = TextStyle(place.size, Weight::Bold, BLACK);
        let time = clock(segment.departure.local);
        let width = self.canvas.write(Some(times), (place.x, place.baseline), Align::Left, style, &time)?;
        self.airport(times, &segment.origin, place)?;
        Ok(place.x + width)
    }

    /// The arrival's time, with the days since the departure, and airport.
    pub(super) fn arrival(
        &mut self,
        times: ElementId,
        segment: &TicketSegment,
        place: &EndPlace,
    ) -> Result<(), UnreadableFont> {
        let style = TextStyle(place.size, Weight::Bold, BLACK);
        let time = clock(segment.arrival.local);
        let width = self.canvas.write(Some(times), (place.x, place.baseline), Align::Left, style, &time)?;
        if let Some(days) = journey_texts::day_change(self.texts, segment) {
            let raised = (place.x + width + 5.0, place.baseline - place.size * 0.34);
            let style = TextStyle(place.size * 0.4, Weight::Bold, ACCENT);
            self.canvas.write(Some(times), raised, Align::Left, style, &days)?;
        }
        self.airport(times, &segment.destination, place)
    }

    /// Code, city and name of an airport below its time.
    fn airport(
        &mut self,
        times: ElementId,
        station: &Station,
        place: &EndPlace,
    ) -> Result<(), UnreadableFont> {
        let canvas = &mut self.canvas;
        let code_size = place.size * 0.44;
        let bold = TextStyle(code_size, Weight::Bold, INK);
        let below = place.baseline + code_size * 1.5;
        let code = station.iata.as_str();
        let code_width =
            canvas.write(Some(times), (place.x, below), Align::Left, bold, code)? + code_size * 0.3;
        let city = (station.city.name.as_str(), place.width - code_width);
        let style = TextStyle(code_size, Weight::Regular, INK);
        canvas.write_fitted(Some(times), (place.x + code_width, below), Align::Left, style, city)?;
        let small = TextStyle(place.size * 0.33, Weight::Regular, GREY);
        let name = (station.name.as_str(), place.width);
        canvas.write_fitted(Some(times), (place.x, below + code_size * 1.2), Align::Left, small, name)?;
        Ok(())
    }

    /// An arrow from the departure to the arrival, with the duration above it.
    fn duration(
        &mut self,
        times: ElementId,
        segment: &TicketSegment,
        (from, to): (f32, f32),
        baseline: f32,
    ) -> Result<(), UnreadableFont> {
        let (text, style) = (
            journey_texts::duration(self.texts, segment.duration_minutes()),
            TextStyle(8.5, Weight::Regular, GREY),
        );
        let middle = ((from + to) / 2.0, baseline - 13.0);
        self.canvas.write(Some(times), middle, Align::Center, style, &text)?;
        self.arrow((from, to), baseline - 7.5);
        Ok(())
    }

    /// An arrow that points to the right.
    pub(super) fn arrow(&mut self, (from, to): (f32, f32), y: f32) {
        self.canvas.rectangle((from, y - 0.4), (to - from - 4.0, 0.8), LINE);
        self.canvas.draw(None, Shape::Arrowhead { x: to, y, size: 5.0, color: NAVY });
    }

    fn connection(
        &mut self,
        section: ElementId,
        segment: &TicketSegment,
        next: &TicketSegment,
    ) -> Result<(), UnreadableFont> {
        let Some(text) = journey_texts::connection(self.texts, segment, next) else { return Ok(()) };
        self.canvas.make_room(FLIGHT_HEIGHT + 10.0);
        let paragraph = self.canvas.element(section, Role::Paragraph);
        let place = (LEFT + 14.0, self.canvas.y + 2.0);
        let style = TextStyle(9.0, Weight::Regular, ACCENT);
        self.canvas.write_fitted(Some(paragraph), place, Align::Left, style, (&text, RIGHT - LEFT - 28.0))?;
        self.canvas.y += 16.0;
        Ok(())
    }
}
