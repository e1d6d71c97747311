//! The ledger's store in PostgreSQL: a connection of its own, and the transaction on it.
//!
//! Statements that do not need each other's answers are sent at once (`try_join`). They travel together and run in the
//! order in which they are written here, since their futures are polled in that order. On a busy machine each wait for
//! an answer costs more than the statement itself.

use super::{
    batch_read::{self, BatchRead, BatchReadRequest},
    bookings,
    errors::store_error,
    flight_cache::FlightCache,
    flights, keys, passengers, presented, quotes,
    replanning::Replanning,
    seats, transaction, travellers, unverified_holds, write_set,
};
use crate::kill_points::{self, CommitPoint};
use booking_engine::{
    booking::{
        idempotency::Key,
        locator::Locator,
        record::{Booking, Flights},
    },
    ledger::{
        cache::LedgerCache,
        decision::{BatchDecision, CommittedBatch},
        rows::{KnownKey, LockedFlight, PassengerFlightKey, SeatRow, StaleHold, TravellerRow},
        snapshot::{LockRequest, LockedSnapshot},
        work::Item,
    },
    payment::quote::{Quote, QuoteId},
    ports::{LedgerStore, LoadedBooking},
    store_error::{StoreError, StoreFault, StoreResult},
};
use chrono::{DateTime, Utc};
use diesel::{
    QueryResult,
    prelude::QueryableByName,
    result::{DatabaseErrorKind, Error},
    sql_types::{Bool, Integer, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::{try_join, try_join3};
use shared::{
    db::{DatabaseConfig, Plans},
    ids::{BookingId, FlightId},
};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Duration,
};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// After a connection could not be opened, none is tried for this long. Commands meanwhile are answered at once: that
/// is the back-pressure of an outage.
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);

/// Batches for which a ledger does not trust its seats after it was wrong.
const RIVALLED: u32 = 64;

/// A process of the server behind a connection; the pair is never used twice.
#[derive(Clone, QueryableByName)]
struct Backend {
    #[diesel(sql_type = Integer)]
    pid: i32,
    #[diesel(sql_type = Timestamptz)]
    backend_start: DateTime<Utc>,
}

/// See the module.
pub struct PostgresLedgerStore {
    database: DatabaseConfig,
    flights: FlightCache,
    cache: LedgerCache,
    connection: Option<(AsyncPgConnection, Backend)>,
    /// The backend of a lost connection: its last statement may still run.
    lost: Option<Backend>,
    /// No connection is tried before this: the last try has failed.
    retry_at: Option<Instant>,
    /// Batches that still read the seats of all flights anew where they have changed: another instance sells, too.
    rivalled: Cell<u32>,
    replanning: RefCell<Replanning>,
    /// When the transaction began.
    began: Cell<Instant>,
}

impl PostgresLedgerStore {
    /// A store without a connection yet.
    pub(crate) fn new(database: DatabaseConfig, flights: FlightCache) -> Self {
        Self {
            database,
            flights,
            cache: LedgerCache::default(),
            connection: None,
            lost: None,
            retry_at: None,
            rivalled: Cell::new(0),
            replanning: RefCell::default(),
            began: Cell::new(Instant::now()),
        }
    }

    pub(crate) fn connection(&self) -> StoreResult<&AsyncPgConnection> {
        let connection = self.connection.as_ref().map(|(connection, _)| connection);
        connection.ok_or_else(|| StoreError::unavailable("there is no connection"))
    }

    /// Caches the commit.
    pub(crate) fn keep(&self, committed: &mut CommittedBatch) {
        self.cache.keep_seats(committed.seats.iter().cloned());
        committed.purchases.drain(..).for_each(|booking| self.cache.keep(booking));
    }

    async fn lock_and_read(
        &self,
        on: &AsyncPgConnection,
        request: LockRequest<'_>,
    ) -> QueryResult<LockedSnapshot> {
        let LockRequest { mut flights, bookings, limits, unverified, passengers, locators } = request;
        let kept = self.cache.take(bookings);
        flights.extend(kept.values().flat_map(Booking::flights));
        let unknown: Vec<Uuid> = bookings.iter().filter(|id| !kept.contains_key(id)).map(|id| id.0).collect();
        let seats = self.unknown_seats(&flights);
        let lock_flights = async {
            match unknown.is_empty() {
                true => flights::lock(on, flights).await,
                false => flights::lock_with(on, flights, unknown.clone()).await,
            }
        };
        let read = batch_read::read(on, BatchReadRequest { bookings, limits, seats, passengers, locators });
        // Nothing is sent for accounts where there are none.
        let lock_accounts = unverified_holds::lock(on, unverified);
        let count_held = unverified_holds::count(on, unverified);
        let locks = try_join(lock_flights, lock_accounts);
        let reads = try_join3(count_held, read, bookings::load(on, &unknown));
        let ((locked, ()), (held_unverified, found, mut bookings)) = try_join(locks, reads).await?;
        let (unchanged, changed): (Vec<_>, Vec<_>) =
            kept.into_values().partition(|kept| found.versions.get(&kept.id) == Some(&kept.version));
        bookings.extend(unchanged);
        let changed: Vec<Uuid> = changed.iter().map(|kept| kept.id.0).collect();
        bookings.extend(bookings::load(on, &changed).await?);
        check_locked(&bookings, &locked)?;
        let mut seats = found.seats;
        let versions = locked.iter().map(|(id, flight)| (*id, flight.seats_version));
        self.cache.add_seats(&mut seats, versions.clone());
        // Those of bookings that were not known, and those that another instance has changed.
        let missing: Vec<_> = versions.filter(|(id, _)| !seats.contains_key(id)).collect();
        if !missing.is_empty() {
            self.rivalled.set(RIVALLED);
        }
        seats.extend(seats::taken(on, &missing).await?);
        let BatchRead { held, passengers, used, now, .. } = found;
        Ok(LockedSnapshot { locked, seats, bookings, held, held_unverified, passengers, used, now })
    }

    /// The flights whose seats are read where they have other versions than these. None where those of all flights are
    /// kept and no other instance has changed any lately: the locked rows show whether what is kept is current, and a
    /// further read makes up for it.
    fn unknown_seats(&self, flights: &BTreeSet<FlightId>) -> Vec<(FlightId, i64)> {
        let versions = self.cache.seats_versions(flights);
        let rivalled = self.rivalled.get();
        self.rivalled.set(rivalled.saturating_sub(1));
        match rivalled == 0 && versions.iter().all(|(_, version)| *version >= 0) {
            true => Vec::new(),
            false => versions,
        }
    }

    async fn open(&self) -> QueryResult<(AsyncPgConnection, Backend)> {
        let connected = self.database.planned(Plans::ByKeys).connect().await;
        let mut connection = connected.map_err(|error| unavailable(&error.to_string()))?;
        // After a longer wait for a lock the commands are separated into sub-batches.
        diesel::sql_query("SET lock_timeout = '200ms'").execute(&mut connection).await?;
        if let Some(lost) = &self.lost {
            terminate_backend(&mut connection, lost).await?;
        }
        let own = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()";
        let backend = diesel::sql_query(own).get_result(&mut connection).await?;
        Ok((connection, backend))
    }
}

impl LedgerStore for PostgresLedgerStore {
    async fn connect(&mut self) -> StoreResult<()> {
        if self.connection.is_some() {
            return Ok(());
        }
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return Err(StoreError::unavailable("the last try has just failed"));
        }
        let opened = timeout(CONNECT_TIMEOUT, self.open()).await;
        match opened.unwrap_or_else(|_| Err(unavailable("opening a connection takes too long"))) {
            Ok(connection) => {
                self.connection = Some(connection);
                (self.lost, self.retry_at) = (None, None);
                self.replanning.take();
                Ok(())
            }
            Err(error) => {
                self.retry_at = Some(Instant::now() + RECONNECT_PAUSE);
                Err(StoreError::new(StoreFault::Unavailable, error))
            }
        }
    }

    fn disconnect(&mut self) {
        if let Some((_, backend)) = self.connection.take() {
            self.lost = Some(backend);
        }
        self.cache.forget();
    }

    async fn begin(&self, _: &[Item<'_>]) -> StoreResult<()> {
        self.began.set(Instant::now());
        let on = self.connection()?;
        let replans = self.replanning.borrow_mut().is_due();
        try_join(transaction::replan(on, replans), transaction::begin(on))
            .await
            .map(drop)
            .map_err(store_error)
    }

    async fn stale_holds(
        &self,
        seats: &[SeatRow],
        travellers: &[TravellerRow],
    ) -> StoreResult<Vec<StaleHold>> {
        seats::stale_holds(self.connection()?, seats, travellers).await.map_err(store_error)
    }

    async fn lock(&self, request: LockRequest<'_>) -> StoreResult<LockedSnapshot> {
        self.lock_and_read(self.connection()?, request).await.map_err(store_error)
    }

    async fn flight_states(&self, versions: &[(FlightId, i64)]) -> StoreResult<Flights> {
        let states = self.flights.at_versions(self.connection()?, versions.iter().copied());
        states.await.map_err(store_error)
    }

    async fn bind_keys(&self, wanted: &[(&Key, BookingId)]) -> StoreResult<HashSet<Vec<u8>>> {
        keys::bind(self.connection()?, wanted).await.map_err(store_error)
    }

    async fn find_key(&self, key: &Key) -> StoreResult<Option<KnownKey>> {
        keys::find(self.connection()?, key).await.map_err(store_error)
    }

    async fn release_keys(&self, scopes: &[&[u8]]) -> StoreResult<()> {
        keys::release(self.connection()?, scopes).await.map_err(store_error)
    }

    async fn taken_passengers(
        &self,
        asked: &[PassengerFlightKey],
    ) -> StoreResult<HashSet<PassengerFlightKey>> {
        travellers::taken(self.connection()?, asked).await.map_err(store_error)
    }

    async fn used_locators(&self, locators: &[Locator]) -> StoreResult<HashSet<Locator>> {
        bookings::used_locators(self.connection()?, locators).await.map_err(store_error)
    }

    async fn find_quote(&self, id: QuoteId) -> StoreResult<Option<Quote>> {
        quotes::find(self.connection()?, id).await.map_err(store_error)
    }

    async fn allocate_ticket_numbers(&self, count: usize) -> StoreResult<Vec<i64>> {
        let on = self.connection()?;
        let draw = async |count| passengers::allocate_ticket_numbers(on, count).await.map_err(store_error);
        self.cache.documents(count, draw).await
    }

    async fn commit(&self, decision: BatchDecision<'_>) -> StoreResult<CommittedBatch> {
        let on = self.connection()?;
        let commands = || decision.items.iter().map(|(command, _)| *command);
        kill_points::commit(CommitPoint::Before, commands());
        let writes = decision.write_set();
        let commit = async {
            // The rows are on their way, and the database works on them while the events are written.
            tokio::task::yield_now().await;
            transaction::commit_with(on, &decision.events()).await
        };
        match try_join(write_set::write(on, &writes), commit).await {
            Ok(((), ())) => {
                kill_points::commit(CommitPoint::After, commands());
                metrics::histogram!("ledger_batch_commands").record(number(decision.items.len()));
                metrics::histogram!("ledger_batch_seconds").record(self.began.get().elapsed().as_secs_f64());
                drop(writes);
                let mut committed = decision.committed();
                self.keep(&mut committed);
                Ok(committed)
            }
            Err(error) => {
                let error = store_error(error);
                if error.fault == StoreFault::Duplicate {
                    // A cached seat may have been wrong.
                    self.cache.forget_seats();
                }
                Err(error)
            }
        }
    }

    async fn roll_back(&self) -> StoreResult<()> {
        transaction::roll_back(self.connection()?).await.map_err(store_error)
    }

    async fn read_back(&mut self, ids: &[BookingId]) -> StoreResult<HashMap<BookingId, LoadedBooking>> {
        let Some((connection, _)) = &mut self.connection else {
            return Err(StoreError::unavailable("there is no connection"));
        };
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let bookings = bookings::load(connection, &ids).await.map_err(store_error)?;
        let presented = presented::present(connection, &self.flights, bookings).await.map_err(store_error)?;
        Ok(presented.into_iter().map(|(booking, state)| (booking.id, (booking, state.into()))).collect())
    }
}

/// A booking may have appeared between the read of its flights, which waits for locks, and the read of itself. Without
/// the locks of its flights nothing is decided; a retry finds them.
fn check_locked(bookings: &[Booking], locked: &BTreeMap<FlightId, LockedFlight>) -> QueryResult<()> {
    match bookings.iter().flat_map(Booking::flights).all(|flight| locked.contains_key(&flight)) {
        true => Ok(()),
        false => {
            let reason = "a booking has come whose flights are not locked".to_owned();
            Err(Error::DatabaseError(DatabaseErrorKind::SerializationFailure, Box::new(reason)))
        }
    }
}

fn unavailable(reason: &str) -> Error {
    Error::DatabaseError(DatabaseErrorKind::UnableToSendCommand, Box::new(reason.to_owned()))
}

#[derive(QueryableByName)]
struct Terminated {
    #[diesel(sql_type = Bool)]
    terminated: bool,
}

/// Terminates the backend of a lost connection, and waits until it is gone.
async fn terminate_backend(connection: &mut AsyncPgConnection, lost: &Backend) -> QueryResult<()> {
    let query = "SELECT coalesce(bool_and(pg_terminate_backend(pid, 1000)), true) AS terminated \
                 FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2";
    let query =
        diesel::sql_query(query).bind::<Integer, _>(lost.pid).bind::<Timestamptz, _>(lost.backend_start);
    let Terminated { terminated } = query.get_result(connection).await?;
    if terminated { Ok(()) } else { Err(unavailable("the backend of the lost connection does not end")) }
}

#[expect(clippy::cast_precision_loss, reason = "a batch has some hundred commands")]
fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
impl PostgresLedgerStore {
    /// The backend behind the connection.
    pub(crate) fn backend_for_test(&self) -> Option<i32> {
        self.connection.as_ref().map(|(_, backend)| backend.pid)
    }

    /// Runs a statement on the connection.
    pub(crate) async fn run_for_test(&mut self, statement: &str) {
        let Some((connection, _)) = &mut self.connection else { panic!("no connection yet") };
        diesel::sql_query(statement).execute(connection).await.unwrap();
    }
}
