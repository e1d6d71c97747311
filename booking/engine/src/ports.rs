//! The ports of the engine: traits for its surroundings. The service implements them with PostgreSQL, actors and
//! clocks, the simulation with models of these.

use crate::{
    booking::{
        idempotency::Key,
        locator::Locator,
        record::{Booking, Flights},
        refusal::Refusal,
    },
    inventory::{
        flight::Flight,
        seat_inventory::{HoldExpiries, SeatGrant, SeatRequest},
    },
    ledger::{
        admission::QueueSlot,
        command::{Command, LedgerAnswer},
        decision::{BatchDecision, CommittedBatch},
        rows::{KnownKey, PassengerFlightKey, SeatRow, StaleHold, TravellerRow},
        snapshot::{LockRequest, LockedSnapshot},
        work::Item,
    },
    payment::{
        charge::{Charge, ChargeOutcome, NotAdmitted},
        quote::{Quote, QuoteId},
    },
    saga::{
        settlement::{UnsettledPayment, UnsettledRefund},
        step::ProviderDecision,
    },
    store_error::{StoreError, StoreResult},
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::LocalBoxFuture;
use shared_types::{
    events::SeatsState,
    ids::{BookingId, FlightId, PaymentId, RefundId},
};
use std::{
    collections::{HashMap, HashSet},
    future::Future,
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// The clocks of a process.
pub trait Clock {
    /// The monotonic clock.
    fn now(&self) -> Instant;

    /// The wall clock (UTC), which may be wrong.
    fn utc(&self) -> DateTime<Utc>;

    /// Waits until the monotonic clock shows this instant.
    fn sleep_until(&self, instant: Instant) -> impl Future<Output = ()>;
}

/// Waits for work, at most for this time; `None`: the time is over, and the work is dropped.
pub async fn within<T>(clock: &impl Clock, time: Duration, work: impl Future<Output = T>) -> Option<T> {
    use futures_util::future::{Either, select};
    let late = std::pin::pin!(clock.sleep_until(clock.now() + time));
    match select(std::pin::pin!(work), late).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}

/// The source of identifiers.
pub trait Ids {
    /// A fresh identifier, UUIDv7.
    fn uuid(&self) -> Uuid;

    /// A record locator, drawn at random.
    fn locator(&self) -> Locator;
}

/// The unit of work of a ledger: a connection, and the transaction on it.
///
/// # Errors
/// All methods fail with the errors of the database. An error ends the transaction.
#[expect(async_fn_in_trait, reason = "a ledger and its store live on one thread")]
pub trait LedgerStore {
    /// Opens the connection, unless it is open. Afterwards no transaction of an earlier connection can commit any
    /// more.
    async fn connect(&mut self) -> StoreResult<()>;

    /// Gives the connection up. The outcome of its transaction is unknown.
    fn disconnect(&mut self);

    /// Begins a transaction for these commands. The caller polls this future before those of the transaction's queries,
    /// so an implementation may pipeline them.
    async fn begin(&self, items: &[Item<'_>]) -> StoreResult<()>;

    /// Holds that have ended but still occupy one of these seats or passenger keys.
    async fn stale_holds(
        &self,
        seats: &[SeatRow],
        travellers: &[TravellerRow],
    ) -> StoreResult<Vec<StaleHold>>;

    /// Locks flights until the end of the transaction, then reads the rows that these locks protect, and last the
    /// clock. The snapshot leaves unknown flights and bookings out.
    async fn lock(&self, request: LockRequest<'_>) -> StoreResult<LockedSnapshot>;

    /// The states of flights at these versions or later ones.
    async fn flight_states(&self, versions: &[(FlightId, i64)]) -> StoreResult<Flights>;

    /// Binds idempotency keys to the bookings of their requests. Gives the scopes of the keys that were free.
    async fn bind_keys(&self, wanted: &[(&Key, BookingId)]) -> StoreResult<HashSet<Vec<u8>>>;

    /// The stored state of an idempotency key; `None`: the key is free.
    async fn find_key(&self, key: &Key) -> StoreResult<Option<KnownKey>>;

    /// Releases the idempotency keys of these scopes: their requests had no effect.
    async fn release_keys(&self, scopes: &[&[u8]]) -> StoreResult<()>;

    /// The taken ones of these passenger keys. Their flights are locked.
    async fn taken_passengers(
        &self,
        asked: &[PassengerFlightKey],
    ) -> StoreResult<HashSet<PassengerFlightKey>>;

    /// The used ones of these locators.
    async fn used_locators(&self, locators: &[Locator]) -> StoreResult<HashSet<Locator>>;

    /// A quote; `None`: it is unknown, or no longer kept.
    async fn find_quote(&self, id: QuoteId) -> StoreResult<Option<Quote>>;

    /// `count` document numbers for e-tickets. Each number is given once only.
    async fn allocate_ticket_numbers(&self, count: usize) -> StoreResult<Vec<i64>>;

    /// Writes the decision, its events last, and commits. Unique constraints check every decision: the write fails if a
    /// seat, a passenger key or a locator belongs to another booking after all.
    async fn commit(&self, decision: BatchDecision<'_>) -> StoreResult<CommittedBatch>;

    /// Rolls the transaction back. An error means that the connection does not answer: the transaction may have been
    /// committed.
    async fn roll_back(&self) -> StoreResult<()>;

    /// Reads bookings outside of a transaction. The result leaves unknown ones out.
    async fn read_back(&mut self, ids: &[BookingId]) -> StoreResult<HashMap<BookingId, LoadedBooking>>;
}

/// The terms of a submitted command.
#[derive(Debug)]
pub struct SubmitTerms {
    /// The ledger does not begin the command after this instant of the monotonic clock.
    pub deadline: Instant,
    /// The queue slot of an admitted claim; `None`: the command needs no slot.
    pub slot: Option<QueueSlot>,
}

impl SubmitTerms {
    /// The terms of a command that needs no slot.
    pub fn by(deadline: Instant) -> Self {
        Self { deadline, slot: None }
    }
}

/// The ledgers of an instance.
#[expect(async_fn_in_trait, reason = "a submitter stays on its thread")]
pub trait LedgerQueue {
    /// Carries out a command in the ledger of a flight: the lowest flight of the command. The answer comes after the
    /// commit.
    ///
    /// # Errors
    /// [`LedgerError`](crate::ledger::command::LedgerError). After `Unavailable` the command may have been committed:
    /// its key or its booking shows that.
    async fn submit(&self, flight: FlightId, command: Command, terms: SubmitTerms) -> LedgerAnswer;
}

/// The deadline of a request for its first commit, and its client.
#[derive(Debug, Clone, Copy)]
pub struct RequestContext {
    /// The deadline, by the monotonic clock.
    pub deadline: Instant,
    /// The address of the client's network: the key of its limits.
    pub client: IpAddr,
}

impl RequestContext {
    /// The context of this service's own work, with an address that no client has.
    pub fn of_our_own(deadline: Instant) -> Self {
        Self { deadline, client: IpAddr::V4(Ipv4Addr::UNSPECIFIED) }
    }
}

/// The reason why a flight cannot be offered.
#[derive(Debug, Clone)]
pub enum FlightError {
    /// There is no such flight.
    Unknown,
    /// The store does not know.
    Failed(StoreError),
    /// More is asked than can be done in time.
    Overloaded,
}

/// The reason why seats are not reserved.
#[derive(Debug)]
pub enum ReserveError {
    /// The request is refused.
    Refused(Refusal),
    /// The store does not know.
    Failed(StoreError),
    /// More is asked than can be done in time.
    Overloaded,
}

/// The flights that are sold on an instance.
#[expect(async_fn_in_trait, reason = "a request stays on its thread")]
pub trait FlightInventory {
    /// A flight that was looked up.
    type Offer: FlightOffer;

    /// A flight as the inventory knows it, possibly from its cache.
    ///
    /// # Errors
    /// [`FlightError`].
    async fn offer(&self, id: FlightId, context: RequestContext) -> Result<Self::Offer, FlightError>;

    /// A flight as the database has it now.
    ///
    /// # Errors
    /// [`FlightError`].
    async fn reload(&self, id: FlightId, context: RequestContext) -> Result<Self::Offer, FlightError>;

    /// Marks the cached seats of a flight as stale.
    fn invalidate(&self, id: FlightId);
}

/// A flight that was looked up. Its seats can be reserved.
#[expect(async_fn_in_trait, reason = "a request stays on its thread")]
pub trait FlightOffer {
    /// A guard of reserved seats. Its drop releases them.
    type Reservation;

    /// The flight as it is known now.
    fn flight(&self) -> Flight;

    /// Reserves seats until the deadline of the context, or until the reservation is dropped.
    ///
    /// # Errors
    /// [`ReserveError`].
    async fn reserve(
        &self,
        request: &SeatRequest,
        context: RequestContext,
    ) -> Result<(SeatGrant, Self::Reservation), ReserveError>;
}

/// The payment desk of an instance.
#[expect(async_fn_in_trait, reason = "a request stays on its thread")]
pub trait Payments {
    /// The admission of one payment. Its drop gives the place back.
    type Admission;

    /// Admits a payment.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    fn admit(&self) -> Result<Self::Admission, NotAdmitted>;

    /// Carries out a payment, and waits for its outcome as long as a traveller would.
    async fn charge(&self, charge: Charge, admission: Self::Admission) -> ChargeOutcome;

    /// Wakes the desk: there is a refund to settle.
    fn nudge(&self);
}

/// The provider was not reached, or gave no usable answer. It may have carried out the request.
#[derive(Debug, thiserror::Error)]
#[error("the payment provider has not answered as it should: {0}")]
pub struct ProviderError(pub String);

/// The answer of a provider.
pub type ProviderReply<'a, T> = LocalBoxFuture<'a, Result<T, ProviderError>>;

/// A payment provider.
///
/// Every call names the payment by our identifier, and a repeated call has no further effect. So a saga can be resumed
/// at any step. A call may fail, or not answer at all; then its effect is unknown.
pub trait PaymentProvider {
    /// Whether a token belongs to this provider. A payment with another token is refused before anything is done.
    fn knows(&self, token: &str) -> bool;

    /// Asks for any answer. The payment desk uses it after payments got no answer.
    fn answers(&self) -> ProviderReply<'_, ()>;

    /// Reserves `amount` (minor units of money), unless this payment was voided before. May never answer.
    fn authorise(
        &self,
        payment: PaymentId,
        amount: i64,
        token: String,
    ) -> ProviderReply<'_, ProviderDecision>;

    /// The decision about a payment; `None`: nothing was reserved or refused.
    fn find(&self, payment: PaymentId) -> ProviderReply<'_, Option<ProviderDecision>>;

    /// Takes the reserved `amount` (minor units of money).
    fn capture(&self, payment: PaymentId, amount: i64) -> ProviderReply<'_, ()>;

    /// Gives the reserved `amount` (minor units of money) up. Afterwards nothing can be reserved under this identifier.
    fn void(&self, payment: PaymentId, amount: i64) -> ProviderReply<'_, ()>;

    /// Gives back `amount` (minor units of money) of a captured payment.
    fn refund(&self, payment: PaymentId, refund: RefundId, amount: i64) -> ProviderReply<'_, ()>;
}

/// The stored queues of unsettled payments and refunds.
///
/// # Errors
/// All methods fail with the errors of the store.
#[expect(async_fn_in_trait, reason = "a saga stays on its thread")]
pub trait SettlementStore {
    /// Takes at most `limit` payments in hand that no instance has had in hand for the time `idle`.
    async fn take_payments(&self, idle: TimeDelta, limit: usize) -> StoreResult<Vec<UnsettledPayment>>;

    /// Takes refunds in hand, as [`take_payments`](Self::take_payments) takes payments.
    async fn take_refunds(&self, idle: TimeDelta, limit: usize) -> StoreResult<Vec<UnsettledRefund>>;

    /// Records that the provider has captured or voided a payment. The record may be written later: after its loss the
    /// provider gets the same call again, without effect.
    async fn mark_settled(&self, payment: PaymentId) -> StoreResult<()>;

    /// Records that the provider has carried out a refund.
    async fn mark_refunded(&self, refund: &UnsettledRefund) -> StoreResult<()>;
}

/// The stored idempotency keys, outside of a ledger's transaction.
#[expect(async_fn_in_trait, reason = "a request stays on its thread")]
pub trait KeyLookup {
    /// The stored state of an idempotency key; `None`: the key is free.
    ///
    /// # Errors
    /// Those of the store, also after the deadline (monotonic clock).
    async fn find_key(&self, key: &Key, deadline: Instant) -> StoreResult<Option<KnownKey>>;
}

/// A booking that was read back, as it is stored and as clients see it.
pub type LoadedBooking = (Booking, crate::booking::presentation::ShownBooking);

/// A listener to the commits of a ledger, on its instance.
pub trait CommitListener {
    /// There are committed events to publish.
    fn events_committed(&self);

    /// A commit has changed the seats of a flight. `state`: the seats after it. `holds`: the ends of the holds that it
    /// has made or changed; `None`: there are none.
    fn seats_changed(&self, state: SeatsState, holds: Option<HoldExpiries>);

    /// A commit has changed the ends of holds of a flight, but no seats.
    fn holds_changed(&self, flight: FlightId, holds: HoldExpiries);

    /// The seats of a flight may have changed: the answer of a commit was lost.
    fn invalidate(&self, flight: FlightId);
}

impl<T: CommitListener + ?Sized> CommitListener for std::sync::Arc<T> {
    fn events_committed(&self) {
        (**self).events_committed();
    }

    fn seats_changed(&self, state: SeatsState, holds: Option<HoldExpiries>) {
        (**self).seats_changed(state, holds);
    }

    fn holds_changed(&self, flight: FlightId, holds: HoldExpiries) {
        (**self).holds_changed(flight, holds);
    }

    fn invalidate(&self, flight: FlightId) {
        (**self).invalidate(flight);
    }
}
