//! A slow search that is obviously right: it tries all sequences of flights against the rules, one by one. The fast one
//! has to find the same.

use super::{
    itinerary::{Itinerary, Offer, PassengerPrice, SliceView},
    query::{Query, SearchRules, Slice, Sort},
};
use crate::domain::{
    availability::{CabinSeats, TakenSeats},
    conditions::Conditions,
    flight::{Flight, FlightWithSeats},
};
use chrono::{DateTime, TimeDelta, Utc};
use shared::{
    fare::{Brand, PassengerType, SegmentPrice},
    iata::AirportCode,
    money::Money,
    seat::Cabin,
};
use std::collections::HashMap;

/// All that there is.
#[derive(Debug, Clone, Default)]
pub(super) struct Network {
    pub(super) flights: Vec<(Flight, TakenSeats)>,
    pub(super) min_connections: HashMap<AirportCode, u16>,
}

/// What is asked: the query, the rules, the time.
type Question<'q> = (&'q Query, &'q SearchRules, DateTime<Utc>);

/// The itineraries of a slice, or of slices, with what the party pays in each offer.
type Priced = (Vec<Vec<FlightWithSeats>>, Vec<(Cabin, Brand, i64)>);

/// All journeys, in the order that is wanted.
pub(super) fn journeys(network: &Network, question: Question<'_>) -> Vec<Itinerary> {
    let (query, ..) = question;
    let mut journeys: Vec<Priced> = vec![(vec![], vec![])];
    for number in 0..query.slices.len() {
        let options = undominated(&slice_itineraries(network, number, question));
        let mut longer = Vec::new();
        for (before, _) in &journeys {
            for (option, _) in &options {
                let whole = [before.clone(), option.clone()].concat();
                let offers = offers(&whole, question);
                let arrived = before.last().map(|slice| slice[slice.len() - 1].flight.arrival.at);
                let leaves = option[0][0].flight.departure.at;
                if arrived.is_none_or(|arrived| leaves > arrived) && !offers.is_empty() {
                    longer.push((whole, offers));
                }
            }
        }
        journeys = longer;
    }
    for (_, offers) in &mut journeys {
        offers.retain(|(_, _, total)| query.max_price.is_none_or(|most| *total <= most));
    }
    journeys.retain(|(_, offers)| !offers.is_empty());
    journeys.sort_by_key(|journey| rank(journey, question));
    journeys.iter().map(|journey| view(journey, question)).collect()
}

fn rank((slices, offers): &Priced, (query, rules, _): Question<'_>) -> (i64, DateTime<Utc>, String) {
    let cheapest = offers.iter().map(|(_, _, total)| *total).min().unwrap();
    let minutes: i64 = slices.iter().map(|slice| minutes(slice)).sum();
    let connections: i64 = slices.iter().map(|slice| i64::try_from(slice.len()).unwrap() - 1).sum();
    let departure = slices[0][0].flight.departure.at;
    let key = match query.sort {
        Sort::Price => cheapest,
        Sort::Duration => minutes,
        Sort::Departure => departure.timestamp(),
        Sort::Best => (cheapest + connections * rules.connection_price) * 60 + minutes * rules.hour_price,
    };
    (key, departure, id(slices))
}

fn id(slices: &[Vec<FlightWithSeats>]) -> String {
    let ids = |slice: &Vec<FlightWithSeats>| {
        slice.iter().map(|one| one.flight.id.to_string()).collect::<Vec<_>>().join(".")
    };
    slices.iter().map(ids).collect::<Vec<_>>().join("~")
}

fn minutes(slice: &[FlightWithSeats]) -> i64 {
    (slice[slice.len() - 1].flight.arrival.at - slice[0].flight.departure.at).num_minutes()
}

fn slice_itineraries(network: &Network, number: usize, question: Question<'_>) -> Vec<Priced> {
    let (query, _, _) = question;
    let flights: Vec<FlightWithSeats> =
        network.flights.iter().map(|(flight, taken)| FlightWithSeats::new(flight.clone(), taken)).collect();
    let slice = &query.slices[number];
    let mut found = Vec::new();
    let mut begun: Vec<Vec<&FlightWithSeats>> = flights
        .iter()
        .filter(|one| begins(&one.flight, slice, number, question))
        .map(|one| vec![one])
        .collect();
    for _ in 0..=query.max_connections {
        let mut longer = Vec::new();
        for itinerary in begun {
            if ends(&itinerary, slice, query) {
                let whole = vec![itinerary.iter().copied().cloned().collect::<Vec<_>>()];
                let offers = offers(&whole, question);
                found.extend((!offers.is_empty()).then_some((whole, offers)));
            }
            for next in &flights {
                if follows(&itinerary, &next.flight, network, question) {
                    longer.push([itinerary.clone(), vec![next]].concat());
                }
            }
        }
        begun = longer;
    }
    found
}

fn is_at(flight_end: &shared::events::Station, place: &AirportCode) -> bool {
    flight_end.iata == *place || flight_end.city.code.as_str() == place.as_str()
}

fn may_be_taken(flight: &Flight, (query, _, now): Question<'_>) -> bool {
    flight.is_on_sale(now) && query.airline.as_ref().is_none_or(|airline| *airline == flight.airline.code)
}

fn begins(flight: &Flight, slice: &Slice, number: usize, question: Question<'_>) -> bool {
    let (query, ..) = question;
    let clock = flight.departure.local.to_string()[11..].to_owned();
    let in_time = query.depart_after.is_none_or(|after| clock >= after.to_string())
        && query.depart_before.is_none_or(|before| clock <= before.to_string());
    is_at(&flight.origin, &slice.origin)
        && flight.departure.local.date() == slice.date
        && may_be_taken(flight, question)
        && (number > 0 || in_time)
}

fn ends(itinerary: &[&FlightWithSeats], slice: &Slice, query: &Query) -> bool {
    let first = &itinerary[0].flight;
    let last = &itinerary[itinerary.len() - 1].flight;
    let stops = &itinerary[..itinerary.len() - 1];
    let time = (last.arrival.at - first.departure.at).num_minutes();
    is_at(&last.destination, &slice.destination)
        && query.via.as_ref().is_none_or(|via| stops.iter().any(|stop| is_at(&stop.flight.destination, via)))
        && query.max_duration.is_none_or(|most| time <= i64::from(most))
}

fn follows(before: &[&FlightWithSeats], next: &Flight, network: &Network, question: Question<'_>) -> bool {
    let last = &before[before.len() - 1].flight;
    let least = network.min_connections.get(&next.origin.iata).map_or_else(
        || match (last.domestic(), next.domestic()) {
            (true, true) => 45,
            (false, false) => 90,
            _ => 60,
        },
        |minutes| i64::from(*minutes),
    );
    let layover = next.departure.at - last.arrival.at;
    let mut cities: Vec<&str> = before.iter().map(|one| one.flight.destination.city.code.as_str()).collect();
    cities.push(before[0].flight.origin.city.code.as_str());
    let comes_back = |city: &str| cities.iter().filter(|other| **other == city).count() > 0;
    last.destination.iata == next.origin.iata
        && layover > TimeDelta::zero()
        && layover >= TimeDelta::minutes(least)
        && layover <= question.1.max_layover
        && !comes_back(next.destination.city.code.as_str())
        && last.destination.city.code != before[0].flight.origin.city.code
        && may_be_taken(next, question)
}

/// What the party pays for these flights in each cabin and brand that all of them sell to it.
fn offers(slices: &[Vec<FlightWithSeats>], question: Question<'_>) -> Vec<(Cabin, Brand, i64)> {
    let (query, ..) = question;
    let mut offers = Vec::new();
    for cabin in Cabin::ALL.into_iter().filter(|cabin| query.cabin.is_none_or(|wanted| wanted == *cabin)) {
        for brand in Brand::ALL {
            let of_type = |(kind, count): (PassengerType, u32)| {
                let price = price(slices, (cabin, brand), kind, question)?;
                Some(price.total() * i64::from(count))
            };
            let total: Option<i64> = query.party.types().map(of_type).sum();
            offers.extend(total.map(|total| (cabin, brand, total)));
        }
    }
    offers
}

fn price(
    slices: &[Vec<FlightWithSeats>],
    (cabin, brand): (Cabin, Brand),
    kind: PassengerType,
    (query, rules, now): Question<'_>,
) -> Option<SegmentPrice> {
    let mut sum = SegmentPrice { fare: 0, taxes: 0 };
    for one in slices.iter().flatten() {
        let seats = one.cabins.iter().find(|seats| seats.cabin == cabin)?;
        let fare = one.flight.fare(cabin, brand)?;
        if seats.seats_available < query.party.seats() || fare.base_price.currency != rules.currency {
            return None;
        }
        let price = one.flight.price(fare, seats, query.party.seats(), kind, now).ok()?;
        sum = SegmentPrice { fare: sum.fare + price.fare, taxes: sum.taxes + price.taxes };
    }
    Some(sum)
}

fn undominated(all: &[Priced]) -> Vec<Priced> {
    let ends = |(slices, _): &Priced| {
        let slice = &slices[0];
        (slice[0].flight.departure.at, slice[slice.len() - 1].flight.arrival.at, slice.len())
    };
    let covers = |one: &Priced, other: &Priced| {
        let ((leaves, arrives, flights), (leaves_other, arrives_other, flights_other)) =
            (ends(one), ends(other));
        let sells = |(cabin, brand, total): &(Cabin, Brand, i64)| {
            one.1.iter().any(|offer| offer.0 == *cabin && offer.1 == *brand && offer.2 <= *total)
        };
        leaves >= leaves_other
            && arrives <= arrives_other
            && flights <= flights_other
            && other.1.iter().all(sells)
    };
    let dominated = |one: &&Priced| all.iter().any(|other| covers(other, one) && !covers(one, other));
    all.iter().filter(|one| !dominated(one)).cloned().collect()
}

fn view((slices, offers): &Priced, question: Question<'_>) -> Itinerary {
    let (query, rules, now) = question;
    let slice = |slice: &Vec<FlightWithSeats>| SliceView {
        origin: slice[0].flight.origin.clone(),
        destination: slice[slice.len() - 1].flight.destination.clone(),
        duration_minutes: minutes(slice),
        connections: slice.len() - 1,
        segments: slice.iter().map(|one| one.view(now)).collect(),
    };
    let money = |minor| Money::new(minor, rules.currency);
    let offer = |(cabin, brand, total): &(Cabin, Brand, i64)| {
        let one = |(kind, count)| {
            let price = price(slices, (*cabin, *brand), kind, question).unwrap();
            let (fare, taxes, total) = (money(price.fare), money(price.taxes), money(price.total()));
            PassengerPrice { r#type: kind, count, fare, taxes, total }
        };
        let left = |one: &FlightWithSeats| {
            one.cabins.iter().find(|seats: &&CabinSeats| seats.cabin == *cabin).unwrap().seats_available
        };
        Offer {
            cabin: *cabin,
            brand: *brand,
            total: money(*total),
            per_passenger: query.party.types().map(one).collect(),
            conditions: Conditions::of(*brand, rules.currency),
            seats_left: slices.iter().flatten().map(left).min().unwrap(),
        }
    };
    let mut offers: Vec<Offer> = offers.iter().map(offer).collect();
    offers.sort_by_key(|offer| (offer.total.minor, offer.cabin, offer.brand));
    Itinerary { id: id(slices), slices: slices.iter().map(slice).collect(), offers }
}
