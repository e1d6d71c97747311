//! The passengers with their tickets and seats, the price, and the conditions.

use super::{
    Layout,
    canvas::{Align, BOTTOM, ElementId, GREY, INK, LEFT, NAVY, RIGHT, ROOT, Role, TINT, TextStyle},
    fitting::LINE_HEIGHT,
    typeface::{UnreadableFont, Weight},
};
use crate::{TicketPassenger, local_format::money};
use shared_types::{fare::PassengerType, fare_conditions::FareConditions, money::Money};
use std::ops::Range;

/// Segments side by side in the table of passengers; more of them make another table.
const SEATS_A_TABLE: usize = 6;
/// Width of a seat's column, and of the ticket numbers'.
const SEAT_WIDTH: f32 = 47.0;
const NUMBER_WIDTH: f32 = 92.0;
/// Space between a cell's text and its edge.
const INSET: f32 = 8.0;

const NAME: TextStyle = TextStyle(9.5, Weight::Bold, INK);
const PLAIN: TextStyle = TextStyle(9.0, Weight::Regular, INK);
const SMALL: TextStyle = TextStyle(7.5, Weight::Regular, GREY);
const HEAD: TextStyle = TextStyle(8.0, Weight::Bold, NAVY);

impl Layout<'_> {
    /// Who travels, with which ticket, and where each sits on each flight.
    pub(super) fn passengers(&mut self) -> Result<(), UnreadableFont> {
        self.canvas.y += 6.0;
        self.canvas.make_room(90.0);
        let section = self.canvas.element(ROOT, Role::Section);
        self.heading(section, "passengers")?;
        let segments = self.ticket.segments.len();
        for from in (0..segments.max(1)).step_by(SEATS_A_TABLE) {
            self.passenger_table(section, from..segments.min(from + SEATS_A_TABLE))?;
            self.canvas.y += 14.0;
        }
        Ok(())
    }

    fn passenger_table(&mut self, section: ElementId, segments: Range<usize>) -> Result<(), UnreadableFont> {
        let ticket = self.ticket;
        let table = self.canvas.element(section, Role::Table);
        self.passenger_head(table, segments.clone())?;
        let name_width = number_place(&segments) - LEFT - 2.0 * INSET;
        for passenger in &ticket.passengers {
            let lines = self.canvas.wrap(&passenger.full_name(), NAME, name_width)?;
            let height = 21.0 + (lines.len() as f32) * NAME.0 * LINE_HEIGHT;
            if self.canvas.make_room(height) {
                self.passenger_head(table, segments.clone())?;
            }
            self.passenger_row(table, passenger, &lines, segments.clone())?;
            self.canvas.y += height;
            self.canvas.hairline(self.canvas.y);
        }
        Ok(())
    }

    fn passenger_head(&mut self, table: ElementId, segments: Range<usize>) -> Result<(), UnreadableFont> {
        let (ticket, texts) = (self.ticket, self.texts);
        let canvas = &mut self.canvas;
        canvas.rectangle((LEFT, canvas.y), (RIGHT - LEFT, 19.0), TINT);
        let (row, baseline) = (canvas.element(table, Role::Row), canvas.y + 12.5);
        let mut head = |x, align, text: &str| {
            let cell = canvas.element(row, Role::ColumnHead);
            canvas.write(Some(cell), (x, baseline), align, HEAD, text)
        };
        head(LEFT + INSET, Align::Left, &texts.text("passenger"))?;
        head(number_place(&segments), Align::Left, &texts.text("ticket-number"))?;
        for (place, segment) in segments.clone().enumerate() {
            let number = ticket.segments[segment].flight_number.as_str();
            head(seat_place(&segments, place), Align::Center, number)?;
        }
        canvas.y += 19.0;
        Ok(())
    }

    fn passenger_row(
        &mut self,
        table: ElementId,
        passenger: &TicketPassenger,
        name: &[String],
        segments: Range<usize>,
    ) -> Result<(), UnreadableFont> {
        let row = self.canvas.element(table, Role::Row);
        let baseline = self.canvas.y + 14.0;
        let head = self.canvas.element(row, Role::RowHead);
        let below = self.canvas.write_lines(Some(head), (LEFT + INSET, baseline), NAME, name)?;
        let kind = self.passenger_type(passenger);
        self.canvas.write(Some(head), (LEFT + INSET, below), Align::Left, SMALL, &kind)?;
        let number = passenger.ticket_number.as_deref().map_or("–".to_owned(), printed_number);
        let cell = self.canvas.element(row, Role::Cell);
        self.canvas.write(Some(cell), (number_place(&segments), baseline), Align::Left, PLAIN, &number)?;
        for (place, segment) in segments.clone().enumerate() {
            let cell = self.canvas.element(row, Role::Cell);
            let (x, seat) = (seat_place(&segments, place), self.seat(passenger, segment));
            let style = if passenger.seat_on(segment).is_some() { NAME } else { SMALL };
            let lines = self.canvas.wrap(&seat, style, SEAT_WIDTH - 4.0)?;
            for (line, number) in lines.iter().zip(0u8..) {
                let baseline = baseline + f32::from(number) * style.0 * 1.2;
                self.canvas.write_exactly(Some(cell), (x, baseline), Align::Center, style, line)?;
            }
        }
        Ok(())
    }

    /// The name of a passenger's type.
    pub(super) fn passenger_type(&self, passenger: &TicketPassenger) -> String {
        self.texts.text(&format!("type-{}", passenger.r#type))
    }

    /// The seat on a segment, in words where there is none.
    pub(super) fn seat(&self, passenger: &TicketPassenger, segment: usize) -> String {
        match (passenger.seat_on(segment), passenger.r#type) {
            (Some(seat), _) => seat.to_string(),
            (None, PassengerType::Inf) => self.texts.text("seat-lap"),
            (None, _) => self.texts.text("seat-open"),
        }
    }

    /// What the booking costs.
    pub(super) fn price(&mut self) -> Result<(), UnreadableFont> {
        self.canvas.make_room(96.0);
        let section = self.canvas.element(ROOT, Role::Section);
        self.heading(section, "price")?;
        let table = self.canvas.element(section, Role::Table);
        let price = &self.ticket.price;
        let rows = [("fare", price.fare, PLAIN), ("taxes", price.taxes, PLAIN), ("total", price.total, NAME)];
        for (key, amount, style) in rows {
            self.price_row(table, key, amount, style)?;
        }
        self.canvas.y += 14.0;
        Ok(())
    }

    fn price_row(
        &mut self,
        table: ElementId,
        key: &str,
        amount: Money,
        style: TextStyle,
    ) -> Result<(), UnreadableFont> {
        let (item, amount) = (self.texts.text(key), money(self.language(), amount));
        let canvas = &mut self.canvas;
        let (row, baseline) = (canvas.element(table, Role::Row), canvas.y + 12.0);
        let head = canvas.element(row, Role::RowHead);
        canvas.write(Some(head), (LEFT + INSET, baseline), Align::Left, style, &item)?;
        let cell = canvas.element(row, Role::Cell);
        canvas.write(Some(cell), (RIGHT - INSET, baseline), Align::Right, style, &amount)?;
        canvas.y += 18.0;
        canvas.hairline(canvas.y);
        Ok(())
    }

    /// What the fares allow, and the rules that hold for every booking.
    pub(super) fn conditions(&mut self) -> Result<(), UnreadableFont> {
        self.canvas.make_room(90.0);
        let section = self.canvas.element(ROOT, Role::Section);
        self.heading(section, "conditions")?;
        for (name, conditions) in self.conditions_by_fare() {
            let text = self.condition_text(&conditions);
            self.condition(section, &name, NAME)?;
            self.condition(section, &text, PLAIN)?;
            self.canvas.y += 5.0;
        }
        self.canvas.y += 4.0;
        let url = self.ticket.manage_url.as_deref();
        let notes = ["note-void", "note-airline", "note-times"].map(|note| self.texts.text(note));
        let manage = url.map(|url| self.texts.with("manage-link", [("url", url)]));
        for note in notes.into_iter().chain(manage) {
            self.condition(section, &note, TextStyle(8.5, Weight::Regular, GREY))?;
        }
        Ok(())
    }

    /// Fares with the flights on which they hold, in the order of travel: `Standard (AE101, AE102)`.
    fn conditions_by_fare(&self) -> Vec<(String, FareConditions)> {
        let mut fares: Vec<(String, FareConditions, Vec<String>)> = Vec::new();
        for segment in &self.ticket.segments {
            let (brand, flight) = (self.brand(segment), segment.flight_number.to_string());
            let known = fares.iter_mut().find(|fare| fare.0 == brand && fare.1 == segment.conditions);
            match known {
                Some((_, _, flights)) => flights.push(flight),
                None => fares.push((brand, segment.conditions, vec![flight])),
            }
        }
        let named = |(brand, conditions, flights): (String, _, Vec<String>)| {
            let values = [("brand", brand), ("flights", flights.join(", "))];
            (self.texts.with("conditions-of", values), conditions)
        };
        fares.into_iter().map(named).collect()
    }

    fn condition_text(&self, conditions: &FareConditions) -> String {
        let texts = self.texts;
        let for_a_fee = |fee: Option<Money>, [none, free, priced]: [&str; 3]| match fee {
            None => texts.text(none),
            Some(fee) if fee.minor == 0 => texts.text(free),
            Some(fee) => texts.with(priced, [("fee", money(self.language(), fee))]),
        };
        let bags = texts.with("checked-bags", [("count", i64::from(conditions.checked_bags))]);
        let change = for_a_fee(conditions.change_fee, ["change-none", "change-free", "change-fee"]);
        let refund = for_a_fee(conditions.refund_fee, ["refund-taxes", "refund-free", "refund-fee"]);
        [bags, change, refund].join(" · ")
    }

    /// A paragraph over the whole width, on as many pages as it needs.
    fn condition(&mut self, section: ElementId, text: &str, style: TextStyle) -> Result<(), UnreadableFont> {
        let lines = self.canvas.wrap(text, style, RIGHT - LEFT - 2.0 * INSET)?;
        let height = style.0 * LINE_HEIGHT;
        let paragraph = self.canvas.element(section, Role::Paragraph);
        for line in lines {
            if self.canvas.y + height > BOTTOM {
                self.canvas.turn_page();
            }
            let place = (LEFT + INSET, self.canvas.y + style.0);
            self.canvas.write_exactly(Some(paragraph), place, Align::Left, style, &line)?;
            self.canvas.y += height;
        }
        Ok(())
    }
}

/// Where the ticket numbers begin in a table of some segments.
fn number_place(segments: &Range<usize>) -> f32 {
    RIGHT - NUMBER_WIDTH - SEAT_WIDTH * segments.len() as f32
}

/// The middle of the n-th seat's column, from 0.
fn seat_place(segments: &Range<usize>, place: usize) -> f32 {
    RIGHT - SEAT_WIDTH * (segments.len() - place) as f32 + SEAT_WIDTH / 2.0
}

/// A ticket number as it is printed: `997 2400000017`. One of another length stays as it is.
pub(super) fn printed_number(number: &str) -> String {
    match number.split_at_checked(3) {
        Some((airline, document)) if number.len() == 13 => format!("{airline} {document}"),
        _ => number.to_owned(),
    }
}
