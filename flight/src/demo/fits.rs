//! The aircraft types, and how their airplanes are fitted.

use super::block_time::Propulsion;
use crate::domain::reference::SeatLayout;
use shared::{
    iata::InvalidCode,
    ids::SeatLayoutId,
    seat::{Cabin, CabinSection, InvalidSeat, SeatPlan},
};
use uuid::Uuid;

/// An aircraft type with a seat layout.
#[derive(Debug)]
pub struct Fit {
    /// Tells the layouts apart: the last digits of the layout's id, which is the same everywhere.
    number: u128,
    /// IATA code of the type.
    pub code: &'static str,
    /// ICAO designator of the type.
    pub icao: &'static str,
    /// Name of the type.
    pub type_name: &'static str,
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
pub enum InvalidFit {
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
    #[must_use]
    pub fn layout_id(&self) -> SeatLayoutId {
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

    fn plan(&self) -> Result<SeatPlan, InvalidFit> {
        let section = |(cabin, rows, columns): &(Cabin, [u8; 2], &str)| {
            Ok(CabinSection { cabin: *cabin, rows: *rows, columns: columns.parse()? })
        };
        Ok(SeatPlan {
            cabins: self.sections.iter().map(section).collect::<Result<_, InvalidSeat>>()?,
            exit_rows: self.exit_rows.to_vec(),
            blocked_seats: Vec::new(),
        })
    }

    /// The seat layout.
    ///
    /// # Errors
    /// Never with the tables as they are; see [`InvalidFit`].
    pub fn layout(&self) -> Result<SeatLayout, InvalidFit> {
        Ok(SeatLayout {
            id: self.layout_id(),
            name: self.name.to_owned(),
            version: 1,
            aircraft_type: self.code.parse()?,
            plan: self.plan()?,
        })
    }
}
