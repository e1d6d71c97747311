//! The way of a request through an instance, as `Sales` goes it: allocators in the order of flight ids,
//! the ledger, the desk.

use super::{
    amendments::Amendment,
    desk::{Charge, Charged},
    instance::{Marks, unavailable},
    world::World,
};
use crate::actors::{
    allocator::NotReserved,
    sales::{self, ATTEMPTS, Checked, Order, SalesError, Sold, Stop, only_named, settle},
};
use booking_engine::ledger::{
    command::{At, Claim, Command, Outcome},
    rows::Known,
};
use booking_engine::{
    booking::{
        hold::Allowance,
        idempotency::Key,
        itinerary,
        presentation::ShownBooking,
        record::Booking,
        refusal::{FlightSeat, Refusal},
    },
    inventory::seat_inventory::{Wanted, WantedFare},
    passengers::party,
    payment::{quote::QuoteId, record::PaymentOrder},
};
use shared::{
    ids::{BookingId, FlightId},
    money::{Currency, Money},
};
use std::{collections::HashSet, rc::Rc, time::Instant};

const CURRENCY: Currency = Currency::EUR;
/// The currency, and the longest hold in minutes.
const TERMS: (Currency, u32) = (CURRENCY, 1440);

/// What is asked of the service.
#[derive(Debug, Clone)]
pub(super) enum Request {
    Book(Order),
    Pay {
        booking: BookingId,
        flight: FlightId,
        payment: PaymentOrder,
        key: Option<Key>,
    },
    Cancel {
        booking: BookingId,
        flight: FlightId,
        quote: Option<QuoteId>,
        key: Option<Key>,
    },
    Quote {
        booking: BookingId,
        flight: FlightId,
        key: Option<Key>,
    },
    /// `version`: the booking's, where it matters.
    Amend {
        booking: BookingId,
        version: Option<i64>,
        amendment: Amendment,
    },
}

impl Request {
    pub(super) fn key(&self) -> Option<&Key> {
        match self {
            Self::Book(order) => order.key.as_ref(),
            Self::Pay { key, .. } | Self::Cancel { key, .. } | Self::Quote { key, .. } => key.as_ref(),
            Self::Amend { .. } => None,
        }
    }
}

/// A key's request that runs on an instance; no longer when this is dropped.
struct RunningKey {
    world: Rc<World>,
    at: usize,
    life: u64,
    scope: Vec<u8>,
}

impl Drop for RunningKey {
    fn drop(&mut self) {
        let mut instance = self.world.instances[self.at].borrow_mut();
        if instance.life == self.life {
            instance.running.remove(&self.scope);
        }
    }
}

impl World {
    /// Serves a request on an instance.
    pub(super) async fn serve(self: &Rc<Self>, at: usize, request: &Request) -> Result<Sold, SalesError> {
        let Some(key) = request.key() else { return settle(self.carry_out(at, request).await) };
        if let Some(known) = self.known(key).await? {
            return Ok(known);
        }
        let running = self.instances[at].borrow().running.get(&key.scope).cloned();
        match running {
            Some(body) if body != key.body => return Ok(Sold::Refused(Refusal::KeyReused)),
            Some(_) => return Ok(Sold::Refused(Refusal::KeyInProgress)),
            None => {}
        }
        let life = {
            let mut instance = self.instances[at].borrow_mut();
            instance.running.insert(key.scope.clone(), key.body.clone());
            instance.life
        };
        let _running = RunningKey { world: self.clone(), at, life, scope: key.scope.clone() };
        match settle(self.carry_out(at, request).await)? {
            Sold::Refused(refusal) => Ok(self.known(key).await?.unwrap_or(Sold::Refused(refusal))),
            sold => Ok(sold),
        }
    }

    async fn known(self: &Rc<Self>, key: &Key) -> Result<Option<Sold>, SalesError> {
        self.hop().await;
        let found = {
            let now = self.now();
            let mut database = self.database.borrow_mut();
            if database.is_down(now) {
                return Err(unavailable().into());
            }
            let clock = database.clock(now);
            let found = database.rows.find_key(key, clock);
            if let Some(trace) = &self.trace {
                trace.borrow_mut().found_key(key, clock, found.as_ref());
            }
            found
        };
        self.hop().await;
        Ok(found.map(|known| match known {
            Known::Running => Sold::Refused(Refusal::KeyInProgress),
            Known::OtherBody => Sold::Refused(Refusal::KeyReused),
            Known::Answered(answer) => Sold::Replay(answer),
        }))
    }

    async fn carry_out(self: &Rc<Self>, at: usize, request: &Request) -> Result<Sold, Stop> {
        match request {
            Request::Book(order) => self.make(at, order).await,
            Request::Pay { booking, flight, payment, key } => {
                let at_any = At { booking: *booking, version: None };
                let command = Command::Pay { at: at_any, payment: payment.clone(), key: key.clone() };
                match self.submit(at, *flight, command).await? {
                    Outcome::Done(state) => Ok(self.pay(at, state, payment, *flight).await),
                    Outcome::Quoted(quote, currency) => Ok(Sold::Quoted(quote.shown(currency))),
                    Outcome::Replay(answer) => Ok(Sold::Replay(answer)),
                    Outcome::Refused(refusal) => Err(Stop::Refused(refusal)),
                }
            }
            Request::Cancel { booking, flight, quote, key } => {
                let at_any = At { booking: *booking, version: None };
                let command = Command::Cancel { at: at_any, quote: *quote, key: key.clone() };
                self.ordered(at, *flight, command).await
            }
            Request::Quote { booking, flight, key } => {
                let at_any = At { booking: *booking, version: None };
                let quote = QuoteId(self.id());
                self.ordered(at, *flight, Command::Quote { at: at_any, quote, key: key.clone() }).await
            }
            Request::Amend { booking, version, amendment } => {
                self.amend(at, (*booking, *version), amendment).await
            }
        }
    }

    /// Has the ledger carry out a command about a booking.
    pub(super) async fn ordered(
        self: &Rc<Self>,
        at: usize,
        flight: FlightId,
        command: Command,
    ) -> Result<Sold, Stop> {
        match self.submit(at, flight, command).await? {
            Outcome::Done(state) => Ok(Sold::Done(state)),
            Outcome::Quoted(quote, currency) => Ok(Sold::Quoted(quote.shown(currency))),
            Outcome::Replay(answer) => Ok(Sold::Replay(answer)),
            Outcome::Refused(refusal) => Err(Stop::Refused(refusal)),
        }
    }

    async fn make(self: &Rc<Self>, at: usize, order: &Order) -> Result<Sold, Stop> {
        let mut checked = Some(self.check(at, order).await?);
        let deadline = self.deadline_at(at);
        let named: HashSet<FlightSeat> = order.named_seats().collect();
        for attempt in 1..=ATTEMPTS {
            let checked = match checked.take() {
                Some(checked) => checked,
                None => self.check(at, order).await?,
            };
            let (booking, priced_from, marks) = self.reserve_all(at, order, deadline).await?;
            if !checked.is_of(&priced_from) {
                self.count("flights changed after the check");
                continue;
            }
            let total = Money::new(booking.total(), CURRENCY);
            if order.expected_total.is_some_and(|expected| expected.minor < total.minor) {
                drop(marks);
                if attempt == 1 && self.have_changed(at, &priced_from).await? {
                    continue;
                }
                return Err(Stop::Refused(Refusal::PriceChanged(total)));
            }
            if self.instant_at(at) >= deadline {
                return Err(Stop::Failed(SalesError::Overloaded));
            }
            let lowest = booking.segments.iter().map(|segment| segment.flight_id).min();
            let Some(flight) = lowest else { return Err(Stop::Refused(Refusal::NotFound)) };
            let (payment, key) = (order.payment.clone(), order.key.clone());
            let hold = checked.hold;
            let (allowance, stale) = (order.allowance, Vec::new());
            let claim = Claim { booking, hold, priced_from, payment, key, allowance, stale };
            let outcome = self.submit(at, flight, Command::Claim(Box::new(claim))).await;
            drop(marks);
            let again = match &outcome {
                Ok(Outcome::Refused(Refusal::FlightChanged(changed))) => {
                    for id in changed {
                        self.seats_unknown(at, *id);
                        self.flight_now(at, *id).await?;
                    }
                    true
                }
                Ok(Outcome::Refused(Refusal::SeatTaken(lost))) => {
                    lost.iter().for_each(|seat| self.seats_unknown(at, seat.flight_id));
                    lost.iter().all(|seat| !named.contains(seat))
                }
                _ => false,
            };
            if again && attempt < ATTEMPTS {
                continue;
            }
            return match outcome? {
                Outcome::Done(state) => match &order.payment {
                    Some(payment) => Ok(self.pay(at, state, payment, flight).await),
                    None => Ok(Sold::Done(state)),
                },
                Outcome::Quoted(quote, currency) => Ok(Sold::Quoted(quote.shown(currency))),
                Outcome::Replay(answer) => Ok(Sold::Replay(answer)),
                Outcome::Refused(Refusal::SeatTaken(lost)) => Err(Stop::Refused(only_named(lost, &named))),
                Outcome::Refused(refusal) => Err(Stop::Refused(refusal)),
            };
        }
        Err(Stop::Failed(SalesError::Overloaded))
    }

    async fn check(self: &Rc<Self>, at: usize, order: &Order) -> Result<Checked, Stop> {
        let mut flights = Vec::with_capacity(order.segments.len());
        for segment in &order.segments {
            flights.push(self.known_flight(at, segment.flight_id).await?);
        }
        if let Ok(hold) = sales::check(order, &flights, TERMS, self.moment_at(at).utc) {
            return Ok(Checked::new(hold, &flights));
        }
        flights.clear();
        for segment in &order.segments {
            flights.push(self.flight_now(at, segment.flight_id).await?);
        }
        let hold = sales::check(order, &flights, TERMS, self.moment_at(at).utc).map_err(Stop::Refused)?;
        Ok(Checked::new(hold, &flights))
    }

    async fn have_changed(self: &Rc<Self>, at: usize, versions: &[(FlightId, i64)]) -> Result<bool, Stop> {
        for (id, version) in versions {
            if self.flight_now(at, *id).await?.state.version > *version {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Asks the allocators of all flights for seats, in the order of flight ids.
    async fn reserve_all(
        self: &Rc<Self>,
        at: usize,
        order: &Order,
        deadline: Instant,
    ) -> Result<(Booking, Vec<(FlightId, i64)>, Vec<Marks>), Stop> {
        let mut booking = order.booking(CURRENCY);
        // What real code draws by itself comes from the seed here.
        (booking.id, booking.locator) = (self.id().into(), self.locator());
        self.claimed.borrow_mut().insert(booking.id, booking.locator.as_str().to_owned());
        let kinds: Vec<_> = order.passengers.iter().map(|passenger| passenger.kind).collect();
        let (mut marks, mut versions, mut refusals) = (Vec::new(), Vec::new(), Vec::new());
        for index in order.by_flight() {
            let segment = &order.segments[index];
            let wanted = Wanted {
                owner: order.owner,
                exempt: order.allowance == Allowance::Unlimited,
                segment: index,
                cabin: segment.cabin,
                fare: Some(WantedFare { brand: segment.brand, currency: CURRENCY, party: kinds.clone() }),
                wishes: party::wishes(&order.passengers, index),
            };
            let (reservation, mark) = match self.reserve(at, segment.flight_id, &wanted, deadline).await {
                Ok(reserved) => reserved,
                Err(NotReserved::Refused(refusal)) => {
                    refusals.push(refusal);
                    marks.clear();
                    continue;
                }
                Err(error) if refusals.is_empty() => return Err(error.into()),
                Err(_) => break,
            };
            if !refusals.is_empty() {
                continue;
            }
            marks.push(mark);
            versions.push((segment.flight_id, reservation.flight_version));
            for ((passenger, _), seat) in wanted.wishes.iter().zip(reservation.seats) {
                booking.passengers[*passenger].seats[index] = Some(seat);
            }
            booking.segments[index].fare = reservation.price.fare;
            booking.segments[index].taxes = reservation.price.taxes;
        }
        if let Some(refusal) = itinerary::refusal(refusals) {
            return Err(Stop::Refused(refusal));
        }
        sales::check_total(&booking)?;
        Ok((booking, versions, marks))
    }

    async fn pay(
        self: &Rc<Self>,
        at: usize,
        state: ShownBooking,
        payment: &PaymentOrder,
        flight: FlightId,
    ) -> Sold {
        let charge = Charge {
            payment: payment.id,
            booking: state.id,
            amount: state.price.total.minor,
            token: payment.token.clone(),
            flight,
        };
        match self.charge(at, charge).await {
            Charged::Confirmed(state) => Sold::Done(state),
            Charged::Declined(state) => Sold::Declined(state),
            Charged::Silent => Sold::Unsettled(state),
        }
    }
}
