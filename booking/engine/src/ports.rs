//! What the engine needs of the world around it. The service gives it PostgreSQL, actors and clocks; the simulation
//! gives it models of them.

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
        command::{Answer, Command},
        decide::{BatchDecision, CommittedBatch},
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

    /// The wall clock, which may be wrong.
    fn utc(&self) -> DateTime<Utc>;

    /// Waits until the monotonic clock shows this instant.
    fn sleep_until(&self, instant: Instant) -> impl Future<Output = ()>;
}

/// What a clock waits for at most this long; `None`: it did not come in time.
pub async fn within<T>(clock: &impl Clock, time: Duration, work: impl Future<Output = T>) -> Option<T> {
    use futures_util::future::{Either, select};
    let late = std::pin::pin!(clock.sleep_until(clock.now() + time));
    match select(std::pin::pin!(work), late).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}

/// Where identifiers come from.
pub trait Ids {
    /// A fresh identifier, UUIDv7.
    fn uuid(&self) -> Uuid;

    /// A record locator, drawn by chance.
    fn locator(&self) -> Locator;
}

/// The unit of work of a ledger: a connection, and the transaction on it.
///
/// Errors are those of the database: the transaction is over with them.
#[expect(async_fn_in_trait, reason = "a ledger and its store live on one thread")]
pub trait LedgerStore {
    /// Opens the connection, if there is none. Afterwards nothing is committed any more of what a connection before it
    /// has left.
    async fn connect(&mut self) -> StoreResult<()>;

    /// Gives the connection up. Nobody knows what becomes of its transaction.
    fn disconnect(&mut self);

    /// Begins a transaction for these commands. Its future is polled before those of the transaction's questions, so
    /// it need not be waited for.
    async fn begin(&self, items: &[Item<'_>]) -> StoreResult<()>;

    /// Holds that have ended but stand in the way: of seats, or of travellers.
    async fn stale_holds(
        &self,
        seats: &[SeatRow],
        travellers: &[TravellerRow],
    ) -> StoreResult<Vec<StaleHold>>;

    /// Locks flights until the end of the transaction, reads what these locks protect, and only then the clock.
    /// Unknown flights and bookings are left out.
    async fn lock(&self, request: LockRequest<'_>) -> StoreResult<LockedSnapshot>;

    /// The states of flights at these versions or later.
    async fn flight_states(&self, versions: &[(FlightId, i64)]) -> StoreResult<Flights>;

    /// Binds keys to the bookings of their requests; gives the scopes of those that were free.
    async fn bind_keys(&self, wanted: &[(&Key, BookingId)]) -> StoreResult<HashSet<Vec<u8>>>;

    /// What is known of a key.
    async fn find_key(&self, key: &Key) -> StoreResult<Option<KnownKey>>;

    /// Releases keys whose requests had no effect.
    async fn release_keys(&self, scopes: &[&[u8]]) -> StoreResult<()>;

    /// Those of these passengers' keys that are taken, on flights that are locked.
    async fn taken_passengers(
        &self,
        asked: &[PassengerFlightKey],
    ) -> StoreResult<HashSet<PassengerFlightKey>>;

    /// Those of these locators that bookings have.
    async fn used_locators(&self, locators: &[Locator]) -> StoreResult<HashSet<Locator>>;

    /// A quote, if it is still kept.
    async fn find_quote(&self, id: QuoteId) -> StoreResult<Option<Quote>>;

    /// Document numbers for so many tickets, each given once and for all.
    async fn allocate_ticket_numbers(&self, count: usize) -> StoreResult<Vec<i64>>;

    /// Writes what was decided, the events last, and commits. Unique constraints stand behind every decision: an error
    /// where a seat, a passenger's key or a locator is somebody else's after all.
    async fn commit(&self, decision: BatchDecision<'_>) -> StoreResult<CommittedBatch>;

    /// Rolls the transaction back. An error means that the connection does not answer: whether the transaction was
    /// committed has to be found out.
    async fn roll_back(&self) -> StoreResult<()>;

    /// Bookings as they are stored, outside of a transaction.
    async fn read_back(&mut self, ids: &[BookingId]) -> StoreResult<HashMap<BookingId, FoundBooking>>;
}

/// How a command is submitted.
#[derive(Debug)]
pub struct SubmitTerms {
    /// It is not begun after this instant of the monotonic clock.
    pub deadline: Instant,
    /// The slot of an admitted claim.
    pub slot: Option<QueueSlot>,
}

impl SubmitTerms {
    /// For a command that needs no slot.
    pub fn by(deadline: Instant) -> Self {
        Self { deadline, slot: None }
    }
}

/// The ledgers of an instance.
#[expect(async_fn_in_trait, reason = "whoever submits stays on its thread")]
pub trait LedgerQueue {
    /// Carries out a command in the ledger of a flight: the lowest one of those it is about. The answer comes after the
    /// commit.
    ///
    /// # Errors
    /// Nothing was done, or what was done is found under the command's key or booking.
    async fn submit(&self, flight: FlightId, command: Command, terms: SubmitTerms) -> Answer;
}

/// Until when a request may wait for its first commit, and on whose behalf.
#[derive(Debug, Clone, Copy)]
pub struct RequestContext {
    /// By the monotonic clock.
    pub deadline: Instant,
    /// The network of the client, for limits of its own.
    pub client: IpAddr,
}

impl RequestContext {
    /// For work of our own, with an address that no client has.
    pub fn of_our_own(deadline: Instant) -> Self {
        Self { deadline, client: IpAddr::V4(Ipv4Addr::UNSPECIFIED) }
    }
}

/// Why a flight is not found.
#[derive(Debug, Clone)]
pub enum FlightError {
    /// There is no such flight.
    Unknown,
    /// The store cannot tell.
    Failed(StoreError),
    /// More is asked than can be done in time.
    Overloaded,
}

/// Why seats are not reserved.
#[derive(Debug)]
pub enum ReserveError {
    /// They cannot be had.
    Refused(Refusal),
    /// The store cannot tell.
    Failed(StoreError),
    /// More is asked than can be done in time.
    Overloaded,
}

/// The flights that are sold on an instance.
#[expect(async_fn_in_trait, reason = "a request stays on its thread")]
pub trait FlightInventory {
    /// A flight that was looked up.
    type Offer: FlightOffer;

    /// A flight as the inventory knows it.
    async fn offer(&self, id: FlightId, context: RequestContext) -> Result<Self::Offer, FlightError>;

    /// A flight as the database has it now.
    async fn reload(&self, id: FlightId, context: RequestContext) -> Result<Self::Offer, FlightError>;

    /// The seats of a flight may have changed.
    fn invalidate(&self, id: FlightId);
}

/// A flight that was looked up, and of which seats can be reserved.
#[expect(async_fn_in_trait, reason = "a request stays on its thread")]
pub trait FlightOffer {
    /// Keeps seats from other requests; they are free again when it is dropped.
    type Reservation;

    /// The flight as it is known now.
    fn flight(&self) -> Flight;

    /// Reserves seats until the deadline, or until the reservation is dropped.
    async fn reserve(
        &self,
        request: &SeatRequest,
        context: RequestContext,
    ) -> Result<(SeatGrant, Self::Reservation), ReserveError>;
}

/// The payment desk of an instance.
#[expect(async_fn_in_trait, reason = "a request stays on its thread")]
pub trait Payments {
    /// The right to have a payment carried out; it is given back when it is dropped.
    type Admission;

    /// Admits a payment.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    fn admit(&self) -> Result<Self::Admission, NotAdmitted>;

    /// Carries a payment as far as it comes while the traveller waits.
    async fn charge(&self, charge: Charge, admission: Self::Admission) -> ChargeOutcome;

    /// There is a refund to be settled.
    fn nudge(&self);
}

/// The provider could not be asked, or did not say; whether it did something is not known.
#[derive(Debug, thiserror::Error)]
#[error("the payment provider has not answered as it should: {0}")]
pub struct ProviderError(pub String);

/// The answer of a provider.
pub type ProviderReply<'a, T> = LocalBoxFuture<'a, Result<T, ProviderError>>;

/// A payment provider.
///
/// Every call names the payment by our id, and repeating a call has no further effect: that is what makes the saga safe
/// to resume. A call may fail, or not answer at all; then nothing is known.
pub trait PaymentProvider {
    /// Whether a token is one of the provider's; others are refused before anything is done.
    fn knows(&self, token: &str) -> bool;

    /// Whether the provider answers at all: asked when payments were not answered.
    fn answers(&self) -> ProviderReply<'_, ()>;

    /// Reserves money, unless this payment was voided before. May never answer.
    fn authorise(
        &self,
        payment: PaymentId,
        amount: i64,
        token: String,
    ) -> ProviderReply<'_, ProviderDecision>;

    /// What was decided; `None` where nothing was reserved, and nothing refused.
    fn find(&self, payment: PaymentId) -> ProviderReply<'_, Option<ProviderDecision>>;

    /// Takes reserved money.
    fn capture(&self, payment: PaymentId, amount: i64) -> ProviderReply<'_, ()>;

    /// Gives up reserved money; and sees to it that nothing is reserved under this id any more.
    fn void(&self, payment: PaymentId, amount: i64) -> ProviderReply<'_, ()>;

    /// Gives back taken money.
    fn refund(&self, payment: PaymentId, refund: RefundId, amount: i64) -> ProviderReply<'_, ()>;
}

/// The queues of payments and refunds of which something is still to be asked of the provider.
#[expect(async_fn_in_trait, reason = "a saga stays on its thread")]
pub trait SettlementStore {
    /// Takes payments in hand that nobody has had in hand for this long, so many at most.
    async fn take_payments(&self, idle: TimeDelta, limit: usize) -> StoreResult<Vec<UnsettledPayment>>;

    /// The same of refunds.
    async fn take_refunds(&self, idle: TimeDelta, limit: usize) -> StoreResult<Vec<UnsettledRefund>>;

    /// The provider has captured, or voided, a payment. It may be written later: if it is lost, the provider is asked the
    /// same again, without effect.
    async fn mark_settled(&self, payment: PaymentId) -> StoreResult<()>;

    /// The provider has given money back.
    async fn mark_refunded(&self, refund: &UnsettledRefund) -> StoreResult<()>;
}

/// The stored idempotency keys, outside of a ledger's transaction.
#[expect(async_fn_in_trait, reason = "a request stays on its thread")]
pub trait KeyLookup {
    /// What is known of a key, if that is found out before the deadline.
    async fn find_key(&self, key: &Key, deadline: Instant) -> StoreResult<Option<KnownKey>>;
}

/// A booking that was read back, as it is stored and as it is shown.
pub type FoundBooking = (Booking, crate::booking::presentation::ShownBooking);

/// Those who follow what a ledger commits, on its instance.
pub trait CommitListener {
    /// Events were committed that are to be published.
    fn events_committed(&self);

    /// The seats of a flight after a commit, and the holds that it has made or changed.
    fn seats_changed(&self, state: SeatsState, holds: Option<HoldExpiries>);

    /// Holds as a commit has left them that has changed nobody's seats.
    fn holds_changed(&self, flight: FlightId, holds: HoldExpiries);

    /// A commit whose answer was lost may have changed the seats of a flight.
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
