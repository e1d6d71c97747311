//! The network that is measured: 12 hubs that all fly to each other, two of them all day long, and 288 other airports,
//! each with flights to two hubs. 1,500 flights a day, the same each day.

use chrono::{Days, NaiveDate, TimeDelta};
use flight::domain::flight::{Equipment, Flight};
use shared::{
    events::{AircraftTypeSummary, Carrier, CitySummary, FlightStatus, Station},
    fare::{Brand, FlightFare},
    flight_time::FlightTime,
    iata::{CountryCode, FlightNumber, Registration},
    ids::FlightId,
    money::{Currency, Money},
    seat::{Cabin, CabinSection, SeatPlan},
};
use std::{fmt::Debug, str::FromStr, sync::Arc};

/// Airports, hubs among them.
pub const AIRPORTS: usize = 300;
/// Airports that all others are reached from.
pub const HUBS: usize = 12;
/// Flights of a day each way between the first two hubs, as between two big cities.
pub const SHUTTLES: usize = 24;
/// Flights of a day.
pub const FLIGHTS_A_DAY: usize = 1500;

/// Zones by their longitude.
const ZONES: [(f64, &str); 14] = [
    (-157.0, "Pacific/Honolulu"),
    (-118.0, "America/Los_Angeles"),
    (-105.0, "America/Denver"),
    (-87.0, "America/Chicago"),
    (-74.0, "America/New_York"),
    (-46.0, "America/Sao_Paulo"),
    (-1.0, "Europe/London"),
    (9.0, "Europe/Paris"),
    (24.0, "Europe/Athens"),
    (55.0, "Asia/Dubai"),
    (77.0, "Asia/Kolkata"),
    (101.0, "Asia/Bangkok"),
    (139.0, "Asia/Tokyo"),
    (160.0, "Australia/Sydney"),
];

/// Numbers that look random, the same in each run (xorshift64*).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number below a limit, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).unwrap_or(0) % limit.max(1)
    }
}

/// A text as what it is.
///
/// # Panics
/// Where it is not.
#[must_use]
pub fn parsed<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

/// A flight of each day.
#[derive(Debug, Clone)]
pub struct DailyFlight {
    /// Its number.
    pub number: FlightNumber,
    /// The airplane that flies it.
    pub airplane: Registration,
    /// The place of its origin in [`Network::stations`].
    pub origin: usize,
    /// The place of its destination.
    pub destination: usize,
    /// Minutes from midnight at the origin.
    pub minute: i64,
    /// Minutes that it takes.
    pub minutes: i64,
    /// What is on sale.
    pub fares: Vec<FlightFare>,
}

/// The network.
#[derive(Debug)]
pub struct Network {
    /// Its airports, hubs first.
    pub stations: Vec<Arc<Station>>,
    /// What leaves each day.
    pub daily: Vec<DailyFlight>,
    /// What flies it.
    pub equipment: Arc<Equipment>,
    /// Who flies it.
    pub carrier: Arc<Carrier>,
}

/// The 26 letters as digits: 0 is `AAA`.
fn letters(number: usize, digits: u32) -> String {
    let letter = |place: u32| char::from(b'A' + u8::try_from(number / 26_usize.pow(place) % 26).unwrap_or(0));
    (0..digits).rev().map(letter).collect()
}

impl Network {
    /// The network of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut places = Vec::with_capacity(AIRPORTS);
        for _ in 0..AIRPORTS {
            #[expect(clippy::cast_precision_loss, reason = "some thousands")]
            let degrees = |number: usize, from: f64| from + number as f64 / 100.0;
            places.push((degrees(dice.below(11_000), -45.0), degrees(dice.below(35_000), -175.0)));
        }
        let stations = places.iter().enumerate().map(|(number, place)| station(number, *place)).collect();
        let mut pairs = [(0, 1), (1, 0)].repeat(SHUTTLES - 2);
        for one in 0..HUBS {
            pairs.extend((0..HUBS).filter(|other| *other != one).flat_map(|other| [(one, other); 2]));
        }
        // The rest of the day are flights between the other airports and their two nearest hubs, out and back.
        let mut spoke = HUBS;
        while pairs.len() + 1 < FLIGHTS_A_DAY {
            let mut hubs: Vec<usize> = (0..HUBS).collect();
            hubs.sort_by(|one, other| {
                km(places[spoke], places[*one]).total_cmp(&km(places[spoke], places[*other]))
            });
            let hub = hubs[dice.below(2)];
            pairs.extend([(spoke, hub), (hub, spoke)]);
            spoke = if spoke + 1 < AIRPORTS { spoke + 1 } else { HUBS };
        }
        let daily = pairs.iter().enumerate().map(|(number, (origin, destination))| {
            daily_flight(
                number,
                (*origin, *destination),
                km(places[*origin], places[*destination]),
                &mut dice,
            )
        });
        Self { daily: daily.collect(), stations, equipment: equipment(), carrier: carrier() }
    }

    /// The flight of a date.
    #[must_use]
    pub fn flight(&self, daily: &DailyFlight, date: NaiveDate) -> Flight {
        let (origin, destination) = (&self.stations[daily.origin], &self.stations[daily.destination]);
        let local = |minute: i64| {
            let text = format!("{date}T{:02}:{:02}", minute / 60, minute % 60);
            FlightTime::from_local(parsed(&text), &origin.time_zone)
        };
        // A time that clocks skip is an hour later.
        let departure = local(daily.minute)
            .or_else(|_| local(daily.minute + 60))
            .unwrap_or_else(|_| unreachable!("a time"));
        let arrives = departure.at + TimeDelta::minutes(daily.minutes);
        let arrival = FlightTime::from_instant(arrives, &destination.time_zone);
        Flight {
            id: FlightId::new(),
            version: 1,
            flight_number: daily.number.clone(),
            airline: self.carrier.clone(),
            origin: origin.clone(),
            destination: destination.clone(),
            departure,
            arrival: arrival.unwrap_or_else(|_| unreachable!("a time")),
            airplane: daily.airplane.clone(),
            equipment: self.equipment.clone(),
            fares: daily.fares.clone(),
            departure_tax: None,
            status: FlightStatus::Scheduled,
            reason: None,
        }
    }

    /// The flights of this number of days, by date.
    pub fn flights(&self, first: NaiveDate, days: u64) -> impl Iterator<Item = Flight> {
        let dates = (0..days).filter_map(move |day| first.checked_add_days(Days::new(day)));
        dates.flat_map(move |date| self.daily.iter().map(move |daily| self.flight(daily, date)))
    }
}

fn station(number: usize, (_, longitude): (f64, f64)) -> Arc<Station> {
    let far = |zone: &(f64, &str)| (zone.0 - longitude).abs();
    let zone = ZONES.iter().min_by(|one, other| far(one).total_cmp(&far(other))).map_or("UTC", |zone| zone.1);
    let code = letters(number, 3);
    // A country has about ten airports.
    let country: CountryCode = parsed(&letters(number % 30, 2));
    Arc::new(Station {
        iata: parsed(&code),
        name: format!("{code} International Airport"),
        city: CitySummary { code: parsed(&code), name: format!("City of {code}") },
        country,
        time_zone: zone.to_owned(),
    })
}

fn daily_flight(
    number: usize,
    (origin, destination): (usize, usize),
    km: f64,
    dice: &mut Dice,
) -> DailyFlight {
    let fare = |cabin, brand, factor: f64| {
        #[expect(clippy::cast_possible_truncation, reason = "some thousand euros")]
        let minor = ((35.0 + 1.9 * km.powf(0.62)) * 100.0 * factor) as i64;
        FlightFare { cabin, brand, base_price: Money::new(minor, Currency::EUR) }
    };
    #[expect(clippy::cast_possible_truncation, reason = "a day at most")]
    let minutes = ((40.0 + 60.0 * km / 870.0) / 5.0).ceil() as i64 * 5;
    let minute = i64::try_from(6 * 60 + dice.below(16 * 12) * 5).unwrap_or(0);
    DailyFlight {
        number: parsed(&format!("AE{}", number + 1)),
        airplane: parsed(&format!("G-{}", letters(number, 4))),
        origin,
        destination,
        minute,
        minutes,
        fares: vec![
            fare(Cabin::Economy, Brand::Light, 1.0),
            fare(Cabin::Economy, Brand::Standard, 1.0),
            fare(Cabin::Economy, Brand::Flex, 1.0),
            fare(Cabin::Business, Brand::Flex, 3.2),
        ],
    }
}

/// The way along a great circle.
fn km(one: (f64, f64), other: (f64, f64)) -> f64 {
    let (a, b) = (one.0.to_radians(), other.0.to_radians());
    let turn = (other.1 - one.1).to_radians();
    let chord = ((b - a) / 2.0).sin().powi(2) + a.cos() * b.cos() * (turn / 2.0).sin().powi(2);
    2.0 * 6371.0 * chord.sqrt().min(1.0).asin()
}

fn carrier() -> Arc<Carrier> {
    Arc::new(Carrier {
        code: parsed("AE"),
        name: "Aerobus Airlines".to_owned(),
        accounting_code: parsed("997"),
    })
}

/// An A320 with two cabins.
fn equipment() -> Arc<Equipment> {
    let section = |cabin, rows, columns| CabinSection { cabin, rows, columns: parsed(columns) };
    Arc::new(Equipment {
        aircraft_type: AircraftTypeSummary { code: parsed("320"), name: "Airbus A320".to_owned() },
        plan: SeatPlan {
            cabins: vec![
                section(Cabin::Business, [1, 3], "AC|DF"),
                section(Cabin::Economy, [4, 26], "ABC|DEF"),
            ],
            exit_rows: vec![10, 11],
            blocked_seats: vec![],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_size_that_is_wanted_and_every_airport_is_served() {
        let network = Network::new(7);
        assert_eq!((network.stations.len(), network.daily.len()), (AIRPORTS, FLIGHTS_A_DAY));
        for airport in 0..AIRPORTS {
            assert!(network.daily.iter().any(|flight| flight.origin == airport), "{airport}");
            assert!(network.daily.iter().any(|flight| flight.destination == airport), "{airport}");
        }
        let first = parsed("2027-01-01");
        let flights: Vec<Flight> = network.flights(first, 2).collect();
        assert_eq!(flights.len(), 2 * FLIGHTS_A_DAY);
        assert!(flights.iter().all(|flight| flight.arrival.at > flight.departure.at));
        assert!(flights[..FLIGHTS_A_DAY].iter().all(|flight| flight.departure.local.date() == first));
        assert_eq!(Network::new(7).daily[1400].minute, network.daily[1400].minute, "the same in each run");
    }
}
