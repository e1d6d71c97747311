//! Runs batches on the ledger's own connection, and finds out what became of those whose connection
//! was lost.

use super::{
    batch::{self, Item, Setting, Verdict, Written},
    command::{Command, Envelope, LedgerError, Outcome},
    postgres::PostgresTables,
};
use crate::{
    actors::directory::Directory,
    domain::booking::Booking,
    kill_points::{self, Moment},
    store::{self, flight_cache::FlightCache},
};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    QueryResult,
    prelude::QueryableByName,
    result::{DatabaseErrorKind, Error},
    sql_types::{Bool, Integer, Timestamptz},
};
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, TransactionManager};
use shared::{db::DatabaseConfig, events::BookingStatus, ids::BookingId, outbox::RelayHandle};
use std::{collections::HashMap, time::Duration};
use tokio::time::{Instant, timeout};

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a transaction may take as a whole. Longer than PostgreSQL takes for a statement: what is
/// over after this has no answer to wait for.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(20);
/// How often a lot of commands may lose its connection before it is given up.
const LOSSES: u32 = 2;

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

/// Commands that share a transaction.
struct Lot {
    envelopes: Vec<Envelope>,
    /// Whether it failed before as a whole.
    again: bool,
    losses: u32,
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
    connection: Option<(AsyncPgConnection, Backend)>,
    /// The one before, where it was lost: what it was doing may still be going on.
    lost: Option<Backend>,
    /// No connection is tried before this: the last try has failed.
    retry_at: Option<Instant>,
}

impl Runner {
    pub(super) fn new(means: Means) -> Self {
        Self { means, connection: None, lost: None, retry_at: None }
    }

    /// Carries out commands and answers them; gives back those that are to be tried again.
    pub(super) async fn process(&mut self, envelopes: Vec<Envelope>) -> Vec<Envelope> {
        let mut lots = vec![Lot { envelopes, again: false, losses: 0 }];
        let mut returned = Vec::new();
        while let Some(mut lot) = lots.pop() {
            lot.envelopes = in_time(lot.envelopes);
            if lot.envelopes.is_empty() {
                continue;
            }
            if let Err(error) = self.connect().await {
                tracing::warn!(%error, "The ledger has no database");
                lot.envelopes.into_iter().for_each(|envelope| envelope.answer(Err(LedgerError::Unavailable)));
                continue;
            }
            let transaction = timeout(TRANSACTION_TIMEOUT, self.transact(&lot.envelopes)).await;
            // Dropped midway: the connection is given up with it.
            match transaction.unwrap_or_else(|_| Err(Failure::Lost(unavailable("the database is silent")))) {
                Ok(written) => returned.extend(self.tell(lot.envelopes, written)),
                Err(Failure::Refused(error)) => split(&mut lots, lot, &error),
                Err(Failure::Lost(error)) => {
                    tracing::warn!(%error, ledger.commands = lot.envelopes.len(), "The ledger lost its connection");
                    self.lost = self.connection.take().map(|(_, backend)| backend);
                    lots.extend(self.resolve(lot).await);
                }
            }
        }
        returned
    }

    /// Answers after the commit: allocators first, so that whoever has an answer finds them informed.
    fn tell(&self, envelopes: Vec<Envelope>, written: Written) -> Vec<Envelope> {
        if written.events {
            self.means.relay.nudge();
        }
        for state in written.seats {
            self.means.directory.seats_changed(state);
        }
        let mut again = Vec::new();
        for (envelope, verdict) in envelopes.into_iter().zip(written.verdicts) {
            match verdict {
                Verdict::Answer(outcome) => envelope.answer(Ok(outcome)),
                Verdict::Again => again.push(envelope),
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
        let setting = Setting { settle: self.means.settle };
        let started = Instant::now();
        AnsiTransactionManager::begin_transaction(connection).await.map_err(Failure::Lost)?;
        let mut tables = PostgresTables { connection, flights: &self.means.flights };
        let run = batch::run(&mut tables, &items, setting).await;
        let failed = match run {
            Ok(written) => {
                kill_points::commit(Moment::Before, items.iter().map(|(command, _)| *command));
                match AnsiTransactionManager::commit_transaction(connection).await {
                    Ok(()) => {
                        kill_points::commit(Moment::After, items.iter().map(|(command, _)| *command));
                        metrics::histogram!("ledger_batch_commands").record(len(&items));
                        metrics::histogram!("ledger_batch_seconds").record(started.elapsed().as_secs_f64());
                        return Ok(written);
                    }
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        // Only a connection that still answers has certainly rolled back.
        let alive = AnsiTransactionManager::rollback_transaction(connection).await;
        let alive = match alive {
            // The failed commit has rolled back already.
            Err(Error::NotInTransaction) => diesel::sql_query("SELECT 1").execute(connection).await.map(drop),
            other => other,
        };
        Err(if alive.is_ok() { Failure::Refused(failed) } else { Failure::Lost(failed) })
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
        if found.is_err()
            && let Some((_, backend)) = self.connection.take()
        {
            self.lost = Some(backend);
        }
        let found = match found {
            Ok(found) if lot.losses < LOSSES => found,
            Ok(_) | Err(_) => {
                // Whoever has a key finds out by it; the others by their list of bookings.
                lot.envelopes.into_iter().for_each(|envelope| envelope.answer(Err(LedgerError::Unavailable)));
                return None;
            }
        };
        let mut rest = Vec::new();
        for envelope in lot.envelopes {
            match found
                .get(&envelope.command.booking())
                .filter(|booking| has_effect(&envelope.command, &booking.0))
            {
                Some((booking, state)) => {
                    booking
                        .segments
                        .iter()
                        .for_each(|segment| self.means.directory.seats_unknown(segment.flight_id));
                    envelope.answer(Ok(Outcome::Done(state.clone())));
                }
                None => rest.push(envelope),
            }
        }
        self.means.relay.nudge();
        Some(Lot { envelopes: rest, again: true, losses: lot.losses + 1 })
    }

    async fn read_back(&mut self, envelopes: &[Envelope]) -> QueryResult<HashMap<BookingId, Found>> {
        let Some((connection, _)) = &mut self.connection else { return Ok(HashMap::new()) };
        let ids: Vec<_> = envelopes.iter().map(|envelope| envelope.command.booking().0).collect();
        let bookings = store::bookings::load(connection, &ids).await?;
        let presented = store::presented::present(connection, &self.means.flights, bookings).await?;
        Ok(presented.into_iter().map(|(booking, state)| (booking.id, (booking, Box::new(state)))).collect())
    }
}

type Found = (Booking, Box<shared::events::BookingState>);

/// Whether a booking shows that a command was committed. What has no trace of its own can be repeated.
fn has_effect(command: &Command, booking: &Booking) -> bool {
    match command {
        Command::Claim(_) => true,
        Command::Pay { payment, .. } => booking.payments.iter().any(|one| one.id == payment.id),
        Command::Cancel { .. } => booking.status == BookingStatus::Cancelled,
        _ => false,
    }
}

/// Refuses what is too late to be begun.
fn in_time(envelopes: Vec<Envelope>) -> Vec<Envelope> {
    let now = Instant::now();
    let (rest, late): (Vec<_>, Vec<_>) = envelopes.into_iter().partition(|envelope| envelope.deadline > now);
    late.into_iter().for_each(|envelope| envelope.answer(Err(LedgerError::Overloaded)));
    rest
}

/// A lot that failed is tried once more, unless its data are at fault, then in halves; a single
/// command that fails has failed by itself.
fn split(lots: &mut Vec<Lot>, mut lot: Lot, error: &Error) {
    let data = matches!(
        error,
        Error::DatabaseError(
            DatabaseErrorKind::UniqueViolation
                | DatabaseErrorKind::CheckViolation
                | DatabaseErrorKind::NotNullViolation
                | DatabaseErrorKind::ForeignKeyViolation,
            _
        ) | Error::SerializationError(_)
            | Error::DeserializationError(_)
    );
    tracing::warn!(%error, ledger.commands = lot.envelopes.len(), ledger.again = lot.again, "A batch of the ledger failed");
    if !data && !lot.again {
        lots.push(Lot { again: true, ..lot });
    } else if lot.envelopes.len() > 1 {
        let right = lot.envelopes.split_off(lot.envelopes.len() / 2);
        lots.push(Lot { envelopes: right, again: true, losses: lot.losses });
        lots.push(Lot { again: true, ..lot });
    } else {
        // Locked out for too long is no fault of the command.
        let busy = error.to_string().contains("lock timeout") || error.to_string().contains("deadlock");
        let answer = if busy { LedgerError::Overloaded } else { LedgerError::Internal };
        tracing::error!(%error, "A command of the ledger failed");
        lot.envelopes.into_iter().for_each(|envelope| envelope.answer(Err(answer)));
    }
}

fn unavailable(reason: &str) -> Error {
    Error::DatabaseError(DatabaseErrorKind::UnableToSendCommand, Box::new(reason.to_owned()))
}

async fn open(config: &DatabaseConfig, lost: Option<&Backend>) -> QueryResult<(AsyncPgConnection, Backend)> {
    let connected = config.connect().await;
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
    /// Treats commands as those of a lost connection; gives how many are left to be tried again.
    pub(super) async fn resolve_for_test(&mut self, envelopes: Vec<Envelope>) -> usize {
        let rest = self.resolve(Lot { envelopes, again: false, losses: 0 }).await;
        rest.map_or(0, |lot| lot.envelopes.len())
    }
}
