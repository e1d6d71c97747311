//! Attempts of an order, with a ledger that answers by a script.

use super::*;
use crate::{
    booking::{hold::Allowance, idempotency::Key, locator::Locator},
    inventory::{
        flight::Flight,
        seat_inventory::{ClockReading, SeatGrant, SeatInventory, SeatRequest, SeatSnapshot},
    },
    ledger::rows::KnownKey,
    payment::charge::NotAdmitted,
    ports::{FlightError, KeyLookup, ReserveError},
    samples,
    sell::{order::OrderSegment, sales::SalesTerms},
    store_error::StoreResult,
};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use shared_types::{
    fare::Brand,
    ids::UserId,
    money::Currency,
    seat::{Cabin, SeatDesignator},
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// Everything around a sale: one flight with all its seats free, and a ledger that loses the seats of the first claims
/// to another instance.
#[derive(Clone)]
struct ScriptedPorts {
    flight: Flight,
    inventory: Rc<RefCell<SeatInventory>>,
    losses: usize,
    /// For each claim the seats that were reserved when it came.
    claims: Rc<RefCell<Vec<usize>>>,
    reloads: Rc<Cell<usize>>,
}

impl ScriptedPorts {
    fn new(losses: usize) -> Self {
        let flight = Flight { on_sale: true, state: samples::flight().into() };
        let empty = SeatSnapshot { version: 1, on_sale: true, seats_version: 1, taken: Vec::new() };
        let inventory = SeatInventory::new(flight.state.id, &empty, Instant::now(), 0);
        let inventory = Rc::new(RefCell::new(inventory));
        Self { flight, inventory, losses, claims: Rc::default(), reloads: Rc::default() }
    }

    fn reserved(&self) -> usize {
        self.inventory.borrow().reserved_for(OWNER, Instant::now())
    }

    /// Orders for one adult, who chooses a seat or takes any.
    fn book(&self, seat: Option<&str>) -> Result<SalesOutcome, SalesError> {
        let booking = samples::booking(self.flight.state.id, &["4A"]);
        let mut passengers = booking.passengers;
        passengers[0].seats = vec![seat.map(|seat| seat.parse().unwrap())];
        let order = Order {
            owner: OWNER,
            segments: vec![OrderSegment {
                flight_id: self.flight.state.id,
                cabin: Cabin::Economy,
                brand: Brand::Standard,
            }],
            passengers,
            contact: booking.contact,
            expected_total: None,
            payment: None,
            hold_minutes: None,
            key: None,
            allowance: Allowance::PerFlight,
        };
        let sales = Sales::new(self.clone(), SalesTerms { currency: Currency::EUR, max_hold_minutes: 1440 });
        let context = RequestContext::of_our_own(Instant::now() + Duration::from_secs(60));
        sales.book(&order, AdmittedRequest { context, slot: None }).now_or_never().unwrap()
    }
}

const OWNER: UserId = UserId(Uuid::from_u128(7));

/// Releases its seats when it is dropped, as the port demands.
struct Guard(Rc<RefCell<SeatInventory>>, SeatGrant);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.borrow_mut().release(self.1.reservation, Instant::now());
    }
}

impl FlightOffer for ScriptedPorts {
    type Reservation = Guard;

    fn flight(&self) -> Flight {
        self.flight.clone()
    }

    async fn reserve(
        &self,
        request: &SeatRequest,
        context: RequestContext,
    ) -> Result<(SeatGrant, Guard), ReserveError> {
        let now = ClockReading { now: Instant::now(), utc: Utc::now() };
        let grant = self.inventory.borrow_mut().reserve(&self.flight, request, context.deadline, now);
        let grant = grant.map_err(ReserveError::Refused)?;
        Ok((grant.clone(), Guard(self.inventory.clone(), grant)))
    }
}

impl FlightInventory for ScriptedPorts {
    type Offer = Self;

    async fn offer(&self, _: FlightId, _: RequestContext) -> Result<Self, FlightError> {
        Ok(self.clone())
    }

    async fn reload(&self, _: FlightId, _: RequestContext) -> Result<Self, FlightError> {
        self.reloads.set(self.reloads.get() + 1);
        Ok(self.clone())
    }

    fn invalidate(&self, _: FlightId) {}
}

impl LedgerQueue for ScriptedPorts {
    async fn submit(&self, flight_id: FlightId, command: Command, _: SubmitTerms) -> LedgerAnswer {
        let Command::Claim(claim) = command else { panic!("only claims are submitted") };
        self.claims.borrow_mut().push(self.reserved());
        let seats = claim.order.passengers[0].seats.iter().flatten();
        let lost = |designator: &SeatDesignator| FlightSeat { flight_id, designator: *designator };
        Ok(Outcome::Refused(match self.claims.borrow().len() <= self.losses {
            true => Refusal::SeatTaken(seats.map(lost).collect()),
            // Any answer that no further attempt would change.
            false => Refusal::PassengerAlreadyBooked,
        }))
    }
}

impl Payments for ScriptedPorts {
    type Admission = ();

    fn admit(&self) -> Result<(), NotAdmitted> {
        Ok(())
    }

    async fn charge(&self, _: Charge, (): ()) -> ChargeOutcome {
        ChargeOutcome::Unsettled
    }

    fn nudge(&self) {}
}

impl KeyLookup for ScriptedPorts {
    async fn find_key(&self, _: &Key, _: Instant) -> StoreResult<Option<KnownKey>> {
        Ok(None)
    }
}

impl Clock for ScriptedPorts {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn utc(&self) -> DateTime<Utc> {
        Utc::now()
    }

    async fn sleep_until(&self, _: Instant) {}
}

impl Ids for ScriptedPorts {
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn locator(&self) -> Locator {
        Locator::draw()
    }
}

impl SalesDeps for ScriptedPorts {
    type Inventory = Self;
    type Ledger = Self;
    type Payments = Self;
    type Keys = Self;
    type Clock = Self;
    type Ids = Self;

    fn inventory(&self) -> &Self {
        self
    }

    fn ledger(&self) -> &Self {
        self
    }

    fn payments(&self) -> &Self {
        self
    }

    fn keys(&self) -> &Self {
        self
    }

    fn clock(&self) -> &Self {
        self
    }

    fn ids(&self) -> &Self {
        self
    }
}

fn refusal(outcome: Result<SalesOutcome, SalesError>) -> Refusal {
    match outcome.unwrap() {
        SalesOutcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn assigned_seats_are_tried_eight_times() {
    let lasting = ScriptedPorts::new(usize::MAX);
    assert!(matches!(refusal(lasting.book(None)), Refusal::FlightFull));
    assert_eq!(*lasting.claims.borrow(), [1; 8], "each attempt has reserved one seat, and released it");
    assert_eq!(lasting.reserved(), 0);

    let seven = ScriptedPorts::new(7);
    assert!(matches!(refusal(seven.book(None)), Refusal::PassengerAlreadyBooked), "the eighth attempt's");
    assert_eq!((seven.claims.borrow().len(), seven.reserved()), (8, 0));
}

#[test]
fn a_lost_chosen_seat_is_refused_at_once() {
    let lasting = ScriptedPorts::new(usize::MAX);
    let Refusal::SeatTaken(seats) = refusal(lasting.book(Some("5C"))) else { panic!("it was taken") };
    assert_eq!(seats.iter().map(|seat| seat.designator.to_string()).collect::<Vec<_>>(), ["5C"]);
    assert_eq!((lasting.claims.borrow().len(), lasting.reserved()), (1, 0));
    assert_eq!(lasting.reloads.get(), 0);
}
