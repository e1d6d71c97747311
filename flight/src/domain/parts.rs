//! The parts that many flights have alike, each kept once.

use super::flight::{Equipment, Flight};
use shared::{
    events::{Carrier, FlightState, Station},
    iata::{AircraftTypeCode, AirlineCode, AirportCode},
};
use std::{collections::HashMap, hash::Hash, sync::Arc};

/// Keeps one of each part. A part that changes (a renamed airport) takes the place of the old one.
#[derive(Debug, Default)]
pub struct SharedParts {
    stations: HashMap<AirportCode, Arc<Station>>,
    carriers: HashMap<AirlineCode, Arc<Carrier>>,
    /// A type may fly with several layouts.
    equipment: HashMap<AircraftTypeCode, Vec<Arc<Equipment>>>,
}

/// Layouts of one type that are kept; beyond that parts are only shared by chance.
const LAYOUTS: usize = 64;

impl SharedParts {
    /// The flight of an event.
    pub fn flight(&mut self, state: FlightState) -> Flight {
        let equipment = Equipment { aircraft_type: state.aircraft_type, plan: state.seat_plan };
        let flight = Flight {
            id: state.id,
            version: state.version,
            flight_number: state.flight_number,
            airline: Arc::new(state.airline),
            origin: Arc::new(state.origin),
            destination: Arc::new(state.destination),
            departure: state.departure,
            arrival: state.arrival,
            airplane: state.airplane,
            equipment: Arc::new(equipment),
            fares: state.fares,
            departure_tax: state.departure_tax,
            status: state.status,
            reason: state.reason,
        };
        self.share(flight)
    }

    /// The same flight with parts that others have too.
    pub fn share(&mut self, mut flight: Flight) -> Flight {
        flight.origin = shared_part(&mut self.stations, flight.origin.iata.clone(), flight.origin);
        flight.destination =
            shared_part(&mut self.stations, flight.destination.iata.clone(), flight.destination);
        flight.airline = shared_part(&mut self.carriers, flight.airline.code.clone(), flight.airline);
        let layouts = self.equipment.entry(flight.equipment.aircraft_type.code.clone()).or_default();
        match layouts.iter().find(|known| **known == flight.equipment) {
            Some(known) => flight.equipment = known.clone(),
            None if layouts.len() < LAYOUTS => layouts.push(flight.equipment.clone()),
            None => {}
        }
        flight
    }
}

fn shared_part<K: Hash + Eq, V: PartialEq>(parts: &mut HashMap<K, Arc<V>>, key: K, part: Arc<V>) -> Arc<V> {
    let known = parts.entry(key).or_insert_with(|| part.clone());
    if *known != part {
        *known = part;
    }
    known.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::flight;
    use shared::money::{Currency, Money};

    #[test]
    fn a_flight_survives_its_event() {
        let mut made = flight(("LHR", "CDG"), "2026-12-01T10:00", 75);
        made.departure_tax = Some(Money::new(5794, Currency::EUR));
        assert_eq!(SharedParts::default().flight(made.state()), made);
    }
}
