//! A booking as templates show it.

use super::{
    flight_view::{FlightView, headline, period},
    passenger_view::PassengerView,
    texts::{catalogue, when_local, when_utc},
};
use crate::domain::{KeptBooking, LetterTemplate};
use documents::{Catalogue, TicketDocument, local_format};
use serde::Serialize;
use shared::{
    events::{BookingState, BookingStatus, ReseatedPassenger},
    flight_time::FlightTime,
    ids::BookingId,
    money::Money,
};

/// A booking.
#[derive(Serialize)]
pub(super) struct BookingView<'a> {
    preheader: String,
    booking_id: BookingId,
    locator: &'a str,
    headline: String,
    /// The days of the journey, and how many travel.
    period: String,
    party: String,
    flights: Vec<FlightView<'a>>,
    passengers: Vec<PassengerView<'a>>,
    price: PriceView,
    /// Whether the airline has or had money of it.
    is_paid: bool,
    /// Whether it waits for its payment.
    is_held: bool,
    /// Whether a ticket is attached.
    has_ticket: bool,
    /// Whether a calendar is attached that takes the flights out.
    had_ticket: bool,
    /// When a hold ends.
    hold_expires: Option<String>,
    /// The refunded sum; none where nothing is refunded.
    refund: Option<String>,
    /// The number of the flight to which the airline did something.
    disrupted: Option<&'a str>,
    /// The airline's reason.
    reason: Option<&'a str>,
    /// Those who have other seats.
    reseated: Vec<ReseatedView<'a>>,
}

#[derive(Serialize)]
struct PriceView {
    fare: String,
    taxes: String,
    total: String,
}

/// A passenger on another seat.
#[derive(Serialize)]
struct ReseatedView<'a> {
    name: String,
    flight: &'a str,
    from: String,
    to: String,
}

impl<'a> BookingView<'a> {
    pub(super) fn new(template: LetterTemplate, kept: &'a KeptBooking, ticket: &'a TicketDocument) -> Self {
        let (booking, language) = (&kept.booking, ticket.language);
        let texts = catalogue(language);
        let money = |money: Money| local_format::money(language, money);
        let disruption = kept.disruption.as_ref();
        let disrupted = disruption.and_then(|disruption| {
            ticket.segments.iter().find(|segment| segment.flight_id == disruption.flight_id)
        });
        let mark = texts.find(&format!("{template}-mark"), None);
        let flights = ticket.segments.iter().enumerate().map(|(at, segment)| {
            let is_disrupted = disrupted.is_some_and(|disrupted| disrupted.flight_id == segment.flight_id);
            FlightView::new(ticket, texts, (at, segment), mark.clone().filter(|_| is_disrupted))
        });
        let refunds = booking.refunds.iter().map(|refund| refund.amount);
        let refund = refunds.reduce(|sum, one| sum.checked_add(one).unwrap_or(sum));
        let moves = disruption.map(|disruption| disruption.reseated.as_slice()).unwrap_or_default();
        let mut view = Self {
            preheader: String::new(),
            booking_id: booking.id,
            locator: &booking.locator,
            headline: headline(&ticket.segments),
            period: period(ticket, texts),
            party: texts.with("travellers", [("count", booking.passengers.len())]),
            flights: flights.collect(),
            passengers: ticket
                .passengers
                .iter()
                .map(|passenger| PassengerView::new(ticket, texts, passenger))
                .collect(),
            price: PriceView {
                fare: money(booking.price.fare),
                taxes: money(booking.price.taxes),
                total: money(booking.price.total),
            },
            is_paid: kept.is_paid(),
            is_held: booking.status == BookingStatus::Held,
            has_ticket: kept.has_tickets(),
            had_ticket: kept.had_tickets(),
            hold_expires: hold_expires(booking, ticket),
            refund: refund.filter(|sum| sum.minor > 0).map(money),
            disrupted: disrupted.map(|segment| segment.flight_number.as_str()),
            reason: disruption.and_then(|disruption| disruption.reason.as_deref()),
            reseated: moves.iter().map(|one| reseated(kept, ticket, one)).collect(),
        };
        view.preheader = view.preheader(template, texts);
        view
    }

    /// What mailboxes show beside the subject.
    fn preheader(&self, template: LetterTemplate, texts: &Catalogue) -> String {
        let disrupted = self.disrupted.unwrap_or_default();
        let flight = self.flights.iter().find(|flight| flight.is(disrupted));
        let values = [
            ("route", self.headline.clone()),
            ("period", self.period.clone()),
            ("total", self.price.total.clone()),
            ("flight", disrupted.to_owned()),
            ("departure", flight.map(FlightView::departure).unwrap_or_default()),
        ];
        texts.with(&format!("{template}-preheader"), values)
    }
}

/// When a hold ends, by the clocks where the journey begins.
fn hold_expires(booking: &BookingState, ticket: &TicketDocument) -> Option<String> {
    let at = booking.hold_expires_at?;
    let origin = &ticket.segments.first()?.origin;
    let local = FlightTime::from_instant(at, &origin.time_zone);
    Some(local.map_or_else(
        |_| when_utc(ticket.language, at),
        |local| when_local(ticket.language, &local, &origin.city.name),
    ))
}

fn reseated<'a>(
    kept: &KeptBooking,
    ticket: &'a TicketDocument,
    moved: &ReseatedPassenger,
) -> ReseatedView<'a> {
    let passengers = kept.booking.passengers.iter().zip(&ticket.passengers);
    let name = passengers.filter(|(passenger, _)| passenger.id == moved.passenger_id);
    let flight_id = kept.disruption.as_ref().map(|disruption| disruption.flight_id);
    let flight = ticket.segments.iter().find(|segment| Some(segment.flight_id) == flight_id);
    ReseatedView {
        name: name.map(|(_, shown)| shown.full_name()).next().unwrap_or_default(),
        flight: flight.map(|segment| segment.flight_number.as_str()).unwrap_or_default(),
        from: moved.from.to_string(),
        to: moved.to.to_string(),
    }
}
