//! The parts that many flights have alike, each kept once, with the JSON that answers show of them.

use super::{
    availability::CabinSeats,
    conditions::Conditions,
    flight::{AirlineSummary, Equipment},
};
use serde::Serialize;
use shared::{
    events::{Carrier, Station},
    fare::FlightFare,
    iata::{AircraftTypeCode, AirlineCode, AirportCode, FlightNumber, Registration},
    seat::Cabin,
};
use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::Arc,
};

/// A part with its JSON, rendered once for all flights that have it.
#[derive(Debug)]
pub struct RenderedPart<T> {
    /// The part.
    pub value: T,
    /// Its JSON.
    pub json: Box<str>,
}

fn render(value: &impl Serialize) -> Box<str> {
    // Plain data, which always serialises.
    serde_json::to_string(value).unwrap_or_default().into()
}

/// What flies, with the cabin of each seat.
#[derive(Debug)]
pub struct SeatedEquipment {
    /// The type with its seats.
    pub equipment: Equipment,
    /// The JSON of the type.
    pub json: Box<str>,
    /// The cabins with the seats that can be sold, from the front to the back.
    cabins: Vec<(Cabin, u16)>,
    /// The place in `cabins` of each seat that can be sold, by its number.
    cabin_of_seat: Vec<Option<u8>>,
}

/// The cabins that there are.
pub const CABINS: usize = Cabin::ALL.len();

impl SeatedEquipment {
    fn new(equipment: Equipment) -> Self {
        let plan = &equipment.plan;
        let mut cabins: Vec<(Cabin, u16)> = plan.cabin_names().into_iter().map(|cabin| (cabin, 0)).collect();
        let mut cabin_of_seat = Vec::new();
        for (seat, cabin) in plan.seats().filter(|(seat, _)| !plan.blocked_seats.contains(seat)) {
            let (Some(place), Ok(number)) =
                (cabins.iter().position(|(name, _)| *name == cabin), usize::try_from(seat.to_number()))
            else {
                continue;
            };
            cabins[place].1 += 1;
            cabin_of_seat.resize(cabin_of_seat.len().max(number + 1), None);
            cabin_of_seat[number] = u8::try_from(place).ok();
        }
        let json = render(&equipment.aircraft_type);
        Self { equipment, json, cabins, cabin_of_seat }
    }

    /// Seats that can be sold, cabin by cabin from the front to the back, where these are taken. Numbers that the plan
    /// lacks or blocks count nowhere, so that a message about another equipment can never make a count negative.
    #[must_use]
    pub fn available(&self, taken: impl Iterator<Item = u16>) -> [u16; CABINS] {
        let mut available = [0; CABINS];
        for (count, (_, total)) in available.iter_mut().zip(&self.cabins) {
            *count = *total;
        }
        for number in taken {
            if let Some(Some(cabin)) = self.cabin_of_seat.get(usize::from(number)) {
                available[usize::from(*cabin)] -= 1;
            }
        }
        available
    }

    /// The cabins with these seats left.
    pub fn cabins(&self, available: [u16; CABINS]) -> impl Iterator<Item = CabinSeats> + '_ {
        self.cabins.iter().zip(available).map(|((cabin, total), available)| CabinSeats {
            cabin: *cabin,
            seats_total: u32::from(*total),
            seats_available: u32::from(available),
        })
    }
}

/// What is on sale on a flight.
#[derive(Debug)]
pub struct FareSet {
    /// The fares, by cabin and brand.
    pub fares: Vec<FlightFare>,
    /// The JSON of each, up to its price and from there on.
    json: Vec<(Box<str>, Box<str>)>,
}

impl FareSet {
    fn new(fares: Vec<FlightFare>) -> Self {
        let json = |fare: &FlightFare| {
            let conditions = render(&Conditions::of(fare.brand, fare.base_price.currency));
            let head = format!(r#"{{"cabin":"{}","brand":"{}","price":"#, fare.cabin, fare.brand);
            (head.into(), format!(r#","conditions":{conditions}}}"#).into())
        };
        let json = fares.iter().map(json).collect();
        Self { fares, json }
    }

    /// The fares, with the JSON of each up to its price and from there on.
    pub fn rendered(&self) -> impl Iterator<Item = (&FlightFare, &str, &str)> {
        self.fares.iter().zip(&self.json).map(|(fare, (head, tail))| (fare, &**head, &**tail))
    }
}

/// Keeps one of each part. A part that changes (a renamed airport) takes the place of the old one.
#[derive(Debug, Default)]
pub struct SharedParts {
    stations: HashMap<AirportCode, Arc<RenderedPart<Station>>>,
    carriers: HashMap<AirlineCode, Arc<RenderedPart<Carrier>>>,
    /// A type may fly with several layouts.
    equipment: HashMap<AircraftTypeCode, Vec<Arc<SeatedEquipment>>>,
    fares: HashMap<Vec<FlightFare>, Arc<FareSet>>,
    numbers: HashSet<Arc<FlightNumber>>,
    airplanes: HashSet<Arc<Registration>>,
}

impl SharedParts {
    /// An end of a flight.
    pub fn station(&mut self, station: &Station) -> Arc<RenderedPart<Station>> {
        let make = || RenderedPart { value: station.clone(), json: render(station) };
        newest_part(&mut self.stations, &station.iata, |known| known.value == *station, make)
    }

    /// An airline, whose JSON is the summary that flights show.
    pub fn carrier(&mut self, carrier: &Carrier) -> Arc<RenderedPart<Carrier>> {
        let summary = || AirlineSummary { code: carrier.code.clone(), name: carrier.name.clone() };
        let make = || RenderedPart { value: carrier.clone(), json: render(&summary()) };
        newest_part(&mut self.carriers, &carrier.code, |known| known.value == *carrier, make)
    }

    /// A type with its seats.
    pub fn equipment(&mut self, equipment: &Equipment) -> Arc<SeatedEquipment> {
        let layouts = self.equipment.entry(equipment.aircraft_type.code.clone()).or_default();
        if let Some(known) = layouts.iter().find(|known| known.equipment == *equipment) {
            return known.clone();
        }
        let made = Arc::new(SeatedEquipment::new(equipment.clone()));
        layouts.push(made.clone());
        made
    }

    /// What is on sale.
    pub fn fares(&mut self, fares: &[FlightFare]) -> Arc<FareSet> {
        if let Some(known) = self.fares.get(fares) {
            return known.clone();
        }
        let made = Arc::new(FareSet::new(fares.to_vec()));
        self.fares.insert(fares.to_vec(), made.clone());
        made
    }

    /// A flight number.
    pub fn number(&mut self, number: &FlightNumber) -> Arc<FlightNumber> {
        one_of(&mut self.numbers, number)
    }

    /// An airplane.
    pub fn airplane(&mut self, airplane: &Registration) -> Arc<Registration> {
        one_of(&mut self.airplanes, airplane)
    }

    /// Forgets the parts that no flight has any more.
    pub fn sweep(&mut self) {
        self.stations.retain(|_, part| Arc::strong_count(part) > 1);
        self.carriers.retain(|_, part| Arc::strong_count(part) > 1);
        self.fares.retain(|_, part| Arc::strong_count(part) > 1);
        self.numbers.retain(|part| Arc::strong_count(part) > 1);
        self.airplanes.retain(|part| Arc::strong_count(part) > 1);
        self.equipment.retain(|_, layouts| {
            layouts.retain(|part| Arc::strong_count(part) > 1);
            !layouts.is_empty()
        });
    }
}

fn newest_part<K: Hash + Eq + Clone, V>(
    parts: &mut HashMap<K, Arc<V>>,
    key: &K,
    is_same: impl Fn(&V) -> bool,
    make: impl Fn() -> V,
) -> Arc<V> {
    if let Some(known) = parts.get(key).filter(|known| is_same(known)) {
        return known.clone();
    }
    let made = Arc::new(make());
    parts.insert(key.clone(), made.clone());
    made
}

fn one_of<T: Hash + Eq + Clone>(parts: &mut HashSet<Arc<T>>, part: &T) -> Arc<T> {
    if let Some(known) = parts.get(part) {
        return known.clone();
    }
    let made = Arc::new(part.clone());
    parts.insert(made.clone());
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{availability::count, sample::flight};
    use proptest::prelude::*;
    use shared::{
        events::AircraftTypeSummary,
        seat::{CabinSection, SeatPlan},
    };

    #[test]
    fn a_part_is_kept_once_and_only_while_a_flight_has_it() {
        let mut parts = SharedParts::default();
        let (one, other) =
            (flight(("LHR", "CDG"), "2026-12-01T10:00", 75), flight(("LHR", "CDG"), "2026-12-02T10:00", 75));
        let fares = parts.fares(&one.fares);
        assert!(Arc::ptr_eq(&fares, &parts.fares(&other.fares)));
        let station = parts.station(&one.origin);
        assert!(Arc::ptr_eq(&station, &parts.station(&other.origin)));
        let renamed = Station { name: "Heathrow".to_owned(), ..Station::clone(&one.origin) };
        assert_eq!(parts.station(&renamed).value.name, "Heathrow");
        assert!(Arc::ptr_eq(&parts.number(&one.flight_number), &parts.number(&other.flight_number)));
        assert!(Arc::ptr_eq(&parts.equipment(&one.equipment), &parts.equipment(&other.equipment)));
        let _ = (parts.airplane(&one.airplane), parts.carrier(&one.airline));
        parts.sweep();
        assert!(parts.stations.is_empty() && parts.carriers.is_empty() && parts.equipment.is_empty());
        assert!(parts.numbers.is_empty() && parts.airplanes.is_empty());
        assert_eq!(parts.fares.len(), 1, "somebody has it");
    }

    proptest! {
        /// Both ways to count agree, whatever is told to be taken.
        #[test]
        fn seats_are_counted_as_the_plan_has_them(taken in prop::collection::vec(-100_i16..3200, 0..400)) {
            let section = |cabin, rows, columns: &str| CabinSection { cabin, rows, columns: columns.parse().unwrap() };
            let plan = SeatPlan {
                cabins: vec![section(Cabin::Business, [1, 3], "AC|DF"), section(Cabin::Economy, [4, 26], "ABC|DEF")],
                exit_rows: vec![10, 11],
                blocked_seats: vec!["26A".parse().unwrap(), "26F".parse().unwrap()],
            };
            let aircraft_type = AircraftTypeSummary { code: "E90".parse().unwrap(), name: String::new() };
            let seated = SeatedEquipment::new(Equipment { aircraft_type, plan: plan.clone() });
            let mut distinct: Vec<u16> = taken.iter().filter_map(|seat| u16::try_from(*seat).ok()).collect();
            distinct.sort_unstable();
            distinct.dedup();
            let counted: Vec<CabinSeats> = seated.cabins(seated.available(distinct.into_iter())).collect();
            prop_assert_eq!(counted, count(&plan, &taken));
        }
    }
}
