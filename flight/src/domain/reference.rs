//! Reference data: cities, airports, airlines, aircraft types, seat layouts and airplanes, as the
//! contract shows them.

use serde::Serialize;
use shared::{
    flight_time::check_zone,
    http::FieldError,
    iata::{
        AccountingCode, AircraftTypeCode, AirlineCode, AirportCode, CityCode, CountryCode, IcaoAirportCode,
        Registration,
    },
    ids::SeatLayoutId,
    seat::SeatPlan,
};
use utoipa::ToSchema;

/// A piece of reference data with its version, which is its entity tag and grows with each change.
#[derive(Debug, Clone, PartialEq)]
pub struct Versioned<T> {
    /// The data.
    pub value: T,
    /// 1 when created.
    pub version: i64,
}

/// A city or metropolitan area that airports serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct City {
    /// Its metropolitan code, else the code of its airport.
    pub code: CityCode,
    /// Its name.
    pub name: String,
    /// The country that it is in.
    pub country: CountryCode,
    /// Its IANA time zone.
    #[schema(example = "Europe/London")]
    pub time_zone: String,
}

/// An airport.
#[derive(Debug, Clone, PartialEq)]
pub struct Airport {
    /// Its location identifier.
    pub iata: AirportCode,
    /// Its ICAO location indicator, where it has one.
    pub icao: Option<IcaoAirportCode>,
    /// Its name.
    pub name: String,
    /// The city that it serves.
    pub city: CityCode,
    /// The country that it is in.
    pub country: CountryCode,
    /// Its IANA time zone: the one of the times of its flights.
    pub time_zone: String,
    /// Degrees north, -90 to 90.
    pub latitude: f64,
    /// Degrees east, -180 to 180.
    pub longitude: f64,
    /// The shortest connection here; null where the general rule holds.
    pub min_connection_minutes: Option<u16>,
    /// What departures from here are taxed. Flights carry it, so they have to be told anew when it changes.
    pub taxes: DepartureTaxes,
}

/// An airport's own taxes per departing seat, in minor units of the sale currency; `None` where it is
/// [`shared::fare::default_tax`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DepartureTaxes {
    /// Of flights within its country.
    pub domestic: Option<i64>,
    /// Of flights to other countries.
    pub international: Option<i64>,
}

impl DepartureTaxes {
    /// That of such a flight.
    #[must_use]
    pub fn of(self, domestic: bool) -> Option<i64> {
        if domestic { self.domestic } else { self.international }
    }
}

/// An airline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Airline {
    /// Its designator.
    pub code: AirlineCode,
    /// Its name.
    pub name: String,
    /// The first three digits of its ticket numbers.
    pub accounting_code: AccountingCode,
}

/// A type of aircraft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AircraftType {
    /// Its IATA code.
    pub code: AircraftTypeCode,
    /// Its ICAO designator: 2 to 4 capital letters and digits.
    #[schema(example = "A21N")]
    pub icao: String,
    /// Its name.
    pub name: String,
}

/// Where the seats of a type of aircraft are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SeatLayout {
    /// Its id.
    pub id: SeatLayoutId,
    /// Its name.
    pub name: String,
    /// Grows with each change; a layout in use stays as it is, and a changed one stands beside it with the next version.
    pub version: i64,
    /// The type that it fits.
    pub aircraft_type: AircraftTypeCode,
    /// Cabins, exit rows and blocked seats.
    #[serde(flatten)]
    pub plan: SeatPlan,
}

/// An airplane of the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Airplane {
    /// Its registration mark.
    pub registration: Registration,
    /// Who flies it.
    pub airline: AirlineCode,
    /// Its type.
    pub aircraft_type: AircraftTypeCode,
    /// Its seats.
    pub seat_layout_id: SeatLayoutId,
}

/// The most sections, exit rows or blocked seats of a plan.
const PLAN_PARTS: usize = 200;

/// Checks what the parts of a plan say together; each part by itself is checked when it is parsed.
///
/// Gives errors by JSON pointer, none for a good plan.
#[must_use]
pub fn check_plan(plan: &SeatPlan) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if plan.cabins.is_empty() || plan.cabins.len() > PLAN_PARTS {
        errors.push(FieldError::at("/cabins", format!("must have 1 to {PLAN_PARTS} sections")));
    }
    let mut last_row = 0;
    for (index, section) in plan.cabins.iter().enumerate() {
        let [from, to] = section.rows;
        if from == 0 || to > 99 || from > to {
            errors.push(FieldError::at(
                format!("/cabins/{index}/rows"),
                "must be two rows from 1 to 99 in order",
            ));
        } else if from <= last_row {
            errors.push(FieldError::at(
                format!("/cabins/{index}/rows"),
                "must be behind the rows of the section before",
            ));
        }
        last_row = last_row.max(to);
    }
    let has_row =
        |row: u8| plan.cabins.iter().any(|section| (section.rows[0]..=section.rows[1]).contains(&row));
    for (index, row) in plan.exit_rows.iter().enumerate() {
        if plan.exit_rows[..index].contains(row) {
            errors.push(FieldError::at(format!("/exit_rows/{index}"), "is named twice"));
        } else if !has_row(*row) {
            errors.push(FieldError::at(format!("/exit_rows/{index}"), "is no row of the plan"));
        }
    }
    for (index, seat) in plan.blocked_seats.iter().enumerate() {
        if plan.blocked_seats[..index].contains(seat) {
            errors.push(FieldError::at(format!("/blocked_seats/{index}"), "is named twice"));
        } else if plan.section(*seat).is_none() {
            errors.push(FieldError::at(format!("/blocked_seats/{index}"), "is no seat of the plan"));
        }
    }
    errors
}

/// Checks an ICAO aircraft type designator (Doc 8643): 2 to 4 capital letters and digits.
///
/// # Errors
/// A sentence for people.
pub fn check_icao_type(text: &str) -> Result<(), &'static str> {
    let plain = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if plain && (2..=4).contains(&text.len()) {
        Ok(())
    } else {
        Err("must be 2 to 4 capital letters and digits, such as A21N")
    }
}

/// Checks that a zone is known, and written in its canonical spelling.
///
/// # Errors
/// A sentence for people.
pub fn check_time_zone(name: &str) -> Result<(), shared::flight_time::InvalidTime> {
    check_zone(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::seat::{Cabin, CabinSection};

    fn plan(sections: &[[u8; 2]], exit_rows: &[u8], blocked: &[&str]) -> SeatPlan {
        let section = |rows: &[u8; 2]| CabinSection {
            cabin: Cabin::Economy,
            rows: *rows,
            columns: "ABC|DEF".parse().unwrap(),
        };
        SeatPlan {
            cabins: sections.iter().map(section).collect(),
            exit_rows: exit_rows.to_vec(),
            blocked_seats: blocked.iter().map(|seat| seat.parse().unwrap()).collect(),
        }
    }

    fn pointers(plan: &SeatPlan) -> Vec<String> {
        check_plan(plan).into_iter().filter_map(|error| error.pointer).collect()
    }

    #[test]
    fn a_good_plan_has_no_errors() {
        assert_eq!(check_plan(&plan(&[[1, 3], [4, 26]], &[10, 11], &["26A"])), []);
    }

    #[test]
    fn contradictions_are_told_by_pointer() {
        assert_eq!(pointers(&plan(&[], &[], &[])), ["/cabins"]);
        assert_eq!(pointers(&plan(&[[0, 3], [2, 1]], &[], &[])), ["/cabins/0/rows", "/cabins/1/rows"]);
        assert_eq!(pointers(&plan(&[[1, 5], [5, 9]], &[], &[])), ["/cabins/1/rows"]);
        let bad = plan(&[[1, 5]], &[2, 2, 6], &["6A", "1K", "1A", "1A"]);
        assert_eq!(
            pointers(&bad),
            ["/exit_rows/1", "/exit_rows/2", "/blocked_seats/0", "/blocked_seats/1", "/blocked_seats/3"]
        );
    }
}
