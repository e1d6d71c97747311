//! The airlines, the aircraft types, how their airplanes are fitted, and the airplanes.

use super::{
    block_time::Propulsion,
    network::{self, Hub},
};
use crate::domain::reference::{AircraftType, Airline, Airplane, SeatLayout};
use shared::{
    iata::{InvalidCode, Registration},
    ids::SeatLayoutId,
    seat::{Cabin, CabinSection, InvalidSeat, SeatPlan},
};
use std::collections::HashMap;
use uuid::Uuid;

/// An airline of the demo.
#[derive(Debug)]
pub struct House {
    /// Its designator.
    pub code: &'static str,
    /// Its name.
    name: &'static str,
    /// The first digits of its tickets.
    accounting_code: &'static str,
}

impl House {
    /// As reference data.
    ///
    /// # Errors
    /// Never with the houses as they are.
    pub fn airline(&self) -> Result<Airline, InvalidCode> {
        let (code, accounting_code) = (self.code.parse()?, self.accounting_code.parse()?);
        Ok(Airline { code, name: self.name.to_owned(), accounting_code })
    }
}

/// The house airline.
pub static AEROBUS: House = House { code: "AE", name: "Aerobus Airlines", accounting_code: "997" };
/// Its regional airline.
pub static REGIONAL: House = House { code: "AL", name: "Aerobus Link", accounting_code: "996" };

/// An aircraft type with a seat layout.
#[derive(Debug)]
pub struct Fit {
    /// Tells the layouts apart: the last digits of the layout's id, which is the same everywhere.
    number: u128,
    /// IATA code of the type.
    code: &'static str,
    /// ICAO designator of the type.
    icao: &'static str,
    /// Name of the type.
    type_name: &'static str,
    /// Name of the layout.
    name: &'static str,
    /// Cabin, rows and columns, from the front to the back.
    sections: &'static [(Cabin, [u8; 2], &'static str)],
    exit_rows: &'static [u8],
    /// Minutes on the ground between two flights, at least.
    pub turnaround_minutes: i64,
    /// What moves it.
    pub propulsion: Propulsion,
}

/// ATR 72-600, 72 seats.
pub static ATR_72: Fit = Fit {
    number: 1,
    code: "AT7",
    icao: "AT76",
    type_name: "ATR 72-600",
    name: "ATR 72-600, 72 seats",
    sections: &[(Cabin::Economy, [1, 18], "AC|DF")],
    exit_rows: &[1],
    turnaround_minutes: 25,
    propulsion: Propulsion::Turboprop,
};
/// Embraer 190, 100 seats.
pub static EMBRAER_190: Fit = Fit {
    number: 2,
    code: "E90",
    icao: "E190",
    type_name: "Embraer 190",
    name: "Embraer 190, 100 seats",
    sections: &[(Cabin::Economy, [1, 25], "AC|DF")],
    exit_rows: &[12],
    turnaround_minutes: 40,
    propulsion: Propulsion::Jet,
};
/// Airbus A320, 180 seats.
pub static A320: Fit = Fit {
    number: 3,
    code: "320",
    icao: "A320",
    type_name: "Airbus A320",
    name: "A320, 180 seats",
    sections: &[(Cabin::Economy, [1, 30], "ABC|DEF")],
    exit_rows: &[12, 13],
    turnaround_minutes: 40,
    propulsion: Propulsion::Jet,
};
/// Airbus A320 in two classes, 150 seats.
pub static A320_TWO_CLASS: Fit = Fit {
    number: 4,
    code: "320",
    icao: "A320",
    type_name: "Airbus A320",
    name: "A320 in two classes, 150 seats",
    sections: &[(Cabin::Business, [1, 3], "AC|DF"), (Cabin::Economy, [4, 26], "ABC|DEF")],
    exit_rows: &[10, 11],
    turnaround_minutes: 40,
    propulsion: Propulsion::Jet,
};
/// Airbus A321neo, 196 seats.
pub static A321_NEO: Fit = Fit {
    number: 5,
    code: "32Q",
    icao: "A21N",
    type_name: "Airbus A321neo",
    name: "A321neo in two classes, 196 seats",
    sections: &[(Cabin::Business, [1, 4], "AC|DF"), (Cabin::Economy, [5, 34], "ABC|DEF")],
    exit_rows: &[11, 25],
    turnaround_minutes: 40,
    propulsion: Propulsion::Jet,
};
/// Boeing 737-800 in two classes, 160 seats.
pub static BOEING_737: Fit = Fit {
    number: 6,
    code: "738",
    icao: "B738",
    type_name: "Boeing 737-800",
    name: "737-800 in two classes, 160 seats",
    sections: &[(Cabin::Business, [1, 4], "AC|DF"), (Cabin::Economy, [5, 28], "ABC|DEF")],
    exit_rows: &[14, 15],
    turnaround_minutes: 40,
    propulsion: Propulsion::Jet,
};
/// Airbus A350-900, 299 seats.
pub static A350: Fit = Fit {
    number: 7,
    code: "359",
    icao: "A359",
    type_name: "Airbus A350-900",
    name: "A350-900 in three classes, 299 seats",
    sections: &[
        (Cabin::Business, [1, 9], "A|DG|K"),
        (Cabin::PremiumEconomy, [20, 22], "AC|DEFG|HK"),
        (Cabin::Economy, [30, 54], "ABC|DEG|HJK"),
        (Cabin::Economy, [55, 56], "AC|DEG|HK"),
    ],
    exit_rows: &[30, 42],
    turnaround_minutes: 90,
    propulsion: Propulsion::Jet,
};
/// Boeing 777-300ER, 350 seats.
pub static BOEING_777: Fit = Fit {
    number: 8,
    code: "77W",
    icao: "B77W",
    type_name: "Boeing 777-300ER",
    name: "777-300ER in three classes, 350 seats",
    sections: &[
        (Cabin::Business, [1, 10], "A|DG|K"),
        (Cabin::PremiumEconomy, [20, 22], "AC|DEFG|HK"),
        (Cabin::Economy, [30, 56], "ABC|DEFG|HJK"),
        (Cabin::Economy, [57, 58], "AC|DEFG|HK"),
    ],
    exit_rows: &[30, 45],
    turnaround_minutes: 90,
    propulsion: Propulsion::Jet,
};

/// All layouts.
pub static FITS: [&Fit; 8] =
    [&ATR_72, &EMBRAER_190, &A320, &A320_TWO_CLASS, &A321_NEO, &BOEING_737, &A350, &BOEING_777];

/// Why the tables of the demo are no valid data. A test reads them all.
#[derive(Debug, thiserror::Error)]
pub enum InvalidFleet {
    /// A code of the wrong form.
    #[error("a code of the demo data is wrong")]
    Code(#[from] InvalidCode),
    /// A plan of columns of the wrong form.
    #[error("a seat plan of the demo data is wrong")]
    Seat(#[from] InvalidSeat),
}

impl Fit {
    /// The id of the layout: fixed, so that every installation knows the same ones (UUIDv7 of
    /// 2026-11-01).
    fn layout_id(&self) -> SeatLayoutId {
        const FIRST: u128 = 0x01a1_9467_e800_7000_8000_0000_0000_0000;
        SeatLayoutId(Uuid::from_u128(FIRST + self.number))
    }

    /// The cabins, from the front to the back.
    #[must_use]
    pub fn cabins(&self) -> Vec<Cabin> {
        let mut cabins: Vec<Cabin> = self.sections.iter().map(|(cabin, ..)| *cabin).collect();
        cabins.dedup();
        cabins
    }

    fn plan(&self) -> Result<SeatPlan, InvalidFleet> {
        let section = |(cabin, rows, columns): &(Cabin, [u8; 2], &str)| {
            Ok(CabinSection { cabin: *cabin, rows: *rows, columns: columns.parse()? })
        };
        Ok(SeatPlan {
            cabins: self.sections.iter().map(section).collect::<Result<_, InvalidSeat>>()?,
            exit_rows: self.exit_rows.to_vec(),
            blocked_seats: Vec::new(),
        })
    }

    fn layout(&self) -> Result<SeatLayout, InvalidFleet> {
        Ok(SeatLayout {
            id: self.layout_id(),
            name: self.name.to_owned(),
            version: 1,
            aircraft_type: self.code.parse()?,
            plan: self.plan()?,
        })
    }
}

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
    /// Never with the tables as they are; see [`InvalidFleet`].
    pub fn new() -> Result<Self, InvalidFleet> {
        let mut register = Register::default();
        let mut airplanes = Vec::new();
        let mut of_lines = Vec::new();
        let airplane = |registration: &Registration, airline: &House, fit: &Fit| {
            Ok::<_, InvalidCode>(Airplane {
                registration: registration.clone(),
                airline: airline.code.parse()?,
                aircraft_type: fit.code.parse()?,
                seat_layout_id: fit.layout_id(),
            })
        };
        for line in network::lines() {
            let mut of_line = Vec::new();
            for _ in 0..line.airplanes {
                let registration = register.next(line.hub)?;
                airplanes.push(airplane(&registration, line.airline, line.fit)?);
                of_line.push(registration);
            }
            of_lines.push(of_line);
        }
        for fit in FITS {
            airplanes.push(airplane(&register.next(&network::LONDON)?, &AEROBUS, fit)?);
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

fn airlines() -> Result<Vec<Airline>, InvalidFleet> {
    Ok(vec![AEROBUS.airline()?, REGIONAL.airline()?])
}

fn aircraft_types() -> Result<Vec<AircraftType>, InvalidFleet> {
    let mut types = Vec::new();
    for fit in FITS {
        let code = fit.code.parse()?;
        if types.iter().all(|known: &AircraftType| known.code != code) {
            types.push(AircraftType { code, icao: fit.icao.to_owned(), name: fit.type_name.to_owned() });
        }
    }
    Ok(types)
}

fn seat_layouts() -> Result<Vec<SeatLayout>, InvalidFleet> {
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
