//! `Sales`: the way of a booking through allocators, ledger and payment desk. No actor: it runs in
//! the task of its request, which a disconnecting client does not cancel.

use super::{
    allocator::NotReserved,
    directory::{Directory, Marks, NotFound},
    ledger::{Claim, Command, LedgerError, Ledgers, Outcome},
    payment::{Admission, Charge, Charged, PaymentDesk},
};
use crate::{
    domain::{
        booking::{Booking, Segment},
        contact::Contact,
        flight::Flight,
        hold::HoldTime,
        idempotency::{Key, StoredAnswer},
        locator::Locator,
        party,
        passenger::{Passenger, check_age},
        payment::PaymentOrder,
        price,
        refusal::{FlightSeat, Refusal},
        seat_book::{Wanted, WantedFare, no_price},
    },
    store::{self, keys::Known},
};
use chrono::{DateTime, Utc};
use shared::{
    db::{DbError, Pool},
    events::{BookingPaymentStatus, BookingState, BookingStatus},
    fare::{Brand, PassengerType},
    flight_time::FlightTime,
    http::FieldError,
    ids::{BookingId, FlightId, UserId},
    money::{Currency, Money},
    seat::Cabin,
};
use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How often other seats are tried when assigned ones were lost at the fence.
pub(crate) const ATTEMPTS: usize = 8;

/// A flight that is wanted.
#[derive(Debug, Clone)]
pub(crate) struct OrderSegment {
    pub(crate) flight_id: FlightId,
    pub(crate) cabin: Cabin,
    pub(crate) brand: Brand,
}

/// A booking that is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) owner: UserId,
    pub(crate) segments: Vec<OrderSegment>,
    /// With the seats that were named.
    pub(crate) passengers: Vec<Passenger>,
    pub(crate) contact: Contact,
    pub(crate) expected_total: Option<Money>,
    pub(crate) payment: Option<PaymentOrder>,
    pub(crate) hold_minutes: Option<i64>,
    pub(crate) key: Option<Key>,
    /// Free of the limit of held seats.
    pub(crate) exempt: bool,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Sold {
    /// It is done; the booking after it.
    Done(Box<BookingState>),
    /// The key has this answer from before.
    Replay(StoredAnswer),
    /// The payment was declined; the booking is still held.
    Declined(Box<BookingState>),
    /// The payment is unsettled; the booking as it was left.
    Unsettled(Box<BookingState>),
    /// It had no effect.
    Refused(Refusal),
}

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SalesError {
    #[error("more is asked than can be done in time")]
    Overloaded,
    #[error("the ledger failed")]
    Ledger(#[source] LedgerError),
    #[error("the database failed")]
    Database(#[from] DbError),
}

impl From<LedgerError> for SalesError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Overloaded => Self::Overloaded,
            other => Self::Ledger(other),
        }
    }
}

impl From<diesel::result::Error> for SalesError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// A booking with seats and prices, the versions of the flights they are of, and the marks of the seats.
type Reserved = (Booking, Vec<(FlightId, i64)>, Vec<Marks>);

/// A refusal, or an error.
pub(crate) enum Stop {
    Refused(Refusal),
    Failed(SalesError),
}

impl<E: Into<SalesError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl From<NotFound> for Stop {
    fn from(error: NotFound) -> Self {
        match error {
            NotFound::Unknown => Self::Refused(Refusal::NotFound),
            NotFound::Failed(error) => Self::Failed(error.into()),
            NotFound::Overloaded => Self::Failed(SalesError::Overloaded),
        }
    }
}

impl From<NotReserved> for Stop {
    fn from(error: NotReserved) -> Self {
        match error {
            NotReserved::Refused(refusal) => Self::Refused(refusal),
            NotReserved::Failed(error) => Self::Failed(error.into()),
            NotReserved::Overloaded => Self::Failed(SalesError::Overloaded),
        }
    }
}

/// See the module. Clones share everything.
#[derive(Clone)]
pub(crate) struct Sales {
    pub(crate) pool: Pool,
    pub(crate) directory: Directory,
    pub(crate) ledgers: Ledgers,
    pub(crate) desk: PaymentDesk,
    pub(crate) currency: Currency,
    /// How long a request may take up to its first commit.
    pub(crate) patience: Duration,
    /// The keys whose requests run in this process.
    pub(crate) running: RunningKeys,
}

/// Bodies by the scopes of their keys.
pub(crate) type RunningKeys = Arc<Mutex<HashMap<Vec<u8>, Vec<u8>>>>;

/// A key's request that runs; it no longer does when this is dropped.
struct RunningKey {
    running: RunningKeys,
    scope: Vec<u8>,
}

impl Drop for RunningKey {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.scope);
    }
}

impl Sales {
    /// Makes a booking, held or paid.
    pub(crate) async fn book(&self, order: Order) -> Result<Sold, SalesError> {
        self.keyed(order.key.clone(), async || self.make(&order).await).await
    }

    /// Pays a held booking. `flight`: the lowest of its flights.
    pub(crate) async fn pay(
        &self,
        (booking, flight): (BookingId, FlightId),
        payment: PaymentOrder,
        key: Option<Key>,
    ) -> Result<Sold, SalesError> {
        let run = async || {
            // Before anything is written: what the desk cannot take on is not started.
            let admission = self.desk.admit().ok_or(SalesError::Overloaded)?;
            let command = Command::Pay { booking, payment: payment.clone(), key: key.clone() };
            match self.ledgers.submit(flight, command).await? {
                Outcome::Done(state) => Ok(self.charge(state, &payment, flight, admission).await),
                Outcome::Replay(answer) => Ok(Sold::Replay(answer)),
                Outcome::Refused(refusal) => Err(Stop::Refused(refusal)),
            }
        };
        self.keyed(key.clone(), run).await
    }

    /// Cancels a booking. `flight`: the lowest of its flights.
    pub(crate) async fn cancel(
        &self,
        (booking, flight): (BookingId, FlightId),
        key: Option<Key>,
    ) -> Result<Sold, SalesError> {
        let run = async || match self
            .ledgers
            .submit(flight, Command::Cancel { booking, key: key.clone() })
            .await?
        {
            Outcome::Done(state) => {
                if !state.refunds.is_empty() {
                    self.desk.nudge();
                }
                Ok(Sold::Done(state))
            }
            Outcome::Replay(answer) => Ok(Sold::Replay(answer)),
            Outcome::Refused(refusal) => Err(Stop::Refused(refusal)),
        };
        self.keyed(key.clone(), run).await
    }

    /// Runs a request under its key, if it has one. The ledger binds the key; what is looked up here
    /// keeps a repeated request from being refused for what its first run has done.
    async fn keyed(
        &self,
        key: Option<Key>,
        run: impl AsyncFnOnce() -> Result<Sold, Stop>,
    ) -> Result<Sold, SalesError> {
        let Some(key) = key else { return settle(run().await) };
        if let Some(known) = self.known(&key).await? {
            return Ok(known);
        }
        match self.running.lock().unwrap_or_else(PoisonError::into_inner).entry(key.scope.clone()) {
            Entry::Vacant(free) => drop(free.insert(key.body.clone())),
            Entry::Occupied(other) if *other.get() != key.body => {
                return Ok(Sold::Refused(Refusal::KeyReused));
            }
            Entry::Occupied(_) => return Ok(Sold::Refused(Refusal::KeyInProgress)),
        }
        let _running = RunningKey { running: self.running.clone(), scope: key.scope.clone() };
        match settle(run().await)? {
            Sold::Refused(refusal) => Ok(self.known(&key).await?.unwrap_or(Sold::Refused(refusal))),
            sold => Ok(sold),
        }
    }

    /// What a key's first request has come to, if it is bound; before that request's conditions are
    /// looked at: its own effect may be why they no longer hold.
    pub(crate) async fn known(&self, key: &Key) -> Result<Option<Sold>, SalesError> {
        let mut connection = self.pool.get().await?;
        Ok(store::keys::find(&mut connection, key).await?.map(|known| match known {
            Known::Running => Sold::Refused(Refusal::KeyInProgress),
            Known::OtherBody => Sold::Refused(Refusal::KeyReused),
            Known::Answered(answer) => Sold::Replay(answer),
        }))
    }

    async fn make(&self, order: &Order) -> Result<Sold, Stop> {
        let hold = self.hold(order).await?;
        let admission = order.payment.as_ref().map(|_| self.desk.admit().ok_or(SalesError::Overloaded));
        let admission = admission.transpose()?;
        let deadline = Instant::now() + self.patience;
        let named: HashSet<FlightSeat> = named_seats(order).collect();
        for attempt in 1.. {
            let (booking, priced_from, marks) = self.reserve(order, deadline).await?;
            let total = Money::new(booking.total(), self.currency);
            if order.expected_total.is_some_and(|expected| expected.minor < total.minor) {
                if attempt == 1 && self.have_changed(&priced_from).await? {
                    continue;
                }
                return Err(Stop::Refused(Refusal::PriceChanged(total)));
            }
            let lowest = booking.segments.iter().map(|segment| segment.flight_id).min();
            let Some(flight) = lowest else { return Err(Stop::Refused(Refusal::NotFound)) };
            let claim = Claim {
                booking,
                hold,
                priced_from,
                payment: order.payment.clone(),
                key: order.key.clone(),
                exempt: order.exempt,
            };
            let outcome = self.ledgers.submit(flight, Command::Claim(Box::new(claim))).await;
            if let Ok(Outcome::Refused(Refusal::FlightChanged(changed))) = &outcome {
                changed.iter().for_each(|id| self.directory.seats_unknown(*id));
                if attempt < ATTEMPTS {
                    drop(marks);
                    continue;
                }
            }
            if let Ok(Outcome::Refused(Refusal::SeatTaken(lost))) = &outcome {
                lost.iter().for_each(|seat| self.directory.seats_unknown(seat.flight_id));
                // Seats that we chose ourselves were lost to another instance: others will do.
                let chosen_by_us = lost.iter().all(|seat| !named.contains(seat));
                if chosen_by_us && attempt < ATTEMPTS {
                    drop(marks);
                    continue;
                }
            }
            drop(marks);
            return match outcome? {
                Outcome::Done(state) => match (&order.payment, admission) {
                    (Some(payment), Some(admission)) => {
                        Ok(self.charge(state, payment, flight, admission).await)
                    }
                    _ => Ok(Sold::Done(state)),
                },
                Outcome::Replay(answer) => Ok(Sold::Replay(answer)),
                Outcome::Refused(Refusal::SeatTaken(lost)) => Err(Stop::Refused(only_named(lost, &named))),
                Outcome::Refused(refusal) => Err(Stop::Refused(refusal)),
            };
        }
        Err(Stop::Refused(Refusal::FlightFull))
    }

    /// Checks an order against its flights; gives the hold's time. Nothing is refused because of
    /// flights that are not as they were.
    async fn hold(&self, order: &Order) -> Result<HoldTime, Stop> {
        let mut flights = Vec::with_capacity(order.segments.len());
        for segment in &order.segments {
            flights.push(self.directory.flight(segment.flight_id).await?);
        }
        if let Ok(hold) = check(order, &flights, self.currency, Utc::now()) {
            return Ok(hold);
        }
        flights.clear();
        for segment in &order.segments {
            flights.push(self.directory.flight_now(segment.flight_id).await?);
        }
        check(order, &flights, self.currency, Utc::now()).map_err(Stop::Refused)
    }

    /// Whether flights have newer versions than these.
    async fn have_changed(&self, versions: &[(FlightId, i64)]) -> Result<bool, Stop> {
        for (id, version) in versions {
            if self.directory.flight_now(*id).await?.state.version > *version {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Asks the allocators of all flights for seats, in the order of flight ids.
    async fn reserve(&self, order: &Order, deadline: Instant) -> Result<Reserved, Stop> {
        let mut booking = new_booking(order, self.currency);
        let kinds: Vec<PassengerType> = order.passengers.iter().map(|passenger| passenger.kind).collect();
        let mut sequence: Vec<usize> = (0..order.segments.len()).collect();
        sequence.sort_unstable_by_key(|index| order.segments[*index].flight_id);
        let mut marks = Vec::with_capacity(sequence.len());
        let mut versions = Vec::with_capacity(sequence.len());
        for index in sequence {
            let segment = &order.segments[index];
            let wishes = party::wishes(&order.passengers, index);
            let wanted = Wanted {
                segment: index,
                cabin: segment.cabin,
                fare: Some(WantedFare {
                    brand: segment.brand,
                    currency: self.currency,
                    party: kinds.clone(),
                }),
                wishes,
            };
            let (reservation, mark) = self.directory.reserve(segment.flight_id, &wanted, deadline).await?;
            marks.push(mark);
            versions.push((segment.flight_id, reservation.flight_version));
            for ((passenger, _), seat) in wanted.wishes.iter().zip(reservation.seats) {
                booking.passengers[*passenger].seats[index] = Some(seat);
            }
            booking.segments[index].fare = reservation.price.fare;
            booking.segments[index].taxes = reservation.price.taxes;
        }
        Ok((booking, versions, marks))
    }

    /// Has a payment carried out that the ledger has started.
    async fn charge(
        &self,
        state: Box<BookingState>,
        payment: &PaymentOrder,
        flight: FlightId,
        admission: Admission,
    ) -> Sold {
        let charge = Charge {
            payment: payment.id,
            booking: state.id,
            amount: state.price.total.minor,
            token: payment.token.clone(),
            flight,
        };
        match self.desk.charge(charge, admission).await {
            Charged::Confirmed(state) => Sold::Done(state),
            Charged::Declined(state) => Sold::Declined(state),
            // As the key, if there is one, has it: the payment counts as declined.
            Charged::TooLate(state) => Sold::Declined(state),
            Charged::Silent => Sold::Unsettled(state),
        }
    }
}

pub(crate) fn settle(result: Result<Sold, Stop>) -> Result<Sold, SalesError> {
    match result {
        Ok(sold) => Ok(sold),
        Err(Stop::Refused(refusal)) => Ok(Sold::Refused(refusal)),
        Err(Stop::Failed(error)) => Err(error),
    }
}

pub(crate) fn named_seats(order: &Order) -> impl Iterator<Item = FlightSeat> + '_ {
    order.passengers.iter().flat_map(|passenger| {
        let seats = order.segments.iter().zip(&passenger.seats);
        seats.filter_map(|(segment, seat)| {
            Some(FlightSeat { flight_id: segment.flight_id, designator: (*seat)? })
        })
    })
}

/// Of the lost seats those that the traveller has chosen; when there are none the flight is full, as
/// far as we have tried.
pub(crate) fn only_named(lost: Vec<FlightSeat>, named: &HashSet<FlightSeat>) -> Refusal {
    let seats: Vec<_> = lost.into_iter().filter(|seat| named.contains(seat)).collect();
    if seats.is_empty() { Refusal::FlightFull } else { Refusal::SeatTaken(seats) }
}

pub(crate) fn new_booking(order: &Order, currency: Currency) -> Booking {
    let now = Utc::now();
    let segment = |segment: &OrderSegment| Segment {
        flight_id: segment.flight_id,
        cabin: segment.cabin,
        brand: segment.brand,
        fare: 0,
        taxes: 0,
    };
    Booking {
        id: BookingId::new(),
        locator: Locator::draw(),
        owner_id: order.owner,
        status: BookingStatus::Held,
        payment_status: BookingPaymentStatus::Awaiting,
        // Times are set by the ledger, from the database's clock.
        hold_expires_at: now,
        currency,
        contact: order.contact.clone(),
        segments: order.segments.iter().map(segment).collect(),
        passengers: order.passengers.clone(),
        payments: Vec::new(),
        refunds: Vec::new(),
        version: 1,
        created_at: now,
        updated_at: now,
        confirmed_at: None,
    }
}

/// Checks what can be checked only with the flights at hand; gives the hold's time.
pub(crate) fn check(
    order: &Order,
    flights: &[Flight],
    currency: Currency,
    now: DateTime<Utc>,
) -> Result<HoldTime, Refusal> {
    let mut errors = Vec::new();
    let (Some(first), Some(last)) = (flights.first(), flights.last()) else { return Err(Refusal::NotFound) };
    let departs_on = last.state.departure.local.date();
    let today = FlightTime::from_instant(now, &first.state.departure.time_zone);
    let today = today.map_or_else(|_| now.date_naive(), |time| time.local.date());
    for (index, passenger) in order.passengers.iter().enumerate() {
        if let Err(error) = check_age(passenger.kind, passenger.born_on, today, departs_on) {
            errors.push(FieldError::at(format!("/passengers/{index}/born_on"), error));
        }
    }
    if order.expected_total.is_some_and(|total| total.currency != currency) {
        errors.push(FieldError::at("/expected_total", format!("must be in {currency}")));
    }
    let kinds: Vec<PassengerType> = order.passengers.iter().map(|passenger| passenger.kind).collect();
    for (index, (segment, flight)) in order.segments.iter().zip(flights).enumerate() {
        let fare = (segment.cabin, segment.brand);
        if let Err(error) = price::of_party(&flight.state, fare, currency, &kinds, 0, now) {
            errors.push(no_price(index, error));
        }
    }
    let hold = HoldTime::new(order.hold_minutes, first.state.departure.at, now);
    match hold {
        Ok(_) if errors.is_empty() && !flights.iter().all(|flight| flight.is_bookable(now)) => {
            return Err(Refusal::FlightNotBookable);
        }
        Ok(hold) if errors.is_empty() => return Ok(hold),
        Ok(_) => {}
        Err(error) => errors.push(FieldError::at("/hold_minutes", error)),
    }
    Err(Refusal::Invalid(errors))
}
