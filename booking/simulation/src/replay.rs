//! The same deeds on PostgreSQL.
//!
//! What a run did to the model is done to a real database, through the real adapter: each transaction
//! begins, waits for its locks while others go on, aborts, commits or is lost where it was in the run.
//! The database's clock is put in from outside: `clock_timestamp()` is found in a schema of our own, so
//! every statement of `store` sees the clock that the model had. Each verdict and, at the end, every
//! row must be the same, so that the model is no kinder than the SQL.

use crate::{
    Run,
    limits::{PAYMENT_GRACE, SHARDS},
    replay_rows,
    replay_store::ReplayStore,
    tally::outcome,
    trace::{
        Batch, Deed, Trace, booking_read, bookings_in_order, disruptions, holds_ended, known, seats_read,
        unsettled, unsettled_refunds,
    },
    world::Sabotage,
};
use booking::replay::{self, FlightCache, PostgresLedgerStore};
use booking_engine::{
    booking::locator::Locator,
    ledger::{
        decide::{BatchSettings, decide},
        decision::CommittedBatch,
        work::Item,
    },
    ports::{Ids, LedgerStore},
    store_error::{StoreError, StoreFault, StoreResult},
};
use diesel::{prelude::QueryableByName, sql_types::BigInt};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::{Either, LocalBoxFuture, select};
use shared::db::DatabaseConfig;
use std::{collections::BTreeMap, time::Instant};
use tokio::sync::oneshot;
use uuid::Uuid;

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
pub async fn replay(run: &Run, database: &DatabaseConfig, sabotage: Sabotage) -> StoreResult<Replay> {
    let Some(trace) = run.world.trace.as_ref().map(std::cell::RefCell::take) else {
        return Err(StoreError::new(StoreFault::Other, "the run was not recorded, or was replayed before"));
    };
    let mut stage = Stage::open(database, sabotage).await?;
    for deed in &trace.deeds {
        stage.carry_out(&trace, deed).await?;
    }
    let claimed = run.world.claimed.borrow().clone();
    let expected = replay_rows::of_model(&run.world.database.borrow().rows, &claimed);
    let found = replay_rows::of_postgres(&mut stage.free, &claimed).await.map_err(failed)?;
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
async fn seats_sold_twice(connection: &mut AsyncPgConnection) -> StoreResult<i64> {
    let query = "SELECT count(*) AS count FROM (SELECT 1 FROM bookings b JOIN segments s ON s.booking_id = b.id JOIN passengers p ON p.booking_id = b.id WHERE b.status IN (0, 1) AND p.seats[s.position + 1] IS NOT NULL GROUP BY s.flight_id, p.seats[s.position + 1] HAVING count(*) > 1) AS twice";
    let Count { count } = diesel::sql_query(query).get_result(connection).await.map_err(failed)?;
    Ok(count)
}

/// What came of a transaction before its end.
type Ran = (PostgresLedgerStore, StoreResult<CommittedBatch>);

/// A transaction that waits for its locks, or has failed before.
enum Underway {
    Waiting { go: oneshot::Sender<()>, work: LocalBoxFuture<'static, Ran> },
    Over(Ran),
}

/// The connections, and what is going on.
struct Stage {
    /// For what is done outside of the ledgers.
    free: AsyncPgConnection,
    ledgers: BTreeMap<usize, PostgresLedgerStore>,
    underway: BTreeMap<usize, Underway>,
    flights: FlightCache,
    sabotage: Sabotage,
    batches: usize,
    seats_sold_twice: i64,
    differences: Vec<String>,
}

/// What decisions draw by themselves differs from what was drawn in the run.
struct RandomIds;

impl Ids for RandomIds {
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn locator(&self) -> Locator {
        Locator::draw()
    }
}

impl Stage {
    async fn open(database: &DatabaseConfig, sabotage: Sabotage) -> StoreResult<Self> {
        let flights = replay::flight_cache(1000);
        let mut ledgers = BTreeMap::new();
        for ledger in 0..3 * SHARDS {
            ledgers.insert(ledger, replay::ledger_store(database, &flights).await?);
        }
        Ok(Self {
            free: replay::connect(database).await?,
            ledgers,
            underway: BTreeMap::new(),
            flights,
            sabotage,
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

    async fn carry_out(&mut self, trace: &Trace, deed: &Deed) -> StoreResult<()> {
        let free = &self.free;
        match deed {
            Deed::Flight(state) => replay::upsert_flight(free, state).await?,
            // Whoever ran it died before it had its locks: it has only read.
            Deed::Begin(number) if trace.batches[*number].abandoned => {}
            Deed::Begin(number) => self.begin(*number, &trace.batches[*number]).await?,
            Deed::Resume(number) => self.resume(*number, &trace.batches[*number]).await?,
            Deed::ReadSeats { flight, clock, said } => {
                replay::set_clock(free, *clock).await?;
                let read = replay::read_seats(free, *flight).await?;
                let read = read.map_or_else(String::new, |read| seats_read(&read));
                self.compare("seats that were read", std::slice::from_ref(said), &[read]);
            }
            Deed::ReadBooking { booking, clock, said } => {
                replay::set_clock(free, *clock).await?;
                let read = replay::read_booking(&mut self.free, &self.flights, *booking).await?;
                let read = read.map_or_else(String::new, |state| booking_read(&state));
                self.compare("a booking", std::slice::from_ref(said), &[read]);
            }
            Deed::FindKey { key, clock, said } => {
                replay::set_clock(free, *clock).await?;
                let found = replay::find_key(free, key).await?;
                self.compare("a key", std::slice::from_ref(said), &[known(found.as_ref())]);
            }
            Deed::EndedHolds { clock, limit, said, cleaned } => {
                replay::set_clock(free, *clock).await?;
                let ended = replay::ended_holds(free, *limit).await?;
                let own = match cleaned {
                    Some(_) => Some(replay::clean_keys(free).await?),
                    None => None,
                };
                self.compare("holds that have ended", said, &holds_ended(&ended));
                self.compare("keys cleaned away", &[format!("{cleaned:?}")], &[format!("{own:?}")]);
            }
            Deed::TakePayments { clock, idle, limit, said } => {
                replay::set_clock(free, *clock).await?;
                let own = replay::take_payments(free, *idle, *limit).await?;
                self.compare("payments that were taken up", said, &unsettled(&own));
            }
            Deed::TakeRefunds { clock, idle, limit, said } => {
                replay::set_clock(free, *clock).await?;
                let own = replay::take_refunds(free, *idle, *limit).await?;
                self.compare("refunds that were taken up", said, &unsettled_refunds(&own));
            }
            Deed::Disruptions { after, limit, said } => {
                let own = replay::pending_disruptions(free, *after, *limit).await?;
                self.compare("changes of flights", said, &disruptions(&own));
            }
            Deed::BookingsOn { flight, said } => {
                let own = replay::bookings_on(free, *flight).await?;
                self.compare("bookings on a flight", said, &bookings_in_order(&own));
            }
            Deed::Followed(change) => replay::followed(free, *change).await?,
            Deed::SettlePayment { payment } => replay::settle_payment(free, *payment).await?,
            Deed::SettleRefund { payment } => replay::settle_refunds(free, *payment).await?,
        }
        Ok(())
    }

    /// A transaction goes as far as its locks.
    async fn begin(&mut self, number: usize, batch: &Batch) -> StoreResult<()> {
        let Some(store) = self.ledgers.remove(&batch.ledger) else {
            self.differences.push(format!("ledger {} runs two transactions", batch.ledger));
            return Ok(());
        };
        self.batches += 1;
        let (go, may_go) = oneshot::channel();
        let (at_locks, reached) = oneshot::channel();
        let (batch, sabotage) = (batch.clone(), self.sabotage);
        let work: LocalBoxFuture<'static, Ran> = Box::pin(async move {
            let store = ReplayStore::new(store, sabotage, &batch, (at_locks, may_go));
            let items: Vec<Item<'_>> = batch.commands.iter().map(|command| (command, None)).collect();
            let settings = BatchSettings { payment_grace: PAYMENT_GRACE, begins: Instant::now() };
            let ran = async {
                store.begin(&items).await?;
                let decision = decide(&store, &RandomIds, &items, settings).await?;
                store.commit(decision).await
            };
            let ran = ran.await;
            (store.inner, ran)
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
    async fn resume(&mut self, number: usize, batch: &Batch) -> StoreResult<()> {
        let (store, mut ran) = match self.underway.remove(&number) {
            Some(Underway::Waiting { go, work }) => {
                // An error means that it does not wait, and is at its end.
                let _ = go.send(());
                work.await
            }
            Some(Underway::Over(ran)) => ran,
            None => return Ok(()),
        };
        let end = match (&mut ran, batch.committed) {
            (Ok(committed), true) => replay::commit(&store, committed).await,
            _ => store.roll_back().await,
        };
        self.ledgers.insert(batch.ledger, store);
        if batch.committed {
            let twice = seats_sold_twice(&mut self.free).await?;
            self.seats_sold_twice = self.seats_sold_twice.max(twice);
        }
        let said: Vec<String> = match &ran {
            Ok(committed) => committed.verdicts.iter().map(outcome).collect(),
            Err(_) if batch.verdicts.is_none() => Vec::new(),
            Err(error) => {
                let source = std::error::Error::source(error).map(ToString::to_string);
                vec![format!("{error}: {}", source.unwrap_or_default())]
            }
        };
        let what = format!("verdicts of transaction {number}");
        self.compare(&what, batch.verdicts.as_deref().unwrap_or_default(), &said);
        if let Err(error) = end {
            self.differences.push(format!("the end of transaction {number}: {error}"));
        }
        Ok(())
    }

    async fn compare_events(&mut self, trace: &Trace) -> StoreResult<()> {
        let query = "SELECT concat_ws(' ', kind, subject, version) AS line FROM events";
        let rows: Vec<EventLine> = diesel::sql_query(query).load(&mut self.free).await.map_err(failed)?;
        let mut own: Vec<String> = rows.into_iter().map(|row| row.line).collect();
        let mut expected = trace.events.clone();
        own.sort_unstable();
        expected.sort_unstable();
        self.compare("events", &expected, &own);
        Ok(())
    }
}

fn failed(error: diesel::result::Error) -> StoreError {
    StoreError::new(StoreFault::Other, error)
}
