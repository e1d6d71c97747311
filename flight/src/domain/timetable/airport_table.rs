//! The airports that flights have named, each with a small number, and what connections there need.

use crate::domain::parts::RenderedPart;
use shared::{
    events::Station,
    iata::{AirportCode, CityCode},
};
use std::{collections::HashMap, sync::Arc};

/// The number of an airport in an index.
pub type AirportId = u16;

/// An airport that flights have named.
#[derive(Debug, Clone)]
struct TableRow {
    station: Arc<RenderedPart<Station>>,
    city: u16,
    min_connection: Option<u16>,
}

/// The airports of an index. Numbers are never given anew.
#[derive(Debug, Clone, Default)]
pub struct AirportTable {
    ids: HashMap<AirportCode, AirportId>,
    rows: Vec<TableRow>,
    city_ids: HashMap<CityCode, u16>,
    /// The airports of each city.
    cities: Vec<Vec<AirportId>>,
    /// The shortest connections of the airports that have one of their own, in minutes.
    min_connections: HashMap<AirportCode, u16>,
}

impl AirportTable {
    /// The number of an airport; `None` where no flight has named it.
    #[must_use]
    pub fn id(&self, code: &AirportCode) -> Option<AirportId> {
        self.ids.get(code).copied()
    }

    /// The airports that a code stands for: the airport itself, and those of the city of that code.
    #[must_use]
    pub fn of_place(&self, code: &AirportCode) -> Vec<AirportId> {
        let mut airports = self.of_city(code).map_or(Vec::new(), <[AirportId]>::to_vec);
        airports.extend(self.id(code).filter(|id| !airports.contains(id)));
        airports
    }

    fn of_city(&self, code: &AirportCode) -> Option<&[AirportId]> {
        let city = self.city_ids.get(&code.as_str().parse::<CityCode>().ok()?)?;
        self.cities.get(usize::from(*city)).map(Vec::as_slice)
    }

    /// Whether any flight has named the code, as its airport or city.
    #[must_use]
    pub fn serves(&self, code: &AirportCode) -> bool {
        self.ids.contains_key(code) || self.of_city(code).is_some_and(|airports| !airports.is_empty())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The number of the city of an airport.
    #[must_use]
    pub fn city(&self, airport: AirportId) -> u16 {
        self.rows.get(usize::from(airport)).map_or(u16::MAX, |row| row.city)
    }

    /// The airport as flights last named it.
    #[must_use]
    pub fn station(&self, airport: AirportId) -> Option<&Station> {
        self.rows.get(usize::from(airport)).map(|row| &row.station.value)
    }

    /// The shortest connection at an airport, in minutes, where it has one of its own.
    #[must_use]
    pub fn min_connection(&self, airport: AirportId) -> Option<u16> {
        self.rows.get(usize::from(airport)).and_then(|row| row.min_connection)
    }

    /// The shortest connections of the airports that have one of their own.
    #[must_use]
    pub fn min_connections(&self) -> &HashMap<AirportCode, u16> {
        &self.min_connections
    }

    /// Puts these in the place of all shortest connections that airports have of their own.
    pub(super) fn set_min_connections(&mut self, minutes: HashMap<AirportCode, u16>) {
        for row in &mut self.rows {
            row.min_connection = minutes.get(&row.station.value.iata).copied();
        }
        self.min_connections = minutes;
    }

    /// Whether the airport is there just as this flight names it.
    pub(super) fn has(&self, station: &Arc<RenderedPart<Station>>) -> bool {
        let row = self.id(&station.value.iata).and_then(|id| self.rows.get(usize::from(id)));
        row.is_some_and(|row| Arc::ptr_eq(&row.station, station))
    }

    /// Takes an airport in as a flight names it.
    pub(super) fn learn(&mut self, station: &Arc<RenderedPart<Station>>) {
        let code = &station.value.iata;
        let city = self.city_id(&station.value.city.code);
        if let Some(id) = self.id(code) {
            let row = &mut self.rows[usize::from(id)];
            let before = std::mem::replace(&mut row.city, city);
            row.station = station.clone();
            if before != city {
                self.cities[usize::from(before)].retain(|airport| *airport != id);
                self.cities[usize::from(city)].push(id);
            }
            return;
        }
        // There are 17,576 codes of three letters.
        let id = AirportId::try_from(self.rows.len()).unwrap_or(AirportId::MAX);
        let min_connection = self.min_connections.get(code).copied();
        self.rows.push(TableRow { station: station.clone(), city, min_connection });
        self.ids.insert(code.clone(), id);
        self.cities[usize::from(city)].push(id);
    }

    fn city_id(&mut self, code: &CityCode) -> u16 {
        if let Some(id) = self.city_ids.get(code) {
            return *id;
        }
        let id = u16::try_from(self.cities.len()).unwrap_or(u16::MAX);
        self.cities.push(Vec::new());
        self.city_ids.insert(code.clone(), id);
        id
    }
}
