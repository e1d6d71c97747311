//! What travellers ask for.

use crate::{ground::is_unverified, world::SimulatedWorld};
use booking_engine::{
    booking::{hold::Allowance, idempotency::Key},
    passengers::{contact::Contact, passenger::Passenger},
    payment::record::PaymentOrder,
    sell::order::{Order, OrderSegment},
};
use chrono::NaiveDate;
use serde_json::json;
use shared::{
    email::EmailAddress,
    events::FlightState,
    fare::{Brand, PassengerType},
    ids::UserId,
    money::{Currency, Money},
    person_name::PersonName,
    seat::{Cabin, SeatDesignator},
};
use std::sync::Arc;

/// Some are so alike that a correction makes one of another.
const GIVEN: [&str; 6] = ["Ada", "Ida", "Alan", "Allan", "Barbara", "Tony"];
const FAMILY: [&str; 4] = ["Lovelace", "Hopper", "Liskov", "Hoare"];

/// An order for some of the flights that people look at.
pub(crate) fn draw(world: &SimulatedWorld, account: UserId, key: Option<u64>) -> Option<Order> {
    let flights = draw_flights(world);
    let cabin = if world.random().chance(150) { Cabin::Business } else { Cabin::Economy };
    let brand = match cabin {
        Cabin::Business => Brand::Flex,
        _ => [Brand::Light, Brand::Standard, Brand::Flex][world.random().index(3)],
    };
    let segments: Vec<_> =
        flights.iter().map(|flight| OrderSegment { flight_id: flight.id, cabin, brand }).collect();
    if segments.is_empty() {
        return None;
    }
    let passengers = draw_party(world, &flights, cabin);
    let payment = world.random().chance(550).then(|| payment(world));
    let hold_minutes =
        [None, Some(1), Some(1), Some(2), Some(3), Some(5), Some(60), Some(1440)][world.random().index(8)];
    let expected_total = world.random().chance(100).then(|| {
        let minor = i64::try_from(world.random().below(200_000)).unwrap_or(0);
        Money::new(minor, Currency::EUR)
    });
    let text = format!("{segments:?} {:?} {hold_minutes:?}", payment.as_ref().map(|one| &one.token));
    Some(Order {
        owner: account,
        segments,
        passengers,
        contact: Contact {
            email: EmailAddress::stored("traveller@example.org".to_owned()),
            phone: None,
            locale: None,
        },
        expected_total,
        payment,
        hold_minutes,
        key: key.map(|number| self::key(account, "", number, &text)),
        allowance: allowance(world, account),
    })
}

fn allowance(world: &SimulatedWorld, account: UserId) -> Allowance {
    match world.random().chance(200) {
        _ if is_unverified(account) => Allowance::Unverified,
        true => Allowance::Unlimited,
        false => Allowance::PerFlight,
    }
}

/// One to three different flights; mostly the same few, so that they are contended.
fn draw_flights(world: &SimulatedWorld) -> Vec<Arc<FlightState>> {
    let network = world.network.borrow();
    let looked_at = &network[network.len().saturating_sub(world.sizes.flights)..];
    let random = world.random();
    let count = [1, 1, 1, 1, 2, 2, 3][random.index(7)];
    let mut chosen: Vec<Arc<FlightState>> = Vec::new();
    for _ in 0..count {
        let from = if random.chance(30) { &network[..] } else { looked_at };
        let Some(flight) = from.get(random.index(from.len())) else { continue };
        if chosen.iter().all(|one| one.id != flight.id) {
            chosen.push(flight.clone());
        }
    }
    chosen
}

fn draw_party(world: &SimulatedWorld, flights: &[Arc<FlightState>], cabin: Cabin) -> Vec<Passenger> {
    let random = world.random();
    let count = [1, 1, 1, 2, 2, 3, 4][random.index(7)];
    let first = random.index(GIVEN.len() * FAMILY.len());
    let named = random.chance(350);
    let mut party = Vec::with_capacity(count);
    for place in 0..count {
        let kind = match (place, random.index(8)) {
            (1, 0) => PassengerType::Inf,
            (1.., 1) => PassengerType::Chd,
            _ => PassengerType::Adt,
        };
        let born = match kind {
            PassengerType::Adt => (1990, 5, 17),
            PassengerType::Chd => (2023, 6, 1),
            PassengerType::Inf => (2029, 6, 1),
        };
        // Few names: the same person is on a flight twice now and then.
        let name = first + place;
        let wants = named && kind.has_seat();
        let seats = flights.iter().map(|flight| {
            let seats: Vec<SeatDesignator> =
                flight.seat_plan.seats().filter(|(_, of)| *of == cabin).map(|(seat, _)| seat).collect();
            if wants {
                seats.get((random.index(seats.len().max(1)) + place) % seats.len().max(1)).copied()
            } else {
                None
            }
        });
        let seats = seats.collect();
        party.push(Passenger {
            id: random.id(1_900_000_000_000_000).into(),
            kind,
            given_name: PersonName::stored(GIVEN[name % GIVEN.len()].to_owned()),
            family_name: PersonName::stored(FAMILY[name / GIVEN.len() % FAMILY.len()].to_owned()),
            born_on: NaiveDate::from_ymd_opt(born.0, born.1, born.2).unwrap_or_default(),
            booked_name: None,
            ticket_number: None,
            seats,
        });
    }
    only_distinct(party)
}

/// One of the few given names that travellers have.
pub(crate) fn given_name(world: &SimulatedWorld) -> PersonName {
    PersonName::stored(GIVEN[world.random().index(GIVEN.len())].to_owned())
}

/// Takes the wish for a seat from passengers that want the seat of another of the party.
fn only_distinct(mut party: Vec<Passenger>) -> Vec<Passenger> {
    let mut seen: Vec<(usize, SeatDesignator)> = Vec::new();
    for passenger in &mut party {
        for (segment, seat) in passenger.seats.iter_mut().enumerate() {
            match *seat {
                Some(wanted) if seen.contains(&(segment, wanted)) => *seat = None,
                Some(wanted) => seen.push((segment, wanted)),
                None => {}
            }
        }
    }
    party
}

/// A payment with a card that is good, bad, slow or silent.
pub(crate) fn payment(world: &SimulatedWorld) -> PaymentOrder {
    let id = world.id().into();
    let token = match world.random().below(100) {
        0..78 => "tok_visa",
        78..90 => "tok_declined",
        90..95 => "tok_slow",
        _ => "tok_timeout",
    };
    PaymentOrder { id, method: "card".to_owned(), token: token.to_owned() }
}

/// A key of an account for a path.
pub(crate) fn key(account: UserId, path: &str, number: u64, body: &str) -> Key {
    let name = format!("key-{number}");
    Key::new(account, "POST", path, name.as_bytes(), &json!({ "body": body }))
        .unwrap_or_else(|_| Key { scope: name.into_bytes(), body: body.as_bytes().to_vec() })
}
