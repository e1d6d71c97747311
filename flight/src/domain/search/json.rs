//! Writes itineraries as JSON straight from the index: nothing is cloned, and the parts that flights have alike were
//! rendered when they were first seen.

use super::{
    journeys::Journey,
    party_prices::price_of_one,
    query::{Query, SearchRules},
    slice_options::SliceOption,
};
use crate::domain::{
    conditions::Conditions,
    timetable::{DAY_MINUTES, IndexedFlight},
};
use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat, TimeDelta, Utc};
use shared::{
    events::FlightStatus,
    fare::{Brand, PassengerType},
    money::{Currency, Money},
    seat::Cabin,
};
use std::io::Write;

/// Bytes of an itinerary, as a rule.
const TYPICAL: usize = 6 * 1024;

/// A page of a search: `{"data": [...], "page": {"next": ...}}`.
#[must_use]
pub fn page(
    journeys: &[Journey<'_>],
    next: Option<&str>,
    (query, rules): (&Query, &SearchRules),
    now: DateTime<Utc>,
) -> Vec<u8> {
    let mut writer = Writer { out: Vec::with_capacity(256 + journeys.len() * TYPICAL), query, rules, now };
    writer.text(r#"{"data":["#);
    for (number, journey) in journeys.iter().enumerate() {
        writer.comma(number);
        writer.itinerary(journey);
    }
    writer.text(r#"],"page":{"next":"#);
    match next {
        // A cursor has letters, digits, `-` and `_` alone.
        Some(next) => writer.quoted(next),
        None => writer.text("null"),
    }
    writer.text("}}");
    writer.out
}

struct Writer<'q> {
    out: Vec<u8>,
    query: &'q Query,
    rules: &'q SearchRules,
    now: DateTime<Utc>,
}

impl Writer<'_> {
    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// A text that has nothing to escape.
    fn quoted(&mut self, text: &str) {
        self.text("\"");
        self.text(text);
        self.text("\"");
    }

    fn comma(&mut self, before: usize) {
        if before > 0 {
            self.text(",");
        }
    }

    fn number(&mut self, number: i64) {
        if number < 0 {
            self.text("-");
        }
        self.digits(number.unsigned_abs(), 1);
    }

    /// A number with leading zeros up to this width.
    fn digits(&mut self, mut number: u64, width: usize) {
        let mut digits = [b'0'; 20];
        let mut start = digits.len();
        while number > 0 || digits.len() - start < width {
            start -= 1;
            // Below ten.
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
        }
        self.out.extend_from_slice(&digits[start..]);
    }

    fn money(&mut self, money: Money) {
        let (decimals, minor) = (money.currency.decimals(), money.minor.unsigned_abs());
        let unit = 10_u64.pow(decimals);
        self.text(r#"{"amount":""#);
        if money.minor < 0 {
            self.text("-");
        }
        self.digits(minor / unit, 1);
        if decimals > 0 {
            self.text(".");
            self.digits(minor % unit, decimals as usize);
        }
        self.text(r#"","currency":""#);
        self.text(money.currency.code());
        self.text("\"}");
    }

    fn itinerary(&mut self, journey: &Journey<'_>) {
        // Writing into memory does not fail.
        let _ = write!(self.out, r#"{{"id":"{}","slices":["#, journey.id());
        for (number, slice) in journey.slices.iter().enumerate() {
            self.comma(number);
            self.slice(slice);
        }
        self.text(r#"],"offers":["#);
        let mut offers: Vec<(i64, Cabin, Brand)> =
            journey.prices.offers().map(|(cabin, brand, total)| (total, cabin, brand)).collect();
        offers.sort_unstable();
        for (number, (total, cabin, brand)) in offers.into_iter().enumerate() {
            self.comma(number);
            self.offer(journey, (cabin, brand), total);
        }
        self.text("]}");
    }

    fn slice(&mut self, slice: &SliceOption<'_>) {
        let flights = slice.flights();
        let (Some(first), Some(last)) = (flights.first(), flights.last()) else { return };
        self.text(r#"{"origin":"#);
        self.text(&first.origin.json);
        self.text(r#","destination":"#);
        self.text(&last.destination.json);
        self.text(r#","duration_minutes":"#);
        self.number(slice.minutes());
        self.text(r#","connections":"#);
        self.digits(slice.connections() as u64, 1);
        self.text(r#","segments":["#);
        for (number, flight) in flights.iter().enumerate() {
            self.comma(number);
            self.flight(flight);
        }
        self.text("]}");
    }

    /// As [`FlightView`](crate::domain::flight::FlightView) shows it.
    fn flight(&mut self, flight: &IndexedFlight) {
        let mut id = uuid::Uuid::encode_buffer();
        self.text(r#"{"id":"#);
        self.quoted(flight.id.0.hyphenated().encode_lower(&mut id));
        self.text(r#","flight_number":"#);
        self.quoted(flight.number.as_str());
        self.text(r#","airline":"#);
        self.text(&flight.carrier.json);
        self.text(r#","origin":"#);
        self.text(&flight.origin.json);
        self.text(r#","destination":"#);
        self.text(&flight.destination.json);
        self.text(r#","departure":"#);
        self.time(flight.departs, flight.departs_local, &flight.origin.value.time_zone);
        self.text(r#","arrival":"#);
        self.time(flight.arrives, flight.arrives_local, &flight.destination.value.time_zone);
        self.text(r#","duration_minutes":"#);
        self.number((flight.arrives - flight.departs) / 60_000_000);
        self.text(r#","airplane":"#);
        self.quoted(flight.airplane.as_str());
        self.text(r#","aircraft_type":"#);
        self.text(&flight.equipment.json);
        self.text(r#","status":"#);
        self.quoted(status_name(flight.status_at(self.now)));
        self.text(r#","reason":"#);
        // Staff write it: it may have anything to escape. Writing into memory does not fail.
        let _ = serde_json::to_writer(&mut self.out, &flight.reason);
        self.seats_and_fares(flight);
        self.text(r#","version":"#);
        self.number(flight.version);
        self.text("}");
    }

    fn seats_and_fares(&mut self, flight: &IndexedFlight) {
        self.text(r#","cabins":["#);
        for (number, seats) in flight.cabins().enumerate() {
            self.comma(number);
            self.text(r#"{"cabin":"#);
            self.quoted(seats.cabin.as_str());
            self.text(r#","seats_total":"#);
            self.digits(seats.seats_total.into(), 1);
            self.text(r#","seats_available":"#);
            self.digits(seats.seats_available.into(), 1);
            self.text("}");
        }
        self.text(r#"],"fares":["#);
        let (mut cabin, mut class) = (None, None);
        for (number, (fare, head, tail)) in flight.fares.rendered().enumerate() {
            self.comma(number);
            // Fares are by cabin: the class is found once for each.
            if cabin != Some(fare.cabin) {
                cabin = Some(fare.cabin);
                class = flight.cabin(fare.cabin).map(|seats| flight.class(seats, 1, self.now));
            }
            self.text(head);
            match class.and_then(|class| flight.price(fare, class, PassengerType::Adt).ok()) {
                Some(adult) => self.money(Money::new(adult.total(), fare.base_price.currency)),
                None => self.text("null"),
            }
            self.text(tail);
        }
        self.text("]");
    }

    fn offer(&mut self, journey: &Journey<'_>, (cabin, brand): (Cabin, Brand), total: i64) {
        let currency = self.rules.currency;
        let flights = || journey.slices.iter().flat_map(SliceOption::flights).map(|flight| &***flight);
        self.text(r#"{"cabin":"#);
        self.quoted(cabin.as_str());
        self.text(r#","brand":"#);
        self.quoted(brand.as_str());
        self.text(r#","total":"#);
        self.money(Money::new(total, currency));
        self.text(r#","per_passenger":["#);
        for (number, (kind, count)) in self.query.party.types().enumerate() {
            let price = price_of_one(flights(), (cabin, brand), kind, (self.query.party.seats(), self.now));
            self.comma(number);
            self.text(r#"{"type":"#);
            self.quoted(kind.as_str());
            self.text(r#","count":"#);
            self.digits(count.into(), 1);
            self.text(r#","fare":"#);
            self.money(Money::new(price.fare, currency));
            self.text(r#","taxes":"#);
            self.money(Money::new(price.taxes, currency));
            self.text(r#","total":"#);
            self.money(Money::new(price.total(), currency));
            self.text("}");
        }
        self.text("]");
        self.conditions(journey, (cabin, brand), currency);
        self.text(r#","seats_left":"#);
        let left =
            flights().filter_map(|flight| flight.cabin(cabin)).map(|seats| seats.seats_available).min();
        self.digits(left.unwrap_or(0).into(), 1);
        self.text("}");
    }

    /// The conditions of a brand stand behind the price of each fare of it, with its last brace.
    fn conditions(&mut self, journey: &Journey<'_>, (cabin, brand): (Cabin, Brand), currency: Currency) {
        let first = journey.slices.first().and_then(|slice| slice.flights().first());
        let fares = first.map(|flight| &flight.fares);
        let rendered = fares
            .and_then(|fares| fares.rendered().find(|(fare, ..)| fare.cabin == cabin && fare.brand == brand));
        match rendered {
            Some((_, _, tail)) => self.text(tail.strip_suffix('}').unwrap_or(tail)),
            None => {
                self.text(r#","conditions":"#);
                // Writing plain data into memory does not fail.
                let _ = serde_json::to_writer(&mut self.out, &Conditions::of(brand, currency));
            }
        }
    }

    /// As [`FlightTime`](shared::flight_time::FlightTime) shows it.
    fn time(&mut self, micros: i64, local: i32, zone: &str) {
        self.text(r#"{"at":""#);
        let day_micros = i64::from(DAY_MINUTES) * 60_000_000;
        let of_day = micros.rem_euclid(day_micros);
        if of_day % 1_000_000 == 0 {
            self.date(micros.div_euclid(day_micros));
            let seconds = (of_day / 1_000_000).unsigned_abs();
            self.clock(seconds / 60);
            self.text(":");
            self.digits(seconds % 60, 2);
            self.text("Z");
        } else {
            let at = DateTime::from_timestamp_micros(micros).unwrap_or_default();
            self.text(&at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        }
        self.text(r#"","local":""#);
        self.date(local.div_euclid(DAY_MINUTES).into());
        self.clock(local.rem_euclid(DAY_MINUTES).unsigned_abs().into());
        // Names of zones have nothing to escape.
        self.text(r#"","time_zone":""#);
        self.text(zone);
        self.text("\"}");
    }

    /// A date by its days since 1970.
    fn date(&mut self, days: i64) {
        let date = NaiveDate::default().checked_add_signed(TimeDelta::days(days)).unwrap_or_default();
        self.digits(u64::from(date.year().unsigned_abs()), 4);
        self.text("-");
        self.digits(date.month().into(), 2);
        self.text("-");
        self.digits(date.day().into(), 2);
    }

    /// The time of a minute of the day, behind a date.
    fn clock(&mut self, minute: u64) {
        self.text("T");
        self.digits(minute / 60, 2);
        self.text(":");
        self.digits(minute % 60, 2);
    }
}

fn status_name(status: FlightStatus) -> &'static str {
    match status {
        FlightStatus::Scheduled => "scheduled",
        FlightStatus::Delayed => "delayed",
        FlightStatus::Cancelled => "cancelled",
        FlightStatus::Departed => "departed",
        FlightStatus::Arrived => "arrived",
    }
}
