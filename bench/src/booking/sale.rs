//! What the load generator knows of the flights on sale, and whom it books on them.

use super::workload::{BRAND, Workload};
use rand::RngExt;
use shared::{
    auth::Claims,
    ids::{BookingId, FlightId, UserId},
};
use std::io::Write;
use testkit::TokenIssuer;

/// Users that book. Each has a token of its own, without any permission.
pub const CUSTOMERS: usize = 500;

const GIVEN: [&str; 32] = [
    "Ada",
    "Amélie",
    "Anton",
    "Beatriz",
    "Björn",
    "Chiara",
    "Daniel",
    "Elif",
    "Fatima",
    "Gabriel",
    "Hannah",
    "Ibrahim",
    "Ingrid",
    "Jakub",
    "José",
    "Katarzyna",
    "Lars",
    "Linh",
    "Margarethe",
    "Mateo",
    "Miriam",
    "Nadia",
    "Olivia",
    "Pedro",
    "Priya",
    "Rosa",
    "Sofia",
    "Tariq",
    "Ulrike",
    "Viktor",
    "Yusuf",
    "Zoë",
];

const FAMILY: [&str; 32] = [
    "Almeida",
    "Andersson",
    "Bianchi",
    "Bernard",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fernández",
    "García",
    "Haddad",
    "Hoffmann",
    "Ivanova",
    "Jensen",
    "Kowalski",
    "Kaya",
    "Lindqvist",
    "López",
    "Lovelace",
    "Moreau",
    "Müller",
    "Nguyễn",
    "Novák",
    "O'Brien",
    "Okafor",
    "Petrov",
    "Rossi",
    "Santos",
    "Schmidt",
    "Silva",
    "Tanaka",
    "Visser",
    "Wójcik",
];

/// A flight as the client sees it.
struct FlightOnSale {
    id: FlightId,
    /// By place: row and letter in the order of the layout; empty where the layout is not known.
    taken: Vec<bool>,
    sold: usize,
}

/// The flights of a round, some of which are on sale, and the customers.
pub struct Sale {
    workload: Workload,
    letters: Vec<char>,
    flights: Vec<FlightOnSale>,
    /// The flight on sale in each slot; `None` when there is none left.
    slots: Vec<Option<usize>>,
    next: usize,
    tokens: Vec<String>,
    travellers: u64,
    acknowledged: Vec<BookingId>,
}

/// What a request asked for, to know what its answer means.
#[derive(Debug, Clone, Copy)]
pub struct SaleRequest {
    slot: usize,
    flight: usize,
    place: Option<usize>,
}

impl Sale {
    /// A sale of these flights. `travellers`: the number of the first traveller; no two are alike.
    #[must_use]
    pub fn new(workload: Workload, flights: Vec<FlightId>, tokens: Vec<String>, travellers: u64) -> Self {
        Self::with_capacity(workload, flights, tokens, travellers, workload.layout().capacity())
    }

    /// A sale of flights whose seat plans the client does not know: seats are assigned, none is named, and a flight
    /// is sold out when the service says so.
    #[must_use]
    pub fn of_any_plans(
        workload: Workload,
        flights: Vec<FlightId>,
        tokens: Vec<String>,
        travellers: u64,
    ) -> Self {
        Self::with_capacity(workload, flights, tokens, travellers, 0)
    }

    fn with_capacity(
        workload: Workload,
        flights: Vec<FlightId>,
        tokens: Vec<String>,
        travellers: u64,
        capacity: usize,
    ) -> Self {
        let flights: Vec<FlightOnSale> = flights
            .into_iter()
            .map(|id| FlightOnSale { id, taken: vec![false; capacity], sold: 0 })
            .collect();
        let slots: Vec<_> =
            (0..workload.slots()).map(|slot| (slot < flights.len()).then_some(slot)).collect();
        let letters = workload.layout().letters().collect();
        let (next, acknowledged) = (slots.len(), Vec::new());
        Self { workload, letters, next, flights, slots, tokens, travellers, acknowledged }
    }

    /// The flights, and how many were sold of each as far as the client knows.
    pub fn flights(&self) -> impl Iterator<Item = (FlightId, usize)> + '_ {
        self.flights.iter().map(|flight| (flight.id, flight.sold))
    }

    /// The number of the next traveller.
    #[must_use]
    pub fn travellers(&self) -> u64 {
        self.travellers
    }

    /// Writes a request for a seat on one of the flights on sale; `None` when all are sold out.
    pub fn request(&mut self, request: &mut Vec<u8>) -> Option<SaleRequest> {
        let mut random = rand::rng();
        let first = random.random_range(0..self.slots.len());
        let slot = (first..first + self.slots.len())
            .map(|slot| slot % self.slots.len())
            .find(|slot| self.slots[*slot].is_some())?;
        let flight = self.slots[slot]?;
        let names = random.random_range(0..100) < self.workload.naming();
        let place = names.then(|| self.free_place(flight)).flatten();
        let asked = SaleRequest { slot, flight, place };
        self.write(request, asked);
        Some(asked)
    }

    /// A request for a seat on the flight at this place, on sale or not.
    pub fn request_on(&mut self, request: &mut Vec<u8>, flight: usize) {
        self.write(request, SaleRequest { slot: 0, flight, place: None });
    }

    /// A request for a seat that is taken for certain, if there is one.
    pub fn request_taken(&mut self, request: &mut Vec<u8>) -> Option<SaleRequest> {
        let flight = self.slots.iter().flatten().copied().find(|flight| self.flights[*flight].sold > 0)?;
        let place = self.flights[flight].taken.iter().position(|taken| *taken);
        let asked = SaleRequest { slot: 0, flight, place: Some(place?) };
        self.write(request, asked);
        Some(asked)
    }

    fn free_place(&self, flight: usize) -> Option<usize> {
        let mut random = rand::rng();
        let taken = &self.flights[flight].taken;
        if taken.is_empty() {
            return None;
        }
        (0..8).map(|_| random.random_range(0..taken.len())).find(|place| !taken[*place])
    }

    fn write(&mut self, request: &mut Vec<u8>, asked: SaleRequest) {
        let number = self.travellers;
        self.travellers += 1;
        let pick = |names: &'static [&'static str], by: u64| {
            names[usize::try_from(by % names.len() as u64).unwrap_or(0)]
        };
        let (given, family) = (pick(&GIVEN, number), pick(&FAMILY, number / 32));
        // Distinct people: names repeat, names with a date of birth do not.
        let day = number / 1024;
        let born = format!("{}-{:02}-{:02}", 1950 + day / 336 % 55, day / 28 % 12 + 1, day % 28 + 1);
        let mut body = Vec::with_capacity(512);
        let flight = self.flights[asked.flight].id;
        let customer = usize::try_from(number).unwrap_or(0) % self.tokens.len();
        // Writing into memory does not fail.
        let _ = write!(
            body,
            r#"{{"segments":[{{"flight_id":"{flight}","cabin":"economy","brand":"{BRAND}"}}],"passengers":[{{"type":"ADT","given_name":"{given}","family_name":"{family}","born_on":"{born}""#
        );
        if let Some(place) = asked.place {
            let (row, letter) = (place / self.letters.len() + 1, self.letters[place % self.letters.len()]);
            let _ = write!(body, r#","seats":["{row}{letter}"]"#);
        }
        let _ = write!(body, r#"}}],"contact":{{"email":"{}","phone":"+33123456789"}}"#, address(customer));
        if self.workload.is_paid() {
            let _ = write!(body, r#","payment":{{"method":"card","token":"tok_visa"}}"#);
        }
        body.push(b'}');
        request.clear();
        let token = &self.tokens[customer];
        let _ = write!(
            request,
            "POST /api/v1/bookings HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        request.extend_from_slice(&body);
    }

    /// A booking of this id was acknowledged; without one that can be read, one that nobody will find.
    pub fn acknowledged(&mut self, id: Option<&str>) {
        let id = id.and_then(|id| id.parse().ok());
        self.acknowledged.push(id.unwrap_or_else(BookingId::new));
    }

    /// Takes what was acknowledged so far.
    pub fn take_acknowledged(&mut self) -> Vec<BookingId> {
        std::mem::take(&mut self.acknowledged)
    }

    /// A booking was made, with this seat.
    pub fn sold(&mut self, asked: SaleRequest, designator: Option<&str>) {
        let place = designator.and_then(|designator| self.place(designator)).or(asked.place);
        let flight = &mut self.flights[asked.flight];
        flight.sold += 1;
        if flight.taken.is_empty() {
            return;
        }
        if let Some(place) = place {
            flight.taken[place] = true;
        }
        if flight.sold >= flight.taken.len() {
            self.replace(asked);
        }
    }

    /// The seat that was named belongs to somebody else.
    pub fn taken(&mut self, asked: SaleRequest) {
        if let Some(place) = asked.place {
            self.flights[asked.flight].taken[place] = true;
        }
    }

    /// The flight has no seats left that are not sold or being sold.
    pub fn full(&mut self, asked: SaleRequest) {
        self.replace(asked);
    }

    fn replace(&mut self, asked: SaleRequest) {
        if self.slots[asked.slot] == Some(asked.flight) {
            self.slots[asked.slot] = (self.next < self.flights.len()).then_some(self.next);
            self.next += 1;
        }
    }

    fn place(&self, designator: &str) -> Option<usize> {
        let letter = designator.chars().last()?;
        let row: usize = designator.strip_suffix(letter)?.parse().ok()?;
        let column = self.letters.iter().position(|one| *one == letter)?;
        let place = row.checked_sub(1)? * self.letters.len() + column;
        (place < self.workload.layout().capacity()).then_some(place)
    }
}

/// The verified address of a customer, for which it books.
#[must_use]
pub fn address(customer: usize) -> String {
    format!("customer{customer}@example.org")
}

/// Tokens of new customers.
#[must_use]
pub fn tokens(issuer: &TokenIssuer) -> Vec<String> {
    let token = |customer: usize| {
        issuer.sign(&Claims { email: address(customer), ..issuer.claims(UserId::new(), &[]) })
    };
    (0..CUSTOMERS).map(token).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sale(flights: usize) -> Sale {
        let flights = (0..flights).map(|_| FlightId::new()).collect();
        Sale::new(Workload::HotNamed, flights, vec!["token".to_owned()], 0)
    }

    #[test]
    fn a_sold_out_flight_is_replaced_once() {
        let mut sale = sale(5);
        let mut request = Vec::new();
        let asked = sale.request(&mut request).unwrap();
        sale.full(asked);
        sale.full(asked);
        assert_eq!(sale.slots[asked.slot], Some(4));
        let others: Vec<_> = (0..4).filter(|slot| *slot != asked.slot).map(|slot| sale.slots[slot]).collect();
        assert!(others.iter().all(Option::is_some));
        for slot in 0..4 {
            let flight = sale.slots[slot].unwrap();
            sale.full(SaleRequest { slot, flight, place: None });
        }
        assert!(sale.request(&mut request).is_none());
    }

    #[test]
    fn seats_of_answers_are_known_as_taken() {
        let mut sale = sale(4);
        let mut request = Vec::new();
        let asked = sale.request(&mut request).unwrap();
        sale.sold(SaleRequest { place: None, ..asked }, Some("30F"));
        assert!(sale.flights[asked.flight].taken[179]);
        assert_eq!(sale.place("31A"), None);
        assert_eq!(sale.place("1A"), Some(0));
        assert_eq!(sale.place("2C"), Some(8));
        let again = sale.request_taken(&mut request).unwrap();
        assert_eq!((again.flight, again.place), (asked.flight, Some(179)));
        assert!(String::from_utf8(request).unwrap().contains(r#""seats":["30F"]"#));
    }

    #[test]
    fn of_any_plans_no_seat_is_named_and_only_the_service_ends_a_sale() {
        let flights: Vec<_> = (0..201).map(|_| FlightId::new()).collect();
        let mut sale = Sale::of_any_plans(Workload::Spread, flights, vec!["token".to_owned()], 0);
        let mut request = Vec::new();
        for _ in 0..2000 {
            let asked = sale.request(&mut request).unwrap();
            assert_eq!(asked.place, None);
            sale.sold(asked, Some("30F"));
            assert_eq!(sale.slots[asked.slot], Some(asked.flight));
        }
        assert!(!String::from_utf8(request.clone()).unwrap().contains("seats"));
        let asked = sale.request(&mut request).unwrap();
        sale.full(asked);
        assert_eq!(sale.slots[asked.slot], Some(200));
    }

    #[test]
    fn requests_are_http_with_json() {
        let mut sale = sale(4);
        let mut request = Vec::new();
        for _ in 0..50 {
            sale.request(&mut request).unwrap();
            let text = String::from_utf8(request.clone()).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("content-length: {}", body.len())));
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(body["payment"]["token"], "tok_visa");
        }
    }
}
