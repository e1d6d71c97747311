//! What the replay of the simulation on PostgreSQL needs of the store. Services have no use for it.

pub use crate::store::{codes::StoredCode, flight_cache::FlightCache, ledger_store::PostgresLedgerStore};

use crate::store::{
    bookings, disruptions,
    errors::{pool_error, store_error},
    flight_updates, flights, keys, passengers, presented, refunds,
    schema::refunds as refunds_table,
    transaction, unsettled_payments, write_set,
};
use booking_engine::{
    booking::{disruption::PendingDisruption, idempotency::Key},
    inventory::seat_inventory::SeatSnapshot,
    ledger::{
        decision::{BatchDecision, CommittedBatch},
        rows::KnownKey,
    },
    saga::settlement::{UnsettledPayment, UnsettledRefund},
    store_error::{StoreError, StoreResult},
};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::{ExpressionMethods, QueryDsl};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use shared::{
    db::{DatabaseConfig, DbError},
    events::{BookingState, FlightState},
    ids::{BookingId, FlightId, PaymentId},
    outbox,
};
use uuid::Uuid;

fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The schema in which a superuser has put the clock: the statements of the store see it before PostgreSQL's own.
async fn with_clock(mut connection: &AsyncPgConnection, schema: &str) -> StoreResult<()> {
    let settings = format!("SET search_path = clock, {schema}, pg_catalog; SET lock_timeout = 0");
    connection.batch_execute(&settings).await.map_err(store_error)
}

/// A connection whose clock is put in from outside.
///
/// # Errors
/// Those of the database.
pub async fn connect(database: &DatabaseConfig) -> StoreResult<AsyncPgConnection> {
    let connection = database.connect().await;
    let connection = connection.map_err(|error| pool_error(DbError::Unavailable(error.into())))?;
    with_clock(&connection, &database.schema).await?;
    Ok(connection)
}

/// A ledger's store, connected, whose clock is put in from outside.
///
/// # Errors
/// Those of the database.
pub async fn ledger_store(
    database: &DatabaseConfig,
    flights: &FlightCache,
) -> StoreResult<PostgresLedgerStore> {
    use booking_engine::ports::LedgerStore;
    let mut store = PostgresLedgerStore::new(database.clone(), flights.clone());
    store.connect().await?;
    with_clock(connection(&store)?, &database.schema).await?;
    Ok(store)
}

/// A cache with the states of at most `flights` flights.
#[must_use]
pub fn flight_cache(flights: u64) -> FlightCache {
    FlightCache::new(flights)
}

/// The connection of a ledger's store.
///
/// # Errors
/// There is none.
pub fn connection(store: &PostgresLedgerStore) -> Result<&AsyncPgConnection, StoreError> {
    store.connection()
}

/// Puts the clock in.
///
/// # Errors
/// Those of the database.
pub async fn set_clock(mut connection: &AsyncPgConnection, clock: DateTime<Utc>) -> StoreResult<()> {
    let clock = clock.format("%Y-%m-%d %H:%M:%S%.6f+00");
    connection.batch_execute(&format!("SET simulation.now = '{clock}'")).await.map_err(store_error)
}

/// Writes the rows of a decision.
///
/// # Errors
/// Those of the database.
pub async fn write(store: &PostgresLedgerStore, decision: &BatchDecision<'_>) -> StoreResult<()> {
    write_set::write(store.connection()?, &decision.write_set()).await.map_err(store_error)
}

/// Writes the events of a decision.
///
/// # Errors
/// Those of the database.
pub async fn append_events(store: &PostgresLedgerStore, decision: &BatchDecision<'_>) -> StoreResult<()> {
    outbox::append(store.connection()?, &decision.events()).await.map_err(store_error)
}

/// Commits, and keeps what a ledger keeps.
///
/// # Errors
/// Those of the database.
pub async fn commit(store: &PostgresLedgerStore, committed: &mut CommittedBatch) -> StoreResult<()> {
    transaction::commit_with(store.connection()?, &[]).await.map_err(store_error)?;
    store.keep(committed);
    Ok(())
}

/// Document numbers from the sequence.
///
/// # Errors
/// Those of the database.
pub async fn allocate_ticket_numbers(store: &PostgresLedgerStore, count: usize) -> StoreResult<Vec<i64>> {
    passengers::allocate_ticket_numbers(store.connection()?, count).await.map_err(store_error)
}

/// Stores the newest state of a flight.
///
/// # Errors
/// Those of the database; one that cannot be written as JSON.
pub async fn upsert_flight(connection: &AsyncPgConnection, state: &FlightState) -> StoreResult<()> {
    let json = serde_json::to_value(state)
        .map_err(|error| store_error(diesel::result::Error::SerializationError(error.into())))?;
    flight_updates::store(connection, &[(state.clone(), json)]).await.map(drop).map_err(store_error)
}

/// Reads the seats of a flight.
///
/// # Errors
/// Those of the database.
pub async fn read_seats(
    connection: &AsyncPgConnection,
    flight: FlightId,
) -> StoreResult<Option<SeatSnapshot>> {
    flights::read_seats(connection, flight).await.map_err(store_error)
}

/// Reads a booking as it is shown.
///
/// # Errors
/// Those of the database.
pub async fn read_booking(
    connection: &mut AsyncPgConnection,
    flights: &FlightCache,
    booking: BookingId,
) -> StoreResult<Option<BookingState>> {
    let found = presented::find(connection, flights, booking).await.map_err(store_error)?;
    Ok(found.map(|(_, state)| state))
}

/// Looks a key up.
///
/// # Errors
/// Those of the database.
pub async fn find_key(connection: &AsyncPgConnection, key: &Key) -> StoreResult<Option<KnownKey>> {
    keys::find(connection, key).await.map_err(store_error)
}

/// Holds whose time is over.
///
/// # Errors
/// Those of the database.
pub async fn ended_holds(
    connection: &AsyncPgConnection,
    limit: usize,
) -> StoreResult<Vec<(BookingId, FlightId)>> {
    bookings::ended(connection, limit_of(limit)).await.map_err(store_error)
}

/// Removes keys that are too old; gives how many.
///
/// # Errors
/// Those of the database.
pub async fn clean_keys(connection: &AsyncPgConnection) -> StoreResult<usize> {
    keys::clean(connection, 1_000_000).await.map_err(store_error)
}

/// Takes unsettled payments in hand.
///
/// # Errors
/// Those of the database.
pub async fn take_payments(
    connection: &AsyncPgConnection,
    idle: TimeDelta,
    limit: usize,
) -> StoreResult<Vec<UnsettledPayment>> {
    unsettled_payments::take(connection, idle, limit_of(limit)).await.map_err(store_error)
}

/// Takes unsettled refunds in hand.
///
/// # Errors
/// Those of the database.
pub async fn take_refunds(
    connection: &AsyncPgConnection,
    idle: TimeDelta,
    limit: usize,
) -> StoreResult<Vec<UnsettledRefund>> {
    refunds::take_unsettled(connection, idle, limit_of(limit)).await.map_err(store_error)
}

/// Changes of flights that bookings have yet to follow.
///
/// # Errors
/// Those of the database.
pub async fn pending_disruptions(
    connection: &AsyncPgConnection,
    after: Option<FlightId>,
    limit: usize,
) -> StoreResult<Vec<PendingDisruption>> {
    disruptions::pending(connection, after, limit_of(limit)).await.map_err(store_error)
}

/// The bookings with seats on a flight.
///
/// # Errors
/// Those of the database.
pub async fn bookings_on(connection: &AsyncPgConnection, flight: FlightId) -> StoreResult<Vec<BookingId>> {
    disruptions::bookings_on(connection, flight).await.map_err(store_error)
}

/// All bookings have followed a change.
///
/// # Errors
/// Those of the database.
pub async fn followed(connection: &AsyncPgConnection, change: PendingDisruption) -> StoreResult<()> {
    disruptions::done(connection, change).await.map_err(store_error)
}

/// A payment is settled.
///
/// # Errors
/// Those of the database.
pub async fn settle_payment(connection: &AsyncPgConnection, payment: PaymentId) -> StoreResult<()> {
    unsettled_payments::mark_settled(connection, vec![payment.0]).await.map_err(store_error)
}

/// The refunds of a payment are settled: they draw their own ids.
///
/// # Errors
/// Those of the database.
pub async fn settle_refunds(connection: &AsyncPgConnection, payment: PaymentId) -> StoreResult<()> {
    let own = refunds_table::table.filter(refunds_table::payment_id.eq(payment.0)).select(refunds_table::id);
    let ids: Vec<Uuid> = own.load(&mut &*connection).await.map_err(store_error)?;
    refunds::mark_settled(connection, &ids).await.map_err(store_error)
}
