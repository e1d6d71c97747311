//! The airplanes that the network needs, and what they refer to.

use super::{
    airlines::{AEROBUS, DemoAirline, REGIONAL},
    fits::{FITS, Fit, InvalidFit},
    network::{self, Hub, Turns},
};
use crate::domain::reference::{AircraftType, Airline, Airplane, SeatLayout};
use shared::iata::{InvalidCode, Registration};
use std::collections::HashMap;

/// Everything that the flights refer to but the places.
pub struct Fleet {
    /// The house airline and its regional one.
    pub airlines: Vec<Airline>,
    /// The types of the airplanes.
    pub aircraft_types: Vec<AircraftType>,
    /// The house layouts.
    pub seat_layouts: Vec<SeatLayout>,
    /// The airplanes of the network's lines, and of each layout one that flies nothing: to make
    /// flights with.
    pub airplanes: Vec<Airplane>,
    /// The airplanes of each line, in the order of [`network::lines`].
    pub of_lines: Vec<Vec<Registration>>,
}

impl Fleet {
    /// The fleet that the network needs.
    ///
    /// # Errors
    /// Never with the tables as they are; see [`InvalidFit`].
    pub fn new() -> Result<Self, InvalidFit> {
        let mut register = Register::default();
        let mut airplanes = Vec::new();
        let mut of_lines = Vec::new();
        let airplane = |registration: &Registration, airline: &DemoAirline, fit: &Fit| {
            Ok::<_, InvalidCode>(Airplane {
                registration: registration.clone(),
                airline: airline.code.parse()?,
                aircraft_type: fit.code.parse()?,
                seat_layout_id: fit.layout_id(),
            })
        };
        for line in network::lines() {
            let mut of_line = Vec::new();
            for _ in 0..airplanes_of_earlier_releases(line.turns) {
                let registration = register.next(line.hub)?;
                airplanes.push(airplane(&registration, line.airline, line.fit)?);
                of_line.push(registration);
            }
            of_lines.push(of_line);
        }
        for fit in FITS {
            airplanes.push(airplane(&register.next(&network::LONDON)?, &AEROBUS, fit)?);
        }
        // Those that fly on Sundays came later. They stand behind all others, whose registrations stay as they are.
        for (line, of_line) in
            network::lines().zip(&mut of_lines).filter(|(line, _)| line.turns == Turns::TwoDays)
        {
            let registration = register.next(line.hub)?;
            airplanes.push(airplane(&registration, line.airline, line.fit)?);
            of_line.push(registration);
        }
        Ok(Self {
            airlines: airlines()?,
            aircraft_types: aircraft_types()?,
            seat_layouts: seat_layouts()?,
            airplanes,
            of_lines,
        })
    }
}

/// Airplanes of a line when registrations were first given out.
fn airplanes_of_earlier_releases(turns: Turns) -> usize {
    match turns {
        Turns::Daily => 1,
        Turns::TwoDays => 2,
    }
}

fn airlines() -> Result<Vec<Airline>, InvalidFit> {
    Ok(vec![AEROBUS.airline()?, REGIONAL.airline()?])
}

fn aircraft_types() -> Result<Vec<AircraftType>, InvalidFit> {
    let mut types = Vec::new();
    for fit in FITS {
        let code = fit.code.parse()?;
        if types.iter().all(|known: &AircraftType| known.code != code) {
            types.push(AircraftType { code, icao: fit.icao.to_owned(), name: fit.type_name.to_owned() });
        }
    }
    Ok(types)
}

fn seat_layouts() -> Result<Vec<SeatLayout>, InvalidFit> {
    FITS.into_iter().map(Fit::layout).collect()
}

/// Gives registrations out: the hub's prefix and two letters.
#[derive(Default)]
struct Register(HashMap<&'static str, u8>);

impl Register {
    fn next(&mut self, hub: &Hub) -> Result<Registration, InvalidCode> {
        let count = self.0.entry(hub.registration_prefix).or_default();
        let letters = [char::from(b'A' + *count / 26), char::from(b'A' + *count % 26)];
        *count += 1;
        format!("{}{}{}", hub.registration_prefix, letters[0], letters[1]).parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reference::{check_icao_type, check_plan};
    use std::collections::HashSet;

    #[test]
    fn layouts_have_the_seats_of_the_house() {
        let seats = |layout: &SeatLayout| layout.plan.seats().count();
        let layouts = seat_layouts().unwrap();
        let counts: Vec<_> = layouts.iter().map(seats).collect();
        assert_eq!(counts, [72, 100, 180, 150, 196, 160, 299, 350]);
        for layout in &layouts {
            assert_eq!(check_plan(&layout.plan), [], "{}", layout.name);
            assert_eq!(layout.id.0.get_version_num(), 7, "{}", layout.name);
        }
        let ids: HashSet<_> = layouts.iter().map(|layout| layout.id).collect();
        assert_eq!(ids.len(), 8);
    }

    #[test]
    fn every_layout_flies_and_has_a_spare_airplane() {
        let fleet = Fleet::new().unwrap();
        assert_eq!(fleet.aircraft_types.len(), 7);
        for aircraft_type in &fleet.aircraft_types {
            check_icao_type(&aircraft_type.icao).unwrap();
        }
        let registrations: HashSet<_> =
            fleet.airplanes.iter().map(|airplane| &airplane.registration).collect();
        assert_eq!(registrations.len(), fleet.airplanes.len());
        for layout in &fleet.seat_layouts {
            let fitted =
                fleet.airplanes.iter().filter(|airplane| airplane.seat_layout_id == layout.id).count();
            assert!(fitted >= 2, "{}", layout.name);
        }
        let in_lines = fleet.of_lines.iter().map(Vec::len).sum::<usize>();
        assert_eq!(in_lines + FITS.len(), fleet.airplanes.len());
    }
}
