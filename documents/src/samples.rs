//! Tickets for tests, examples and benchmarks: not for production.

use crate::{DocumentLanguage, TicketDocument, TicketPassenger, TicketSegment};
use shared_types::{
    events::{
        BookedSeat, BookingPassenger, BookingPaymentStatus, BookingPrice, BookingSegment, BookingState,
        BookingStatus, CitySummary, Station,
    },
    fare::{Brand, PassengerType},
    fare_conditions::FareConditions,
    flight_time::FlightTime,
    ids::{BookingId, FlightId, PassengerId, UserId},
    money::{Currency, Money},
    seat::{Cabin, SeatDesignator},
};
use uuid::Uuid;

/// An airport.
pub fn station(iata: &str, name: &str, city: &str, country: &str, zone: &str) -> Station {
    Station {
        iata: iata.parse().expect("an airport's code"),
        name: name.into(),
        city: CitySummary { code: iata.parse().expect("a city's code"), name: city.into() },
        country: country.parse().expect("a country's code"),
        time_zone: zone.into(),
    }
}

/// A time at an airport.
pub fn time(local: &str, zone: &str) -> FlightTime {
    FlightTime::from_local(local.parse().expect("a local time"), zone).expect("a time of a flight")
}

/// A traveller with a seat on each segment.
pub fn passenger(
    kind: PassengerType,
    given: &str,
    family: &str,
    number: u64,
    seats: &[&str],
) -> TicketPassenger {
    let seat = |seat: &&str| seat.parse::<SeatDesignator>().ok();
    TicketPassenger {
        r#type: kind,
        given_name: given.into(),
        family_name: family.into(),
        ticket_number: Some(format!("997{number:010}")),
        seats: seats.iter().map(seat).collect(),
    }
}

fn segment(number: &str, from: (Station, &str), to: (Station, &str), brand: Brand) -> TicketSegment {
    let (origin, departure) = from;
    let (destination, arrival) = to;
    TicketSegment {
        flight_id: FlightId(Uuid::from_u128(number.bytes().fold(7, |id, byte| id * 256 + u128::from(byte)))),
        flight_number: number.parse().expect("a flight number"),
        airline: "Aerobus".into(),
        departure: time(departure, &origin.time_zone),
        arrival: time(arrival, &destination.time_zone),
        origin,
        destination,
        cabin: if brand == Brand::Flex { Cabin::PremiumEconomy } else { Cabin::Economy },
        brand,
        conditions: FareConditions::of(brand, Currency::EUR),
        status: BookingStatus::Confirmed,
    }
}

fn paris() -> Station {
    station("CDG", "Paris Charles de Gaulle Airport", "Paris", "FR", "Europe/Paris")
}

fn new_york() -> Station {
    station("JFK", "John F. Kennedy International Airport", "New York", "US", "America/New_York")
}

fn ticket(passengers: Vec<TicketPassenger>, segments: Vec<TicketSegment>, price: [i64; 2]) -> TicketDocument {
    let euros = |minor| Money::new(minor, Currency::EUR);
    TicketDocument {
        booking_id: BookingId(Uuid::from_u128(0x0193_8f6e_7c00_7000_8000_0000_0000_0001)),
        version: 3,
        locator: "K7XQ2M".into(),
        issuer: "Aerobus".into(),
        passengers,
        segments,
        price: BookingPrice {
            fare: euros(price[0]),
            taxes: euros(price[1]),
            total: euros(price[0] + price[1]),
        },
        language: DocumentLanguage::English,
        issued_at: "2026-11-30T17:45:12Z".parse().expect("an instant"),
        manage_url: Some("https://aerobus.example/manage".into()),
    }
}

/// Paris to New York and back by night: two adults.
pub fn round_trip() -> TicketDocument {
    let passengers = vec![
        passenger(PassengerType::Adt, "Ada", "Lovelace", 2_400_000_017, &["12A", "31H"]),
        passenger(PassengerType::Adt, "Jean-Luc", "Müller-Lüdenscheidt", 2_400_000_018, &["12B", "31J"]),
    ];
    let segments = vec![
        segment("AE101", (paris(), "2026-12-14T10:30"), (new_york(), "2026-12-14T12:55"), Brand::Standard),
        segment("AE102", (new_york(), "2026-12-21T19:05"), (paris(), "2026-12-22T08:15"), Brand::Flex),
    ];
    ticket(passengers, segments, [148_256, 9_600])
}

/// The largest party on the longest journey: nine travellers with names of several scripts, six segments.
pub fn large_party() -> TicketDocument {
    let (dubai, hong_kong) = (
        station("DXB", "Dubai International Airport", "Dubai", "AE", "Asia/Dubai"),
        station("HKG", "Hong Kong International Airport", "Hong Kong", "HK", "Asia/Hong_Kong"),
    );
    let auckland = station("AKL", "Auckland International Airport", "Auckland", "NZ", "Pacific/Auckland");
    let honolulu =
        station("HNL", "Daniel K. Inouye International Airport", "Honolulu", "US", "Pacific/Honolulu");
    let segments = vec![
        segment("AE7", (paris(), "2026-12-14T21:35"), (dubai.clone(), "2026-12-15T07:20"), Brand::Light),
        segment("AE2208", (dubai, "2026-12-15T09:05"), (hong_kong.clone(), "2026-12-15T20:40"), Brand::Light),
        segment(
            "AE88",
            (hong_kong, "2026-12-18T18:10"),
            (auckland.clone(), "2026-12-19T09:35"),
            Brand::Standard,
        ),
        segment(
            "AE9001",
            (auckland, "2026-12-30T00:25"),
            (honolulu.clone(), "2026-12-29T10:15"),
            Brand::Flex,
        ),
        segment("AE17", (honolulu, "2027-01-04T13:00"), (new_york(), "2027-01-05T04:15"), Brand::Flex),
        segment("AE102", (new_york(), "2027-01-05T19:05"), (paris(), "2027-01-06T08:15"), Brand::Standard),
    ];
    let names = [
        ("Ада Сергеевна", "Лавлейс-Щербакова", PassengerType::Adt),
        ("Νεφέλη", "Παπαδοπούλου", PassengerType::Adt),
        ("Hubert Blaine", "Wolfeschlegelsteinhausenbergerdorff", PassengerType::Adt),
        ("Nguyễn Thị", "Hồng Nhung", PassengerType::Adt),
        ("محمد", "الخوارزمي", PassengerType::Adt),
        (
            "Zoë-Marie Christiane Alexandra Konstantina",
            "von und zu Hohenlohe-Waldenburg-Schillingsfürst",
            PassengerType::Chd,
        ),
        ("小龍", "李", PassengerType::Adt),
        ("Łukasz", "Żółć", PassengerType::Chd),
        ("Íñigo", "Ørsted", PassengerType::Inf),
    ];
    let letters = ["A", "B", "C", "D", "E", "F", "G", "H", "J"];
    let passengers = names.iter().zip(letters).zip(31..).map(|(((given, family, kind), letter), number)| {
        let seats: Vec<String> = (0..6).map(|segment| format!("{}{letter}", 31 + segment)).collect();
        let seats: Vec<&str> = seats.iter().map(String::as_str).collect();
        let seats = if *kind == PassengerType::Inf { &[][..] } else { &seats[..] };
        passenger(*kind, given, family, 2_400_000_000 + number, seats)
    });
    ticket(passengers.collect(), segments, [194_825_600, 129_600])
}

/// The booking that a ticket is made of: confirmed and paid.
pub fn booking_of(ticket: &TicketDocument) -> BookingState {
    let segment = |segment: &TicketSegment| BookingSegment {
        flight_id: segment.flight_id,
        flight_number: segment.flight_number.clone(),
        airline: Some(segment.airline.clone()),
        origin: segment.origin.clone(),
        destination: segment.destination.clone(),
        departure: segment.departure.clone(),
        arrival: segment.arrival.clone(),
        cabin: segment.cabin,
        brand: segment.brand,
        status: segment.status,
    };
    let passenger = |(passenger, number): (&TicketPassenger, u128)| {
        let seats = ticket.segments.iter().zip(&passenger.seats).filter_map(|(segment, seat)| {
            Some(BookedSeat { flight_id: segment.flight_id, designator: (*seat)? })
        });
        BookingPassenger {
            id: PassengerId(Uuid::from_u128(number)),
            r#type: passenger.r#type,
            given_name: passenger.given_name.clone(),
            family_name: passenger.family_name.clone(),
            born_on: None,
            ticket_number: passenger.ticket_number.clone(),
            seats: seats.collect(),
        }
    };
    BookingState {
        id: ticket.booking_id,
        locator: ticket.locator.clone(),
        owner_id: UserId(Uuid::from_u128(7)),
        status: BookingStatus::Confirmed,
        payment_status: BookingPaymentStatus::Paid,
        hold_expires_at: None,
        segments: ticket.segments.iter().map(segment).collect(),
        passengers: ticket.passengers.iter().zip(1..).map(passenger).collect(),
        contact: None,
        price: ticket.price.clone(),
        payments: Vec::new(),
        refunds: Vec::new(),
        available_actions: Vec::new(),
        version: ticket.version,
        created_at: ticket.issued_at,
        updated_at: ticket.issued_at,
    }
}
