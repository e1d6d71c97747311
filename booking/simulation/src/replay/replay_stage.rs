//! The stage of a replay: its connections, and the transactions that are under way.

use crate::{
    ground::{
        Sabotage,
        limits::{PAYMENT_GRACE, SHARDS},
    },
    replay::replay_store::ReplayStore,
    trace::{
        DatabaseTrace, TracedOperation, TracedTransaction, booking_in_words, bookings_in_words,
        disruptions_in_words, ended_holds_in_words, key_in_words, payments_in_words, refunds_in_words,
        seats_in_words, verdict_in_words,
    },
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

#[derive(QueryableByName)]
struct SeatsSoldTwice {
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
    let SeatsSoldTwice { count } = diesel::sql_query(query).get_result(connection).await.map_err(failed)?;
    Ok(count)
}

/// What came of a transaction before its end.
type EndedTransaction = (PostgresLedgerStore, StoreResult<CommittedBatch>);

/// A transaction that waits for its locks, or has failed before.
enum ReplayedTransaction {
    Waiting { go: oneshot::Sender<()>, work: LocalBoxFuture<'static, EndedTransaction> },
    Over(EndedTransaction),
}

/// The connections, and what is going on.
pub(crate) struct ReplayStage {
    /// For what is done outside of the ledgers.
    pub(crate) free: AsyncPgConnection,
    ledgers: BTreeMap<usize, PostgresLedgerStore>,
    underway: BTreeMap<usize, ReplayedTransaction>,
    flights: FlightCache,
    sabotage: Sabotage,
    pub(crate) batches: usize,
    pub(crate) seats_sold_twice: i64,
    pub(crate) differences: Vec<String>,
}

/// Draws identifiers anew: they differ from those of the run.
struct RandomIds;

impl Ids for RandomIds {
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn locator(&self) -> Locator {
        let [.., a, b, c, d] = self.uuid().into_bytes();
        Locator::from_bits(u32::from_be_bytes([a, b, c, d]))
    }
}

impl ReplayStage {
    pub(crate) async fn open(database: &DatabaseConfig, sabotage: Sabotage) -> StoreResult<Self> {
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

    pub(crate) fn compare(&mut self, what: &str, model: &[String], postgres: &[String]) {
        if model == postgres {
            return;
        }
        let missing: Vec<_> = model.iter().filter(|line| !postgres.contains(line)).take(3).collect();
        let more: Vec<_> = postgres.iter().filter(|line| !model.contains(line)).take(3).collect();
        self.differences.push(format!("{what}: the model has {missing:#?}, PostgreSQL has {more:#?}"));
    }

    pub(crate) async fn carry_out(
        &mut self,
        trace: &DatabaseTrace,
        operation: &TracedOperation,
    ) -> StoreResult<()> {
        let free = &self.free;
        match operation {
            TracedOperation::Flight(state) => replay::upsert_flight(free, state).await?,
            // Its instance died before the transaction had its locks. It has changed nothing.
            TracedOperation::Begin(number) if trace.transactions[*number].abandoned => {}
            TracedOperation::Begin(number) => self.begin(*number, &trace.transactions[*number]).await?,
            TracedOperation::Resume(number) => self.resume(*number, &trace.transactions[*number]).await?,
            TracedOperation::ReadSeats { flight, clock, said } => {
                replay::set_clock(free, *clock).await?;
                let read = replay::read_seats(free, *flight).await?;
                let read = read.map_or_else(String::new, |read| seats_in_words(&read));
                self.compare("seats that were read", std::slice::from_ref(said), &[read]);
            }
            TracedOperation::ReadBooking { booking, clock, said } => {
                replay::set_clock(free, *clock).await?;
                let read = replay::read_booking(&mut self.free, &self.flights, *booking).await?;
                let read = read.map_or_else(String::new, |state| booking_in_words(&state));
                self.compare("a booking", std::slice::from_ref(said), &[read]);
            }
            TracedOperation::FindKey { key, clock, said } => {
                replay::set_clock(free, *clock).await?;
                let found = replay::find_key(free, key).await?;
                self.compare("a key", std::slice::from_ref(said), &[key_in_words(found.as_ref())]);
            }
            TracedOperation::EndedHolds { clock, limit, said, cleaned } => {
                replay::set_clock(free, *clock).await?;
                let ended = replay::ended_holds(free, *limit).await?;
                let own = match cleaned {
                    Some(_) => Some(replay::clean_keys(free).await?),
                    None => None,
                };
                self.compare("holds that have ended", said, &ended_holds_in_words(&ended));
                self.compare("keys cleaned away", &[format!("{cleaned:?}")], &[format!("{own:?}")]);
            }
            TracedOperation::TakePayments { clock, idle, limit, said } => {
                replay::set_clock(free, *clock).await?;
                let own = replay::take_payments(free, *idle, *limit).await?;
                self.compare("payments that were taken up", said, &payments_in_words(&own));
            }
            TracedOperation::TakeRefunds { clock, idle, limit, said } => {
                replay::set_clock(free, *clock).await?;
                let own = replay::take_refunds(free, *idle, *limit).await?;
                self.compare("refunds that were taken up", said, &refunds_in_words(&own));
            }
            TracedOperation::Disruptions { after, limit, said } => {
                let own = replay::pending_disruptions(free, *after, *limit).await?;
                self.compare("changes of flights", said, &disruptions_in_words(&own));
            }
            TracedOperation::BookingsOn { flight, said } => {
                let own = replay::bookings_on(free, *flight).await?;
                self.compare("bookings on a flight", said, &bookings_in_words(&own));
            }
            TracedOperation::Followed(change) => replay::followed(free, *change).await?,
            TracedOperation::SettlePayment { payment } => replay::settle_payment(free, *payment).await?,
            TracedOperation::SettleRefund { payment } => replay::settle_refunds(free, *payment).await?,
        }
        Ok(())
    }

    /// A transaction goes as far as its locks.
    async fn begin(&mut self, number: usize, traced: &TracedTransaction) -> StoreResult<()> {
        let Some(store) = self.ledgers.remove(&traced.ledger) else {
            self.differences.push(format!("ledger {} runs two transactions", traced.ledger));
            return Ok(());
        };
        self.batches += 1;
        let (go, may_go) = oneshot::channel();
        let (at_locks, reached) = oneshot::channel();
        let (traced, sabotage) = (traced.clone(), self.sabotage);
        let work: LocalBoxFuture<'static, EndedTransaction> = Box::pin(async move {
            let store = ReplayStore::new(store, sabotage, &traced, (at_locks, may_go));
            let items: Vec<Item<'_>> = traced.commands.iter().map(|command| (command, None)).collect();
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
            Either::Left((Ok(()), work)) => ReplayedTransaction::Waiting { go, work },
            Either::Left((Err(_), work)) => ReplayedTransaction::Over(work.await),
            Either::Right((ran, _)) => ReplayedTransaction::Over(ran),
        };
        self.underway.insert(number, underway);
        Ok(())
    }

    /// It gets its locks, and comes to the end that it came to on the model.
    async fn resume(&mut self, number: usize, traced: &TracedTransaction) -> StoreResult<()> {
        let (store, mut ran) = match self.underway.remove(&number) {
            Some(ReplayedTransaction::Waiting { go, work }) => {
                // An error means that it does not wait, and is at its end.
                let _ = go.send(());
                work.await
            }
            Some(ReplayedTransaction::Over(ran)) => ran,
            None => return Ok(()),
        };
        let end = match (&mut ran, traced.committed) {
            (Ok(committed), true) => replay::commit(&store, committed).await,
            _ => store.roll_back().await,
        };
        self.ledgers.insert(traced.ledger, store);
        if traced.committed {
            let twice = seats_sold_twice(&mut self.free).await?;
            self.seats_sold_twice = self.seats_sold_twice.max(twice);
        }
        let said: Vec<String> = match &ran {
            Ok(committed) => committed.verdicts.iter().map(verdict_in_words).collect(),
            Err(_) if traced.verdicts.is_none() => Vec::new(),
            Err(error) => {
                let source = std::error::Error::source(error).map(ToString::to_string);
                vec![format!("{error}: {}", source.unwrap_or_default())]
            }
        };
        let what = format!("verdicts of transaction {number}");
        self.compare(&what, traced.verdicts.as_deref().unwrap_or_default(), &said);
        if let Err(error) = end {
            self.differences.push(format!("the end of transaction {number}: {error}"));
        }
        Ok(())
    }

    pub(crate) async fn compare_events(&mut self, trace: &DatabaseTrace) -> StoreResult<()> {
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

pub(crate) fn failed(error: diesel::result::Error) -> StoreError {
    StoreError::new(StoreFault::Other, error)
}
