//! A boarding pass for each passenger on each segment, three on a page: Aztec for a telephone's screen, PDF417 for paper.

use super::{
    Layout, TicketPdfFailure,
    canvas::{
        Align, BLACK, BOTTOM, ElementId, GREY, INK, LEFT, LINE, NAVY, PAGE, RIGHT, ROOT, Role, Shape,
        TextStyle, WHITE,
    },
    itinerary::EndPlace,
    tables::printed_number,
    typeface::{UnreadableFont, Weight},
};
use crate::{BoardingPassCode, ModuleMatrix, TicketPassenger, TicketSegment, local_format::short_date};
use shared_types::events::BookingStatus;

/// Height of a pass, and of the gap below it with the line to cut along.
const PASS_HEIGHT: f32 = 226.0;
const GAP: f32 = 16.0;
/// Width of the part with the code for screens.
const SCREEN_WIDTH: f32 = 156.0;
/// Width and height of the code for screens.
const AZTEC_SIZE: f32 = 126.0;
/// Width of a module of the code for paper: 0.41 mm, five dots of a printer with 300 an inch.
const PDF417_MODULE: f32 = 1.16;
/// Height of its rows in widths. ISO/IEC 15438 asks for 3 at least.
const PDF417_ROW: f32 = 3.6;

/// A passenger on a segment.
struct Pass<'a> {
    passenger: &'a TicketPassenger,
    segment: &'a TicketSegment,
    at: usize,
}

impl Layout<'_> {
    /// The boarding passes, flight by flight: at a gate the whole party shows the same page.
    pub(super) fn boarding_passes(&mut self) -> Result<(), TicketPdfFailure> {
        let ticket = self.ticket;
        let confirmed = |segment: &TicketSegment| segment.status == BookingStatus::Confirmed;
        let segments = ticket.segments.iter().enumerate().filter(|(_, segment)| confirmed(segment));
        let passes: Vec<Pass<'_>> = segments
            .flat_map(|(at, segment)| {
                let ticketed = ticket.passengers.iter().filter(|passenger| passenger.ticket_number.is_some());
                ticketed.map(move |passenger| Pass { passenger, segment, at })
            })
            .collect();
        if passes.is_empty() {
            return Ok(());
        }
        self.canvas.turn_page();
        let section = self.canvas.element(ROOT, Role::Section);
        self.heading(section, "boarding-passes")?;
        self.canvas.y += 2.0;
        for pass in passes {
            if !self.canvas.make_room(PASS_HEIGHT) && self.canvas.y > PAGE.1 / 4.0 {
                self.cut_line();
            }
            self.boarding_pass(section, &pass)?;
            self.canvas.y += PASS_HEIGHT + GAP;
        }
        Ok(())
    }

    fn cut_line(&mut self) {
        let y = self.canvas.y - GAP / 2.0;
        debug_assert!(y < BOTTOM);
        self.canvas.draw(None, Shape::Dashes { from: (0.0, y), to: (PAGE.0, y), color: LINE });
    }

    fn boarding_pass(&mut self, section: ElementId, pass: &Pass<'_>) -> Result<(), TicketPdfFailure> {
        let top = self.canvas.y;
        let part = self.canvas.element(section, Role::Section);
        self.frame(top);
        self.band(part, pass, top)?;
        self.traveller(part, pass, top + 46.0)?;
        let times = self.canvas.element(part, Role::Paragraph);
        let baseline = top + 90.0;
        let departure = EndPlace { x: LEFT + 14.0, baseline, width: 148.0, size: 21.0 };
        let arrival = EndPlace { x: LEFT + 188.0, width: 160.0, baseline, size: 21.0 };
        let end = self.departure(times, pass.segment, &departure)?;
        self.arrow((end + 10.0, arrival.x - 12.0), baseline - 6.5);
        self.arrival(times, pass.segment, &arrival)?;
        self.facts(part, pass, top + 136.0)?;
        self.codes(part, pass, top)
    }

    /// The edges of the pass, and where the part for screens begins.
    fn frame(&mut self, top: f32) {
        let (width, height) = (RIGHT - LEFT, PASS_HEIGHT);
        let canvas = &mut self.canvas;
        for (place, size) in [
            ((LEFT, top), (0.7, height)),
            ((RIGHT - 0.7, top), (0.7, height)),
            ((LEFT, top + height - 0.7), (width, 0.7)),
        ] {
            canvas.rectangle(place, size, LINE);
        }
        canvas.rectangle((LEFT, top), (width, 25.0), NAVY);
        let x = RIGHT - SCREEN_WIDTH;
        let dashes = Shape::Dashes { from: (x, top + 32.0), to: (x, top + height - 8.0), color: LINE };
        canvas.draw(None, dashes);
    }

    fn band(&mut self, part: ElementId, pass: &Pass<'_>, top: f32) -> Result<(), UnreadableFont> {
        let (flight, name) = (pass.segment.flight_number.to_string(), pass.passenger.full_name());
        let title = self.texts.with("boarding-pass-of", [("flight", flight.clone()), ("name", name)]);
        let heading = self.canvas.element(part, Role::Heading(3, title));
        let (bold, baseline) = (TextStyle(10.5, Weight::Bold, WHITE), top + 16.5);
        let label = self.texts.text("boarding-pass");
        self.canvas.write(Some(heading), (LEFT + 14.0, baseline), Align::Left, bold, &label)?;
        let day = short_date(self.language(), pass.segment.departure.local.date());
        let right = format!("{flight} · {day}");
        let paragraph = self.canvas.element(part, Role::Paragraph);
        let width =
            self.canvas.write(Some(paragraph), (RIGHT - 14.0, baseline), Align::Right, bold, &right)?;
        let airline = (pass.segment.airline.as_str(), RIGHT - LEFT - width - 150.0);
        let style = TextStyle(9.5, Weight::Regular, WHITE);
        let place = (RIGHT - 14.0 - width - 12.0, baseline);
        self.canvas.write_fitted(Some(paragraph), place, Align::Right, style, airline)?;
        Ok(())
    }

    /// The name, in two smaller lines where one does not hold it, and the ticket.
    fn traveller(&mut self, part: ElementId, pass: &Pass<'_>, baseline: f32) -> Result<(), UnreadableFont> {
        let paragraph = self.canvas.element(part, Role::Paragraph);
        let (x, width) = (LEFT + 14.0, RIGHT - SCREEN_WIDTH - LEFT - 28.0);
        let (large, small) = (TextStyle(14.0, Weight::Bold, INK), TextStyle(10.0, Weight::Bold, INK));
        let name = pass.passenger.full_name();
        if self.canvas.shape(&name, Weight::Bold)?.width(11.0) <= width {
            let (place, name) = ((x, baseline), (name.as_str(), width));
            self.canvas.write_fitted(Some(paragraph), place, Align::Left, large, name)?;
        } else {
            let lines = self.canvas.wrap(&name, small, width)?;
            let (first, rest) = lines.split_at(lines.len().min(1));
            for (line, above) in [(first.concat(), 8.0), (rest.concat(), -3.5)] {
                let place = (x, baseline - above);
                self.canvas.write_fitted(Some(paragraph), place, Align::Left, small, (&line, width))?;
            }
        }
        let number = pass.passenger.ticket_number.as_deref().map(printed_number).unwrap_or_default();
        let kind = self.passenger_type(pass.passenger);
        let text = format!("{kind} · {} {number}", self.texts.text("ticket-number"));
        let style = TextStyle(8.5, Weight::Regular, GREY);
        self.canvas.write(Some(paragraph), (x, baseline + 14.0), Align::Left, style, &text)?;
        Ok(())
    }

    /// Seat, cabin and booking reference, each below its label.
    fn facts(&mut self, part: ElementId, pass: &Pass<'_>, baseline: f32) -> Result<(), UnreadableFont> {
        let seat = self.seat(pass.passenger, pass.at);
        let facts = [
            ("seat", seat, 17.0, 0.0, 106.0),
            ("cabin", self.cabin(pass.segment), 11.5, 120.0, 106.0),
            ("booking-reference", self.ticket.locator.clone(), 11.5, 240.0, 104.0),
        ];
        for (key, value, size, x, width) in facts {
            let paragraph = self.canvas.element(part, Role::Paragraph);
            let x = LEFT + 14.0 + x;
            let label = TextStyle(7.5, Weight::Regular, GREY);
            self.canvas.write(Some(paragraph), (x, baseline), Align::Left, label, &self.texts.text(key))?;
            let (style, place) = (TextStyle(size, Weight::Bold, BLACK), (x, baseline + 17.0));
            self.canvas.write_fitted(Some(paragraph), place, Align::Left, style, (&value, width))?;
        }
        Ok(())
    }

    /// Both codes, each with a quiet zone around it.
    fn codes(&mut self, part: ElementId, pass: &Pass<'_>, top: f32) -> Result<(), TicketPdfFailure> {
        let Some(code) = BoardingPassCode::of_ticket(self.ticket, pass.passenger, pass.at) else {
            return Ok(());
        };
        let text = code.to_string();
        let label = TextStyle(7.5, Weight::Regular, GREY);

        let pdf417 = ModuleMatrix::pdf417(&text)?;
        let module = (PDF417_MODULE, PDF417_MODULE * PDF417_ROW);
        let height = pdf417.height() as f32 * module.1;
        let (x, y) = (LEFT + 14.0, top + PASS_HEIGHT - 12.0 - height);
        let beside = (x + pdf417.width() as f32 * module.0 + 10.0, y + height);
        let alt = self.texts.text("paper-code-alt");
        let figure = self.canvas.element(part, Role::Figure(alt));
        self.canvas.draw(Some(figure), Shape::Barcode { x, y, module, matrix: pdf417 });
        self.canvas.write(None, beside, Align::Left, label, &self.texts.text("paper-code"))?;

        let aztec = ModuleMatrix::aztec(&text)?;
        let module = AZTEC_SIZE / aztec.width() as f32;
        let (x, y) = (RIGHT - (SCREEN_WIDTH + AZTEC_SIZE) / 2.0, top + 46.0);
        let below = (RIGHT - SCREEN_WIDTH / 2.0, y + AZTEC_SIZE + 20.0);
        let alt = self.texts.text("screen-code-alt");
        let figure = self.canvas.element(part, Role::Figure(alt));
        self.canvas.draw(Some(figure), Shape::Barcode { x, y, module: (module, module), matrix: aztec });
        self.canvas.write(None, below, Align::Center, label, &self.texts.text("screen-code"))?;
        Ok(())
    }
}
