//! The cabin as travellers see it.

use serde::Serialize;
use shared_types::{
    events::FlightState,
    ids::FlightId,
    money::Money,
    seat::{Cabin, CabinSection, Columns, SeatDesignator, SeatPlan},
};
use std::collections::HashMap;
use utoipa::ToSchema;

/// The availability of a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeatStatus {
    /// It can be booked.
    Available,
    /// A booking that is not paid holds it.
    Held,
    /// It belongs to a confirmed booking.
    Sold,
    /// It is never sold.
    Blocked,
}

/// A characteristic of a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Characteristic {
    /// At the cabin wall.
    Window,
    /// Beside an aisle.
    Aisle,
    /// Neither at the wall nor beside an aisle.
    Middle,
    /// In a row beside an emergency exit.
    Exit,
    /// In the first row of its cabin.
    Bulkhead,
}

/// A seat.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Seat {
    /// Row and letter.
    #[schema(value_type = String, example = "12A")]
    pub designator: SeatDesignator,
    /// Its availability.
    pub status: SeatStatus,
    /// Its characteristics.
    pub characteristics: Vec<Characteristic>,
    /// The price of the choice of this seat beside the fare; null: it is free.
    pub price: Option<Money>,
}

/// A row of seats.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Row)]
pub struct SeatMapRow {
    /// Its number.
    pub row: u8,
    /// Whether it is beside an emergency exit.
    pub exit: bool,
    /// Left to right.
    pub seats: Vec<Seat>,
}

/// A run of rows with one plan of columns.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CabinMap {
    /// The cabin; it may have several runs.
    pub cabin: Cabin,
    /// The letters of its rows with `|` for aisles.
    pub columns: Columns,
    /// Front to back.
    pub rows: Vec<SeatMapRow>,
}

/// The number of seats by status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Counts {
    /// Can be booked.
    pub available: u32,
    /// Held, unpaid.
    pub held: u32,
    /// Sold.
    pub sold: u32,
    /// Never sold.
    pub blocked: u32,
}

/// The seats of a flight.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SeatMap {
    /// The flight.
    pub flight_id: FlightId,
    /// Booking's sequence of seat changes of this flight, the same on all instances.
    pub version: i64,
    /// The version of the flight whose cabin this is.
    #[serde(skip)]
    pub flight_version: i64,
    /// Front to back.
    pub cabins: Vec<CabinMap>,
    /// All seats by status.
    pub counts: Counts,
}

impl SeatMap {
    /// The map of a flight. `version`: the version of its seats. `taken`: the seats that are not free, each with
    /// whether it is sold (else held).
    pub fn new(flight: &FlightState, version: i64, taken: &HashMap<SeatDesignator, bool>) -> Self {
        let mut counts = Counts::default();
        let mut seen = Vec::new();
        let mut cabins = Vec::with_capacity(flight.seat_plan.cabins.len());
        for section in &flight.seat_plan.cabins {
            let first_of_cabin = !seen.contains(&section.cabin);
            seen.push(section.cabin);
            let rows = (section.rows[0]..=section.rows[1])
                .map(|row| {
                    let bulkhead = first_of_cabin && row == section.rows[0];
                    read_row(flight, section, row, bulkhead, taken, &mut counts)
                })
                .collect();
            cabins.push(CabinMap { cabin: section.cabin, columns: section.columns.clone(), rows });
        }
        Self { flight_id: flight.id, version, flight_version: flight.version, cabins, counts }
    }

    /// The HTTP entity tag. It contains the version of the flight, too: the cabin may change while all seats stay as
    /// they are.
    pub fn tag(&self) -> String {
        format!("\"{}-{}\"", self.version, self.flight_version)
    }
}

/// The status of a seat; `taken` as in [`SeatMap::new`].
pub fn status_of(plan: &SeatPlan, taken: &HashMap<SeatDesignator, bool>, seat: SeatDesignator) -> SeatStatus {
    match taken.get(&seat) {
        Some(true) => SeatStatus::Sold,
        Some(false) => SeatStatus::Held,
        None if plan.blocked_seats.contains(&seat) => SeatStatus::Blocked,
        None => SeatStatus::Available,
    }
}

/// Builds a row of the map, and counts its seats.
fn read_row(
    flight: &FlightState,
    section: &CabinSection,
    row: u8,
    bulkhead: bool,
    taken: &HashMap<SeatDesignator, bool>,
    counts: &mut Counts,
) -> SeatMapRow {
    let exit = flight.seat_plan.exit_rows.contains(&row);
    let mut read = |letter: char| {
        let designator = SeatDesignator::new(row, letter)?;
        let status = status_of(&flight.seat_plan, taken, designator);
        let count = match status {
            SeatStatus::Available => &mut counts.available,
            SeatStatus::Held => &mut counts.held,
            SeatStatus::Sold => &mut counts.sold,
            SeatStatus::Blocked => &mut counts.blocked,
        };
        *count += 1;
        let characteristics = characteristics(section, letter, exit, bulkhead);
        Some(Seat { designator, status, characteristics, price: None })
    };
    SeatMapRow { row, exit, seats: section.columns.letters().filter_map(&mut read).collect() }
}

fn characteristics(section: &CabinSection, letter: char, exit: bool, bulkhead: bool) -> Vec<Characteristic> {
    let position = section.columns.position(letter);
    let (window, aisle) = position.map_or((false, false), |position| (position.window, position.aisle));
    let all = [
        (window, Characteristic::Window),
        (aisle, Characteristic::Aisle),
        (!window && !aisle, Characteristic::Middle),
        (exit, Characteristic::Exit),
        (bulkhead, Characteristic::Bulkhead),
    ];
    all.into_iter().filter_map(|(has, what)| has.then_some(what)).collect()
}
