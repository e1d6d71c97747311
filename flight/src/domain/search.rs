//! Search: journeys of direct flights, their offers, and their order.
//!
//! A journey has one flight per slice (out, and back). An offer is one cabin and brand on all of its
//! flights; all of the party pay the same booking class on a flight.

use super::{
    conditions::Conditions,
    flight::{Flight, FlightView},
    timetable::{Index, TimetableEntry},
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use shared::{
    events::Station,
    fare::{Brand, PassengerType, SegmentPrice},
    iata::{AirlineCode, AirportCode},
    money::{Currency, Money},
    seat::Cabin,
};
use std::{fmt, str::FromStr, sync::Arc};
use utoipa::ToSchema;

/// Who travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Party {
    /// 12 years and older; at least one.
    pub adults: u32,
    /// 2 to 11 years; with the adults 9 at most.
    pub children: u32,
    /// On laps: not more than adults.
    pub infants: u32,
}

impl Party {
    /// Seats that they need.
    #[must_use]
    pub fn seats(self) -> u32 {
        self.adults + self.children
    }

    /// The types of which there are any.
    fn types(self) -> impl Iterator<Item = (PassengerType, u32)> {
        [
            (PassengerType::Adt, self.adults),
            (PassengerType::Chd, self.children),
            (PassengerType::Inf, self.infants),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
    }
}

/// One way of a journey.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slice {
    /// An airport, or a city with all of its airports.
    pub origin: AirportCode,
    /// An airport, or a city with all of its airports.
    pub destination: AirportCode,
    /// Local date of the departure.
    pub date: NaiveDate,
}

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sort {
    /// The cheapest offer for the whole party.
    Price,
    /// The shortest time in the air.
    Duration,
    /// The earliest departure.
    Departure,
    /// Cheap and short: a minute of the party's time is worth a third of a unit of money per seat.
    Best,
}

/// A text that is no order.
#[derive(Debug, thiserror::Error)]
#[error("must be price, duration, departure or best")]
pub struct UnknownSort;

impl FromStr for Sort {
    type Err = UnknownSort;

    fn from_str(text: &str) -> Result<Self, UnknownSort> {
        match text {
            "price" => Ok(Self::Price),
            "duration" => Ok(Self::Duration),
            "departure" => Ok(Self::Departure),
            "best" => Ok(Self::Best),
            _ => Err(UnknownSort),
        }
    }
}

/// A minute of the day on the clocks of an airport, `HH:MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay {
    hour: u8,
    minute: u8,
}

/// A text that is no time of day.
#[derive(Debug, thiserror::Error)]
#[error("must be a time of day such as 08:30")]
pub struct InvalidTimeOfDay;

impl FromStr for TimeOfDay {
    type Err = InvalidTimeOfDay;

    fn from_str(text: &str) -> Result<Self, InvalidTimeOfDay> {
        let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let (hour, minute) = text.split_once(':').ok_or(InvalidTimeOfDay)?;
        if !digits(hour) || !digits(minute) {
            return Err(InvalidTimeOfDay);
        }
        let (hour, minute) = (hour.parse().unwrap_or(24), minute.parse().unwrap_or(60));
        if hour < 24 && minute < 60 { Ok(Self { hour, minute }) } else { Err(InvalidTimeOfDay) }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Query {
    /// One way, or out and back.
    pub slices: Vec<Slice>,
    /// Who travels.
    pub party: Party,
    /// Only offers of this cabin.
    pub cabin: Option<Cabin>,
    /// What comes first.
    pub sort: Sort,
    /// Only flights of this airline.
    pub airline: Option<AirlineCode>,
    /// The first flight leaves at this time or later.
    pub depart_after: Option<TimeOfDay>,
    /// The first flight leaves at this time or earlier.
    pub depart_before: Option<TimeOfDay>,
    /// Only offers up to this total, in minor units of the sale currency.
    pub max_price: Option<i64>,
}

/// What one passenger of a type pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PassengerPrice {
    /// The type.
    pub r#type: PassengerType,
    /// How many of them travel.
    pub count: u32,
    /// The fare of one of them, on all flights.
    pub fare: Money,
    /// The taxes of one of them, on all flights.
    pub taxes: Money,
    /// What one of them pays.
    pub total: Money,
}

/// A cabin and brand on all flights of a journey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Offer {
    /// The cabin.
    pub cabin: Cabin,
    /// The brand.
    pub brand: Brand,
    /// What the whole party pays for the whole journey.
    pub total: Money,
    /// What one passenger of each type pays.
    pub per_passenger: Vec<PassengerPrice>,
    /// What the tickets allow.
    pub conditions: Conditions,
    /// Seats left in the cabin of the fullest flight.
    pub seats_left: u32,
}

/// One way of an itinerary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SliceView {
    /// From where.
    #[schema(value_type = Station)]
    pub origin: Arc<Station>,
    /// To where.
    #[schema(value_type = Station)]
    pub destination: Arc<Station>,
    /// Elapsed minutes from the first departure to the last arrival.
    pub duration_minutes: i64,
    /// Changes of airplane.
    pub connections: usize,
    /// Its flights.
    pub segments: Vec<FlightView>,
}

/// A journey with its offers, the cheapest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Itinerary {
    /// The ids of its flights, joined by `.` within a slice and by `~` between slices.
    pub id: String,
    /// The ways.
    pub slices: Vec<SliceView>,
    /// What can be bought.
    pub offers: Vec<Offer>,
}

/// Its place in the order: what is sorted by, then the departure (seconds), then the id.
pub type Rank = (i64, i64, String);

/// A journey that was found.
#[derive(Debug, Clone)]
pub struct Journey {
    flights: Vec<Arc<TimetableEntry>>,
    offers: Vec<Offer>,
    /// Its place in the order.
    pub rank: Rank,
}

impl Journey {
    /// The journey as the contract shows it.
    #[must_use]
    pub fn view(self, now: DateTime<Utc>) -> Itinerary {
        let slice = |entry: &Arc<TimetableEntry>| SliceView {
            origin: entry.flight.origin.clone(),
            destination: entry.flight.destination.clone(),
            duration_minutes: entry.flight.duration_minutes(),
            connections: 0,
            segments: vec![FlightView::new(&entry.flight, &entry.cabins, now)],
        };
        let slices = self.flights.iter().map(slice).collect();
        Itinerary { id: self.rank.2, slices, offers: self.offers }
    }
}

/// All journeys that can be booked now, in the order that is wanted.
#[must_use]
pub fn search(index: &Index, query: &Query, currency: Currency, now: DateTime<Utc>) -> Vec<Journey> {
    let mut found: Vec<Vec<OfferedSegment>> = Vec::with_capacity(query.slices.len());
    for (number, slice) in query.slices.iter().enumerate() {
        found.push(candidates(index, query, slice, number == 0, currency, now));
    }
    let mut journeys = Vec::new();
    combine(&found, &mut Vec::new(), &mut |flights| journeys.extend(journey(flights, query, currency)));
    journeys.sort_unstable_by(|one, other| one.rank.cmp(&other.rank));
    journeys
}

/// A flight that would do, with what it sells to the party.
struct OfferedSegment {
    entry: Arc<TimetableEntry>,
    sells: Vec<SegmentOffer>,
}

/// A cabin and brand of one flight.
struct SegmentOffer {
    cabin: Cabin,
    brand: Brand,
    prices: Vec<(PassengerType, u32, SegmentPrice)>,
    seats_left: u32,
}

fn candidates(
    index: &Index,
    query: &Query,
    slice: &Slice,
    first: bool,
    currency: Currency,
    now: DateTime<Utc>,
) -> Vec<OfferedSegment> {
    let (origins, destinations) = (index.airports(&slice.origin), index.airports(&slice.destination));
    let routes = origins.iter().flat_map(|origin| destinations.iter().map(move |to| (origin, to)));
    let entries = routes.flat_map(|(origin, to)| index.flights(origin, to, slice.date));
    let fits = |entry: &&Arc<TimetableEntry>| {
        let flight = &entry.flight;
        let airline = query.airline.as_ref().is_none_or(|airline| *airline == flight.airline.code);
        flight.is_on_sale(now) && airline && (!first || leaves_in_time(flight, query))
    };
    entries
        .filter(fits)
        .map(|entry| OfferedSegment {
            sells: segment_offers(entry, query, currency, now),
            entry: entry.clone(),
        })
        .filter(|candidate| !candidate.sells.is_empty())
        .collect()
}

fn leaves_in_time(flight: &Flight, query: &Query) -> bool {
    let local = flight.departure.local.civil();
    let time = TimeOfDay { hour: local.hour().unsigned_abs(), minute: local.minute().unsigned_abs() };
    query.depart_after.is_none_or(|after| time >= after)
        && query.depart_before.is_none_or(|before| time <= before)
}

fn segment_offers(
    entry: &TimetableEntry,
    query: &Query,
    currency: Currency,
    now: DateTime<Utc>,
) -> Vec<SegmentOffer> {
    let seats = query.party.seats();
    let offer = |fare: &shared::fare::FlightFare| {
        let cabin = entry.cabins.iter().find(|cabin| cabin.cabin == fare.cabin)?;
        let wanted = query.cabin.is_none_or(|wanted| wanted == fare.cabin);
        if !wanted || cabin.seats_available < seats || fare.base_price.currency != currency {
            return None;
        }
        let price = |(kind, count)| {
            entry.flight.price(fare, cabin, seats, kind, now).ok().map(|price| (kind, count, price))
        };
        let prices = query.party.types().map(price).collect::<Option<Vec<_>>>()?;
        Some(SegmentOffer { cabin: fare.cabin, brand: fare.brand, prices, seats_left: cabin.seats_available })
    };
    entry.flight.fares.iter().filter_map(offer).collect()
}

/// Calls with every way to take one candidate per slice such that each leaves after the one before
/// has arrived.
fn combine<'a>(
    slices: &'a [Vec<OfferedSegment>],
    taken: &mut Vec<&'a OfferedSegment>,
    complete: &mut impl FnMut(&[&'a OfferedSegment]),
) {
    let Some((slice, rest)) = slices.split_first() else { return complete(taken) };
    for candidate in slice {
        let arrived = taken.last().map(|before| before.entry.flight.arrival.at);
        if arrived.is_none_or(|arrived| candidate.entry.flight.departure.at > arrived) {
            taken.push(candidate);
            combine(rest, taken, complete);
            taken.pop();
        }
    }
}

fn journey(flights: &[&OfferedSegment], query: &Query, currency: Currency) -> Option<Journey> {
    let (first, others) = flights.split_first()?;
    let offer = |sold: &SegmentOffer| {
        let mut segments = vec![sold];
        for other in others {
            segments.push(other.sells.iter().find(|one| (one.cabin, one.brand) == (sold.cabin, sold.brand))?);
        }
        whole_offer(&segments, currency)
    };
    let affordable = |offer: &Offer| query.max_price.is_none_or(|most| offer.total.minor <= most);
    let mut offers: Vec<Offer> = first.sells.iter().filter_map(offer).filter(affordable).collect();
    offers.sort_by_key(|offer| (offer.total.minor, offer.cabin, offer.brand));
    let cheapest = offers.first()?.total.minor;
    let flights: Vec<Arc<TimetableEntry>> = flights.iter().map(|candidate| candidate.entry.clone()).collect();
    let minutes: i64 = flights.iter().map(|entry| entry.flight.duration_minutes()).sum();
    let departure = first.entry.flight.departure.at.timestamp();
    let key = match query.sort {
        Sort::Price => cheapest,
        Sort::Duration => minutes,
        Sort::Departure => departure,
        Sort::Best => cheapest.saturating_add(worth_of(minutes, query.party, currency)),
    };
    let ids: Vec<String> = flights.iter().map(|entry| entry.flight.id.to_string()).collect();
    Some(Journey { flights, offers, rank: (key, departure, ids.join("~")) })
}

/// A third of a unit of money per minute and seat.
fn worth_of(minutes: i64, party: Party, currency: Currency) -> i64 {
    minutes * i64::from(party.seats()) * 10_i64.pow(currency.decimals()) / 3
}

/// The offer of these segments together; `None` where its price cannot be represented.
fn whole_offer(segments: &[&SegmentOffer], currency: Currency) -> Option<Offer> {
    let first = segments.first()?;
    let money = |minor| Money::new(minor, currency);
    let mut per_passenger = Vec::with_capacity(first.prices.len());
    let mut total = 0_i64;
    for (place, (kind, count, _)) in first.prices.iter().enumerate() {
        let (mut fare, mut taxes) = (0_i64, 0_i64);
        for segment in segments {
            let (_, _, price) = segment.prices[place];
            fare = fare.checked_add(price.fare)?;
            taxes = taxes.checked_add(price.taxes)?;
        }
        let one = fare.checked_add(taxes)?;
        total = total.checked_add(one.checked_mul(i64::from(*count))?)?;
        per_passenger.push(PassengerPrice {
            r#type: *kind,
            count: *count,
            fare: money(fare),
            taxes: money(taxes),
            total: money(one),
        });
    }
    Some(Offer {
        cabin: first.cabin,
        brand: first.brand,
        total: money(total),
        per_passenger,
        conditions: Conditions::of(first.brand, currency),
        seats_left: segments.iter().map(|segment| segment.seats_left).min()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        availability::TakenSeats,
        sample::{code, date, flight},
        timetable::Timetable,
    };
    use proptest::prelude::*;

    fn query(adults: u32, children: u32, infants: u32, sort: Sort) -> Query {
        let slice = Slice { origin: code("LLL"), destination: code("CDG"), date: date("2026-12-01") };
        let party = Party { adults, children, infants };
        Query {
            slices: vec![slice],
            party,
            cabin: None,
            sort,
            airline: None,
            depart_after: None,
            depart_before: None,
            max_price: None,
        }
    }

    fn index(flights: &[(u32, i64, usize)]) -> Index {
        let mut timetable = Timetable::default();
        for (hour, minutes, sold) in flights {
            let flight = flight(("LHR", "CDG"), &format!("2026-12-01T{hour:02}:00"), *minutes);
            let id = flight.id;
            let seats = flight.equipment.plan.seats().map(|(seat, _)| seat.to_number()).take(*sold).collect();
            timetable.put(flight);
            timetable.put_seats(id, TakenSeats { version: 1, seats });
        }
        timetable.index().clone()
    }

    proptest! {
        #[test]
        fn offers_add_up_fit_the_party_and_stand_in_order(
            flights in prop::collection::vec((0_u32..24, 30_i64..600, 0_usize..48), 0..8),
            (adults, children) in (1_u32..=9).prop_flat_map(|adults| (Just(adults), 0..=9 - adults)),
            infants in 0_u32..=9,
            sort in prop::sample::select(vec![Sort::Price, Sort::Duration, Sort::Departure, Sort::Best]),
        ) {
            let now = "2026-11-22T10:00:00Z".parse().unwrap();
            let query = query(adults, children, infants.min(adults), sort);
            let found = search(&index(&flights), &query, Currency::EUR, now);
            prop_assert!(found.is_sorted_by(|one, other| one.rank < other.rank), "each has a place of its own");
            for journey in found {
                let totals: Vec<i64> = journey.offers.iter().map(|offer| offer.total.minor).collect();
                prop_assert!(!totals.is_empty() && totals.is_sorted());
                for offer in &journey.offers {
                    prop_assert!(offer.seats_left >= query.party.seats());
                    let of = |one: &PassengerPrice| one.total.minor * i64::from(one.count);
                    prop_assert_eq!(offer.per_passenger.iter().map(of).sum::<i64>(), offer.total.minor);
                    let adds_up = |one: &PassengerPrice| one.fare.minor + one.taxes.minor == one.total.minor;
                    prop_assert!(offer.per_passenger.iter().all(adds_up));
                }
            }
        }
    }

    #[test]
    fn sales_end_45_minutes_before_the_departure() {
        let index = index(&[(10, 75, 0)]);
        let found = |now: &str| {
            let now = now.parse().unwrap();
            search(&index, &query(1, 0, 0, Sort::Price), Currency::EUR, now).len()
        };
        assert_eq!((found("2026-12-01T09:14:59Z"), found("2026-12-01T09:15:00Z")), (1, 0));
    }

    #[test]
    fn times_of_day_are_read_strictly() {
        assert_eq!("08:05".parse::<TimeOfDay>().unwrap().to_string(), "08:05");
        for text in ["8:05", "08:60", "24:00", "0805", "08:05:00", "+8:05", ""] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text:?}");
        }
    }
}
