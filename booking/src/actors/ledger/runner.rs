//! Runs batches on the ledger's own connection, and finds out what became of those whose connection
//! was lost.

use super::{
    batch::{self, Item, Setting, Verdict, Written},
    command::{Envelope, LedgerError},
    lots::{Found, Lot},
    memory::Memory,
    postgres::PostgresTables,
    replanning::Replanning,
    tables::Tables,
};
use crate::{
    actors::directory::Directory,
    kill_points::{self, Moment},
    store::{self, flight_cache::FlightCache, transaction},
};
use chrono::{DateTime, TimeDelta, Utc};
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
    ids::BookingId,
    outbox::RelayHandle,
};
use std::{collections::HashMap, time::Duration};
use tokio::time::{Instant, timeout};

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a transaction may take as a whole. After this nobody waits for it any more, but everybody whose
/// flights are in the same ledger waits behind it: it is given up with its connection.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(5);

/// What a ledger needs to run batches.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) database: DatabaseConfig,
    pub(crate) flights: FlightCache,
    pub(crate) relay: RelayHandle,
    pub(crate) directory: Directory,
    /// How long a payment prolongs its hold.
    pub(crate) settle: TimeDelta,
}

/// A process of the server behind a connection; the pair is never used twice.
#[derive(Clone, QueryableByName)]
struct Backend {
    #[diesel(sql_type = Integer)]
    pid: i32,
    #[diesel(sql_type = Timestamptz)]
    backend_start: DateTime<Utc>,
}

/// Why a transaction had no effect, or may have had.
#[derive(Debug)]
enum Failure {
    /// It was rolled back.
    Refused(Error),
    /// The connection is gone: whether it was committed has to be found out.
    Lost(Error),
}

/// The connection and what is done with it.
pub(super) struct Runner {
    means: Means,
    memory: Memory,
    connection: Option<(AsyncPgConnection, Backend)>,
    /// The one before, where it was lost: what it was doing may still be going on.
    lost: Option<Backend>,
    /// No connection is tried before this: the last try has failed.
    retry_at: Option<Instant>,
    /// A batch is in hand. Found set at the beginning of one: the one before was broken off.
    busy: bool,
    replanning: Replanning,
}

impl Runner {
    pub(super) fn new(means: Means) -> Self {
        Self {
            means,
            memory: Memory::default(),
            connection: None,
            lost: None,
            retry_at: None,
            busy: false,
            replanning: Replanning::default(),
        }
    }

    /// Carries out commands and answers them; gives back those that are to be tried again.
    pub(super) async fn process(&mut self, envelopes: Vec<Envelope>) -> Vec<Envelope> {
        if std::mem::replace(&mut self.busy, true) {
            self.broken_off();
        }
        let returned = self.process_lots(envelopes).await;
        self.busy = false;
        returned
    }

    /// A batch has ended midway, with its arbiter or by a panic. What it was doing may still be going on:
    /// its connection is as lost as one that broke. Who asks again finds what became of it.
    fn broken_off(&mut self) {
        tracing::warn!("A batch of the ledger was broken off");
        self.lose_connection();
        self.memory = Memory::default();
        // What it may have committed was told to nobody here; the bus tells it.
        self.means.relay.nudge();
    }

    fn lose_connection(&mut self) {
        if let Some((_, backend)) = self.connection.take() {
            self.lost = Some(backend);
            self.memory.forget();
        }
    }

    async fn process_lots(&mut self, envelopes: Vec<Envelope>) -> Vec<Envelope> {
        let mut lots = Lot::all(envelopes);
        let mut returned = Vec::new();
        while let Some(lot) = lots.pop() {
            let lot = lot.in_time(Instant::now());
            if lot.envelopes.is_empty() {
                continue;
            }
            if let Err(error) = self.connect().await {
                tracing::warn!(%error, "The ledger has no database");
                lot.answer(&Err(LedgerError::Unavailable));
                continue;
            }
            let transaction = timeout(TRANSACTION_TIMEOUT, self.transact(&lot.envelopes)).await;
            // Dropped midway: the connection is given up with it.
            match transaction.unwrap_or_else(|_| Err(Failure::Lost(unavailable("the database is silent")))) {
                Ok(written) => returned.extend(self.tell(lot.envelopes, written)),
                Err(Failure::Refused(error)) => {
                    if matches!(error, Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) {
                        // Perhaps of a seat that was believed to be free: what is kept was wrong.
                        self.memory.forget_seats();
                    }
                    returned.extend(lot.split(&mut lots, &error));
                }
                Err(Failure::Lost(error)) => {
                    tracing::warn!(%error, ledger.commands = lot.envelopes.len(), "The ledger lost its connection");
                    self.lose_connection();
                    lots.extend(self.resolve(lot).await);
                }
            }
        }
        returned
    }

    /// Answers after the commit: allocators first, so that whoever has an answer finds them informed.
    fn tell(&self, envelopes: Vec<Envelope>, written: Written) -> Vec<Envelope> {
        if written.tells {
            self.means.relay.nudge();
        }
        self.memory.keep_seats(written.seats.iter().cloned());
        let mut holds = written.holds;
        for state in written.seats {
            let holds = holds.remove(&state.flight_id);
            self.means.directory.seats_changed(state, holds);
        }
        holds.into_iter().for_each(|(flight, holds)| self.means.directory.holds_changed(flight, holds));
        written.purchases.into_iter().for_each(|booking| self.memory.keep(booking));
        let mut again = Vec::new();
        for (envelope, verdict) in envelopes.into_iter().zip(written.verdicts) {
            match verdict {
                Verdict::Answer(outcome) => envelope.answer(Ok(outcome)),
                Verdict::Again(stale) => again.push(envelope.again(stale)),
            }
        }
        again
    }

    /// Opens the connection where there is none. After a loss it makes sure that the old one is dead:
    /// then what is not committed never will be.
    async fn connect(&mut self) -> Result<(), Error> {
        if self.connection.is_some() {
            return Ok(());
        }
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return Err(unavailable("the last try has just failed"));
        }
        let opened = timeout(CONNECT_TIMEOUT, open(&self.means.database, self.lost.as_ref())).await;
        match opened.unwrap_or_else(|_| Err(unavailable("opening a connection takes too long"))) {
            Ok(connection) => {
                self.connection = Some(connection);
                (self.lost, self.retry_at) = (None, None);
                self.replanning = Replanning::default();
                Ok(())
            }
            Err(error) => {
                // Commands meanwhile are answered at once: that is the back-pressure of an outage.
                self.retry_at = Some(Instant::now() + Duration::from_millis(100));
                Err(error)
            }
        }
    }

    async fn transact(&mut self, envelopes: &[Envelope]) -> Result<Written, Failure> {
        let Some((connection, _)) = &mut self.connection else { return Err(Failure::Lost(Error::NotFound)) };
        let items: Vec<Item<'_>> =
            envelopes.iter().map(|envelope| (&envelope.command, envelope.trace)).collect();
        let started = Instant::now();
        let setting = Setting { settle: self.means.settle, begins: started.into_std() };
        let (connection, replans) = (&*connection, self.replanning.is_due());
        let mut tables = PostgresTables { connection, flights: &self.means.flights, memory: &self.memory };
        // Begins with the first questions, and ends with the rows: nobody waits for these answers alone.
        let decided = try_join3(
            transaction::plan_anew(connection, replans),
            transaction::begin(connection),
            batch::decide(&mut tables, &items, setting),
        );
        let ended = match decided.await {
            Ok(((), (), decision)) => {
                kill_points::commit(Moment::Before, items.iter().map(|(command, _)| *command));
                let writes = decision.writes();
                let commit = async {
                    // The rows are on their way, and the database works on them while the events are written.
                    tokio::task::yield_now().await;
                    transaction::commit_with(connection, &decision.events()).await
                };
                let ended = try_join(tables.store(&writes), commit).await;
                ended.map(|((), ())| decision.written())
            }
            Err(error) => Err(error),
        };
        match ended {
            Ok(written) => {
                kill_points::commit(Moment::After, items.iter().map(|(command, _)| *command));
                metrics::histogram!("ledger_batch_commands").record(len(&items));
                metrics::histogram!("ledger_batch_seconds").record(started.elapsed().as_secs_f64());
                Ok(written)
            }
            // Only a connection that still answers has certainly rolled back.
            Err(error) => Err(match transaction::roll_back(connection).await {
                Ok(()) => Failure::Refused(error),
                Err(_) => Failure::Lost(error),
            }),
        }
    }

    /// Finds out which commands of a lost transaction were committed, and answers these. The others
    /// are tried again.
    async fn resolve(&mut self, lot: Lot) -> Option<Lot> {
        let found = match self.connect().await {
            Ok(()) => {
                let read = timeout(TRANSACTION_TIMEOUT, self.read_back(&lot.envelopes)).await;
                read.unwrap_or_else(|_| Err(unavailable("the database is silent")))
            }
            Err(error) => Err(error),
        };
        if found.is_err() {
            self.lose_connection();
        }
        let rest = lot.resolve(found.as_ref().ok(), |booking| {
            booking.segments.iter().for_each(|segment| self.means.directory.seats_unknown(segment.flight_id));
        });
        self.means.relay.nudge();
        rest
    }

    async fn read_back(&mut self, envelopes: &[Envelope]) -> QueryResult<HashMap<BookingId, Found>> {
        let Some((connection, _)) = &mut self.connection else { return Ok(HashMap::new()) };
        let ids: Vec<_> = envelopes.iter().map(|envelope| envelope.command.booking().0).collect();
        let bookings = store::bookings::load(connection, &ids).await?;
        let presented = store::presented::present(connection, &self.means.flights, bookings).await?;
        Ok(presented.into_iter().map(|(booking, state)| (booking.id, (booking, state.into()))).collect())
    }
}

fn unavailable(reason: &str) -> Error {
    Error::DatabaseError(DatabaseErrorKind::UnableToSendCommand, Box::new(reason.to_owned()))
}

async fn open(config: &DatabaseConfig, lost: Option<&Backend>) -> QueryResult<(AsyncPgConnection, Backend)> {
    let connected = config.planned(Plans::ByKeys).connect().await;
    let mut connection = connected.map_err(|error| unavailable(&error.to_string()))?;
    // Whoever waits longer for a lock is better off in a batch of its own.
    diesel::sql_query("SET lock_timeout = '200ms'").execute(&mut connection).await?;
    if let Some(lost) = lost {
        bury(&mut connection, lost).await?;
    }
    let own = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()";
    let backend = diesel::sql_query(own).get_result(&mut connection).await?;
    Ok((connection, backend))
}

#[derive(QueryableByName)]
struct Dead {
    #[diesel(sql_type = Bool)]
    dead: bool,
}

/// Ends the server's process of a lost connection, and waits until it is gone.
async fn bury(connection: &mut AsyncPgConnection, lost: &Backend) -> QueryResult<()> {
    let query = "SELECT coalesce(bool_and(pg_terminate_backend(pid, 1000)), true) AS dead \
                 FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2";
    let query =
        diesel::sql_query(query).bind::<Integer, _>(lost.pid).bind::<Timestamptz, _>(lost.backend_start);
    let Dead { dead } = query.get_result(connection).await?;
    if dead { Ok(()) } else { Err(unavailable("the process of the lost connection does not end")) }
}

#[expect(clippy::cast_precision_loss, reason = "a batch has some hundred commands")]
fn len(items: &[Item<'_>]) -> f64 {
    items.len() as f64
}

#[cfg(test)]
impl Runner {
    /// The server's process behind the connection.
    pub(super) fn backend_for_test(&self) -> Option<i32> {
        self.connection.as_ref().map(|(_, backend)| backend.pid)
    }

    /// Runs a statement on the connection.
    pub(super) async fn run_for_test(&mut self, statement: &str) {
        let Some((connection, _)) = &mut self.connection else { panic!("no connection yet") };
        diesel::sql_query(statement).execute(connection).await.unwrap();
    }

    /// Treats commands as those of a lost connection; gives how many are left to be tried again.
    pub(super) async fn resolve_for_test(&mut self, envelopes: Vec<Envelope>) -> usize {
        let rest = self.resolve(Lot::new(envelopes)).await;
        rest.map_or(0, |lot| lot.envelopes.len())
    }
}
