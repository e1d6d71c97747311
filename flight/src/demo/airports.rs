//! Cities and airports of the world, from the files in `flight/data` (see its README for source and
//! licence).

use crate::domain::reference::{Airport, City, DepartureTaxes};
use serde::Deserialize;
use shared::iata::{AirportCode, CityCode, CountryCode, IcaoAirportCode, InvalidCode};
use std::collections::{BTreeMap, HashMap};

const AIRPORTS: &str = include_str!("../../data/airports.csv");
const METROPOLITAN_AREAS: &str = include_str!("../../data/metropolitan_areas.csv");
const DEPARTURE_TAXES: &str = include_str!("../../data/departure_taxes.csv");

/// A row of `airports.csv`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AirportRecord {
    iata: AirportCode,
    icao: Option<IcaoAirportCode>,
    name: String,
    /// The name of the city, not its code.
    city: String,
    country: CountryCode,
    latitude: f64,
    longitude: f64,
    time_zone: String,
}

/// A row of `metropolitan_areas.csv`: an airport that serves a city of another code.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AreaRow {
    city: CityCode,
    name: String,
    airport: AirportCode,
}

/// A row of `departure_taxes.csv`: an airport whose taxes are not the default ones. In cents, as the fares
/// of the demo are.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaxRow {
    airport: AirportCode,
    domestic: Option<i64>,
    international: Option<i64>,
}

/// Why the embedded files are not what they should be. A test reads them all.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPlaces {
    /// A row that the service's types refuse.
    #[error("a row of the airport data is wrong")]
    Row(#[from] csv::Error),
    /// An airport's code that cannot be a city's.
    #[error("a city has no code")]
    Code(#[from] InvalidCode),
}

/// All cities and airports, each list by code.
pub struct DemoPlaces {
    /// Each city once, in the country and zone of the first of its airports.
    pub cities: Vec<City>,
    /// Every airport with an IATA code.
    pub airports: Vec<Airport>,
}

impl DemoPlaces {
    /// Reads the embedded files.
    ///
    /// # Errors
    /// [`InvalidPlaces`], never with the files as they are.
    pub fn read() -> Result<Self, InvalidPlaces> {
        let mut areas = HashMap::new();
        let mut area_names = HashMap::new();
        for row in csv::Reader::from_reader(METROPOLITAN_AREAS.as_bytes()).deserialize() {
            let AreaRow { city, name, airport } = row?;
            area_names.insert(city.clone(), name);
            areas.insert(airport, city);
        }
        let mut taxes = HashMap::new();
        for row in csv::Reader::from_reader(DEPARTURE_TAXES.as_bytes()).deserialize() {
            let TaxRow { airport, domestic, international } = row?;
            taxes.insert(airport, DepartureTaxes { domestic, international });
        }
        let mut cities = BTreeMap::new();
        let mut airports = Vec::new();
        for row in csv::Reader::from_reader(AIRPORTS.as_bytes()).deserialize() {
            let row: AirportRecord = row?;
            // An airport in no metropolitan area serves a city of its own code.
            let code = match areas.get(&row.iata) {
                Some(area) => CityCode::clone(area),
                None => row.iata.as_str().parse()?,
            };
            cities.entry(code.clone()).or_insert_with(|| City {
                name: area_names.get(&code).cloned().unwrap_or(row.city),
                code: code.clone(),
                country: row.country.clone(),
                time_zone: row.time_zone.clone(),
            });
            airports.push(Airport {
                taxes: taxes.get(&row.iata).copied().unwrap_or_default(),
                iata: row.iata,
                icao: row.icao,
                name: row.name,
                city: code,
                country: row.country,
                time_zone: row.time_zone,
                latitude: row.latitude,
                longitude: row.longitude,
                min_connection_minutes: None,
            });
        }
        Ok(Self { cities: cities.into_values().collect(), airports })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::block_time::GreatCircle;
    use shared::flight_time::check_zone;

    fn airport<'a>(places: &'a DemoPlaces, code: &str) -> &'a Airport {
        places.airports.iter().find(|airport| airport.iata.as_str() == code).unwrap()
    }

    #[test]
    fn every_row_is_read_and_in_order() {
        let places = DemoPlaces::read().unwrap();
        assert_eq!(places.airports.len(), 7884);
        assert!(places.airports.is_sorted_by(|a, b| a.iata < b.iata));
        assert!(places.cities.is_sorted_by(|a, b| a.code < b.code));
        for airport in &places.airports {
            check_zone(&airport.time_zone).unwrap_or_else(|error| panic!("{}: {error}", airport.iata));
            assert!(airport.latitude.abs() <= 90.0 && airport.longitude.abs() <= 180.0, "{}", airport.iata);
            assert!((1..=100).contains(&airport.name.chars().count()), "{}", airport.iata);
            assert!(places.cities.binary_search_by(|city| city.code.cmp(&airport.city)).is_ok());
        }
    }

    #[test]
    fn well_known_airports_have_taxes_of_their_own() {
        let places = DemoPlaces::read().unwrap();
        let own: Vec<&Airport> =
            places.airports.iter().filter(|airport| airport.taxes != DepartureTaxes::default()).collect();
        let rows = DEPARTURE_TAXES.lines().count() - 1;
        assert_eq!(own.len(), rows, "each row is of another airport that there is");
        for airport in own {
            let DepartureTaxes { domestic, international } = airport.taxes;
            assert!(domestic.is_none_or(|tax| (1..10_000).contains(&tax)), "{}", airport.iata);
            assert!(international.is_some_and(|tax| (1..10_000).contains(&tax)), "{}", airport.iata);
        }
        let heathrow = DepartureTaxes { domestic: Some(2648), international: Some(5794) };
        assert_eq!(airport(&places, "LHR").taxes, heathrow);
    }

    #[test]
    fn airports_of_one_metropolitan_area_share_a_city() {
        let places = DemoPlaces::read().unwrap();
        let city = |code: &str| places.cities.iter().find(|city| city.code.as_str() == code);
        for code in ["LHR", "LGW", "LCY", "STN", "LTN"] {
            assert_eq!(airport(&places, code).city.as_str(), "LON");
        }
        let london = city("LON").unwrap();
        assert_eq!((london.name.as_str(), london.country.as_str()), ("London", "GB"));
        assert_eq!(london.time_zone, "Europe/London");
        assert!(city("LHR").is_none(), "an airport of an area has no city of its own");
        for (code, area) in
            [("BQH", "LON"), ("NHT", "LON"), ("LBG", "PAR"), ("BVA", "PAR"), ("ORY", "PAR"), ("NYO", "STO")]
        {
            assert_eq!(airport(&places, code).city.as_str(), area);
        }
        assert_eq!(airport(&places, "EDI").city.as_str(), "EDI");
        assert_eq!(airport(&places, "JNB").city, airport(&places, "HLA").city);
    }

    #[test]
    fn no_airport_of_an_area_is_left_outside_of_it() {
        let places = DemoPlaces::read().unwrap();
        let areas: Vec<CityCode> = csv::Reader::from_reader(METROPOLITAN_AREAS.as_bytes())
            .deserialize()
            .map(|row| row.map(|AreaRow { city, .. }| city).unwrap())
            .collect();
        let of = |city: &City| {
            places.airports.iter().filter(|airport| airport.city == city.code).collect::<Vec<_>>()
        };
        for area in places.cities.iter().filter(|city| areas.contains(&city.code)) {
            let same = |city: &&City| {
                city.code != area.code
                    && city.country == area.country
                    && city.name.to_lowercase() == area.name.to_lowercase()
            };
            for other in places.cities.iter().filter(same) {
                for (inside, outside) in
                    of(area).iter().flat_map(|one| of(other).into_iter().map(move |two| (one, two)))
                {
                    let apart = GreatCircle::between(inside, outside).distance_km;
                    // Another city of the name in the same country: Washington in Georgia.
                    assert!(
                        apart > 100.0,
                        "{} is {apart:.0} km from {} of {}",
                        outside.iata,
                        inside.iata,
                        area.code
                    );
                }
            }
        }
    }
}
