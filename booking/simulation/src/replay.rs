//! The same deeds on PostgreSQL.
//!
//! What a run did to the model is done to a real database, through the real adapter: each transaction
//! begins, waits for its locks while others go on, aborts, commits or is lost where it was in the run.
//! The database's clock is put in from outside: `clock_timestamp()` is found in a schema of our own, so
//! every statement of `store` sees the clock that the model had. Each verdict and, at the end, every
//! row must be the same, so that the model is no kinder than the SQL.

use super::{
    Run,
    disruptions::CHANGES,
    instance::SHARDS,
    ledger::SETTLE,
    replay_rows,
    replay_tables::ReplayTables,
    tally::outcome,
    trace::{
        Batch, Deed, Trace, booking_read, bookings_in_order, disruptions, holds_ended, known, seats_read,
        unsettled, unsettled_refunds,
    },
    world::Fence,
};
use crate::{
    actors::ledger::{self},
    store::{self, flight_cache::FlightCache},
};
use booking_engine::ledger::{
    cache::Memory,
    decide::{Item, Setting, Written},
};
use chrono::{DateTime, Utc};
use diesel::{QueryResult, prelude::QueryableByName, sql_types::BigInt};
use diesel_async::{
    AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection, TransactionManager,
};
use futures_util::future::{Either, LocalBoxFuture, select};
use shared::db::DatabaseConfig;
use std::{collections::BTreeMap, rc::Rc};
use tokio::sync::oneshot;

/// What a superuser does to the database beforehand: the clock, and instants as numbers.
pub const CLOCK: [&str; 4] = [
    "CREATE SCHEMA clock",
    "CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ SELECT current_setting('simulation.now')::timestamptz $$",
    "CREATE FUNCTION clock.us(at timestamptz) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN isfinite(at) THEN (extract(epoch FROM at) * 1000000)::bigint::text ELSE '-' END $$",
    "GRANT USAGE ON SCHEMA clock TO PUBLIC",
];

/// What a replay has shown.
#[derive(Debug)]
pub struct Replay {
    /// Transactions that were carried out.
    pub batches: usize,
    /// Rows at the end.
    pub rows: usize,
    /// Where PostgreSQL did otherwise than the model, the first first.
    pub differences: Vec<String>,
    /// Seats that more than one live booking had in PostgreSQL, after the commit with the most.
    pub seats_sold_twice: i64,
}

/// Does what a recorded run did, with a promise that may be broken. Once: the recording is used up.
///
/// # Errors
/// Those of the database where nothing can go on.
pub async fn replay(run: &Run, database: &DatabaseConfig, fence: Fence) -> QueryResult<Replay> {
    let Some(trace) = run.world.trace.as_ref().map(std::cell::RefCell::take) else {
        return Err(diesel::result::Error::NotFound);
    };
    let mut stage = Stage::open(database, fence).await?;
    for deed in &trace.deeds {
        stage.carry_out(&trace, deed).await?;
    }
    let claimed = run.world.claimed.borrow().clone();
    let expected = replay_rows::of_model(&run.world.database.borrow().rows, &claimed);
    let found = replay_rows::of_postgres(&mut stage.free, &claimed).await?;
    for (table, lines) in &expected {
        let theirs = found.iter().find(|(other, _)| other == table).map_or(&[][..], |(_, lines)| lines);
        stage.compare(&format!("the rows of {table}"), lines, theirs);
    }
    stage.compare_events(&trace).await?;
    Ok(Replay {
        batches: stage.batches,
        rows: expected.iter().map(|(_, lines)| lines.len()).sum(),
        seats_sold_twice: stage.seats_sold_twice,
        differences: stage.differences,
    })
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct EventLine {
    #[diesel(sql_type = diesel::sql_types::Text)]
    line: String,
}

/// By the passengers of live bookings, apart from the table of seats.
async fn seats_sold_twice(connection: &mut AsyncPgConnection) -> QueryResult<i64> {
    let query = "SELECT count(*) AS count FROM (SELECT 1 FROM bookings b JOIN segments s ON s.booking_id = b.id JOIN passengers p ON p.booking_id = b.id WHERE b.status IN (0, 1) AND p.seats[s.position + 1] IS NOT NULL GROUP BY s.flight_id, p.seats[s.position + 1] HAVING count(*) > 1) AS twice";
    let Count { count } = diesel::sql_query(query).get_result(connection).await?;
    Ok(count)
}

/// What came of a transaction before its end.
type Ran = (AsyncPgConnection, QueryResult<Written>);

/// A transaction that waits for its locks, or has failed before.
enum Underway {
    Waiting { go: oneshot::Sender<()>, work: LocalBoxFuture<'static, Ran> },
    Over(Ran),
}

/// The connections, and what is going on.
struct Stage {
    /// For what is done outside of the ledgers.
    free: AsyncPgConnection,
    ledgers: BTreeMap<usize, AsyncPgConnection>,
    underway: BTreeMap<usize, Underway>,
    flights: FlightCache,
    /// Of each ledger.
    memories: BTreeMap<usize, Rc<Memory>>,
    fence: Fence,
    batches: usize,
    seats_sold_twice: i64,
    differences: Vec<String>,
}

async fn connect(database: &DatabaseConfig) -> QueryResult<AsyncPgConnection> {
    let failed = |error: diesel::ConnectionError| diesel::result::Error::QueryBuilderError(error.into());
    let mut connection = database.connect().await.map_err(failed)?;
    let path = format!("SET search_path = clock, {}, pg_catalog", database.schema);
    connection.batch_execute(&path).await?;
    Ok(connection)
}

/// Puts the clock in.
pub(super) async fn set_clock(mut connection: &AsyncPgConnection, clock: DateTime<Utc>) -> QueryResult<()> {
    let clock = clock.format("%Y-%m-%d %H:%M:%S%.6f+00");
    connection.batch_execute(&format!("SET simulation.now = '{clock}'")).await
}

impl Stage {
    async fn open(database: &DatabaseConfig, fence: Fence) -> QueryResult<Self> {
        let mut ledgers = BTreeMap::new();
        for ledger in 0..3 * SHARDS {
            ledgers.insert(ledger, connect(database).await?);
        }
        Ok(Self {
            free: connect(database).await?,
            ledgers,
            underway: BTreeMap::new(),
            flights: FlightCache::new(1000),
            memories: BTreeMap::new(),
            fence,
            batches: 0,
            seats_sold_twice: 0,
            differences: Vec::new(),
        })
    }

    fn compare(&mut self, what: &str, model: &[String], postgres: &[String]) {
        if model == postgres {
            return;
        }
        let missing: Vec<_> = model.iter().filter(|line| !postgres.contains(line)).take(3).collect();
        let more: Vec<_> = postgres.iter().filter(|line| !model.contains(line)).take(3).collect();
        self.differences.push(format!("{what}: the model has {missing:#?}, PostgreSQL has {more:#?}"));
    }

    async fn carry_out(&mut self, trace: &Trace, deed: &Deed) -> QueryResult<()> {
        match deed {
            Deed::Flight(state) => {
                let json = serde_json::to_value(&**state)
                    .map_err(|error| diesel::result::Error::SerializationError(error.into()))?;
                store::flights::upsert(&self.free, &[((**state).clone(), json)]).await?;
            }
            // Whoever ran it died before it had its locks: it has only read.
            Deed::Begin(number) if trace.batches[*number].abandoned => {}
            Deed::Begin(number) => self.begin(*number, &trace.batches[*number]).await?,
            Deed::Resume(number) => self.resume(*number, &trace.batches[*number]).await?,
            Deed::ReadSeats { flight, clock, said } => {
                set_clock(&self.free, *clock).await?;
                let read = store::flights::read_seats(&self.free, *flight).await?;
                let read = read.map_or_else(String::new, |read| seats_read(&read));
                self.compare("seats that were read", std::slice::from_ref(said), &[read]);
            }
            Deed::ReadBooking { booking, clock, said } => {
                set_clock(&self.free, *clock).await?;
                let read = store::presented::find(&mut self.free, &self.flights, *booking).await?;
                let read = read.map_or_else(String::new, |(_, state)| booking_read(&state));
                self.compare("a booking", std::slice::from_ref(said), &[read]);
            }
            Deed::FindKey { key, clock, said } => {
                set_clock(&self.free, *clock).await?;
                let found = store::keys::find(&self.free, key).await?;
                self.compare("a key", std::slice::from_ref(said), &[known(found.as_ref())]);
            }
            Deed::Reap { clock, limit, said, cleaned } => {
                set_clock(&self.free, *clock).await?;
                let limit = i64::try_from(*limit).unwrap_or(i64::MAX);
                let ended = store::bookings::ended(&self.free, limit).await?;
                self.compare("holds that have ended", said, &holds_ended(&ended));
                if let Some(cleaned) = cleaned {
                    let own = store::keys::clean(&self.free, 1_000_000).await?;
                    self.compare("keys cleaned away", &[cleaned.to_string()], &[own.to_string()]);
                }
            }
            Deed::Sweep { clock, idle, payments, refunds } => {
                set_clock(&self.free, *clock).await?;
                let own = store::unsettled_payments::take(&self.free, *idle, 64).await?;
                self.compare("payments that were taken up", payments, &unsettled(&own));
                let own = store::refunds::take_unsettled(&self.free, *idle, 64).await?;
                self.compare("refunds that were taken up", refunds, &unsettled_refunds(&own));
            }
            Deed::Disruptions { said } => {
                let limit = i64::try_from(CHANGES).unwrap_or(i64::MAX);
                let own = store::disruptions::pending(&self.free, None, limit).await?;
                self.compare("changes of flights", said, &disruptions(&own));
            }
            Deed::BookingsOn { flight, said } => {
                let own = store::disruptions::bookings_on(&self.free, *flight).await?;
                self.compare("bookings on a flight", said, &bookings_in_order(&own));
            }
            Deed::Followed(change) => store::disruptions::done(&self.free, *change).await?,
            Deed::SettlePayment { payment } => {
                store::unsettled_payments::settle(&self.free, vec![payment.0]).await?;
            }
            Deed::SettleRefund { payment } => {
                use crate::store::schema::refunds;
                use diesel::{ExpressionMethods, QueryDsl};
                let own = refunds::table.filter(refunds::payment_id.eq(payment.0)).select(refunds::id);
                let ids: Vec<uuid::Uuid> = own.load(&mut self.free).await?;
                store::refunds::settle(&self.free, &ids).await?;
            }
        }
        Ok(())
    }

    /// A transaction goes as far as its locks.
    async fn begin(&mut self, number: usize, batch: &Batch) -> QueryResult<()> {
        let Some(mut connection) = self.ledgers.remove(&batch.ledger) else {
            self.differences.push(format!("ledger {} runs two transactions", batch.ledger));
            return Ok(());
        };
        self.batches += 1;
        let (go, may_go) = oneshot::channel();
        let (at_locks, reached) = oneshot::channel();
        let memory = self.memories.entry(batch.ledger).or_default().clone();
        let (flights, batch, fence) = (self.flights.clone(), batch.clone(), self.fence);
        let work: LocalBoxFuture<'static, Ran> = Box::pin(async move {
            if let Err(error) = AnsiTransactionManager::begin_transaction(&mut connection).await {
                return (connection, Err(error));
            }
            let items: Vec<Item<'_>> = batch.commands.iter().map(|command| (command, None)).collect();
            let mut tables =
                ReplayTables::new(&connection, (&flights, &memory, fence), &batch, (at_locks, may_go));
            let setting = Setting { settle: SETTLE, begins: std::time::Instant::now() };
            let ran = ledger::carry_out(&mut tables, &items, setting).await;
            drop(tables);
            (connection, ran)
        });
        let underway = match select(reached, work).await {
            Either::Left((Ok(()), work)) => Underway::Waiting { go, work },
            Either::Left((Err(_), work)) => Underway::Over(work.await),
            Either::Right((ran, _)) => Underway::Over(ran),
        };
        self.underway.insert(number, underway);
        Ok(())
    }

    /// It gets its locks, and comes to the end that it came to on the model.
    async fn resume(&mut self, number: usize, batch: &Batch) -> QueryResult<()> {
        let (mut connection, ran) = match self.underway.remove(&number) {
            Some(Underway::Waiting { go, work }) => {
                // An error means that it does not wait, and is at its end.
                let _ = go.send(());
                work.await
            }
            Some(Underway::Over(ran)) => ran,
            None => return Ok(()),
        };
        let end = match (&ran, batch.committed) {
            (Ok(_), true) => AnsiTransactionManager::commit_transaction(&mut connection).await,
            _ => AnsiTransactionManager::rollback_transaction(&mut connection).await,
        };
        self.ledgers.insert(batch.ledger, connection);
        if let (Ok(written), true, Some(memory)) = (&ran, batch.committed, self.memories.get(&batch.ledger)) {
            written.purchases.iter().for_each(|booking| memory.keep(booking.clone()));
            memory.keep_seats(written.seats.iter().cloned());
        }
        if batch.committed {
            let twice = seats_sold_twice(&mut self.free).await?;
            self.seats_sold_twice = self.seats_sold_twice.max(twice);
        }
        let said: Vec<String> = match &ran {
            Ok(written) => written.verdicts.iter().map(outcome).collect(),
            Err(_) if batch.verdicts.is_none() => Vec::new(),
            Err(error) => vec![error.to_string()],
        };
        let what = format!("verdicts of transaction {number}");
        self.compare(&what, batch.verdicts.as_deref().unwrap_or_default(), &said);
        if let Err(error) = end {
            self.differences.push(format!("the end of transaction {number}: {error}"));
        }
        Ok(())
    }

    async fn compare_events(&mut self, trace: &Trace) -> QueryResult<()> {
        let query = "SELECT concat_ws(' ', kind, subject, version) AS line FROM events";
        let rows: Vec<EventLine> = diesel::sql_query(query).load(&mut self.free).await?;
        let mut own: Vec<String> = rows.into_iter().map(|row| row.line).collect();
        let mut expected = trace.events.clone();
        own.sort_unstable();
        expected.sort_unstable();
        self.compare("events", &expected, &own);
        Ok(())
    }
}
