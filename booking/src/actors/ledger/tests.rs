//! The ledger against a real PostgreSQL, with prepared batches.

mod cancelled_flights;
mod corrections;
mod dead_arbiters;
mod ended_holds;
mod failed_events;
mod late_answers;
mod lost_answers;
mod lost_commits;
mod one_batch;
mod plans;
mod tickets;
mod verdicts;
mod waiting;

use super::{
    Ledgers,
    actor::{LedgerDeps, PostgresProcessor},
};
use crate::{
    MIGRATIONS,
    actors::{
        allocators::AllocatorLimits, directory::Directory, followers::CommitFollowers, shards::Shards,
        system::SystemIds,
    },
    store::{self, flight_cache::FlightCache, ledger_store::PostgresLedgerStore},
};
use booking_engine::{
    booking::{record::Booking, refusal::Refusal},
    ledger::{
        command::{BookingRef, Claim, Command, Envelope, LedgerAnswer, LedgerError, Outcome},
        decide::{BatchSettings, decide},
        queue::QueueBounds,
        snapshot::LockRequest,
        work::{Item, Verdict},
    },
    payment::record::PaymentOrder,
    ports::{LedgerQueue, LedgerStore, SubmitTerms},
    samples,
};
use chrono::TimeDelta;
use diesel_async::{
    AnsiTransactionManager, AsyncConnection, AsyncPgConnection, RunQueryDsl, TransactionManager,
};
use shared::{
    bus::{Bus, in_process::InProcess},
    db::Pool,
    events::{BookingState, FlightState},
    ids::{BookingId, FlightId, PaymentId},
    outbox::{Relay, RelayHandle},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use testkit::TestDatabase;
use tokio::sync::oneshot;

const LIMITS: AllocatorLimits = AllocatorLimits { allocators: 16, idle: Duration::from_secs(600) };

/// A database with one flight, and what a ledger needs.
struct LedgerFixture {
    database: TestDatabase,
    deps: LedgerDeps,
    relay: RelayHandle,
    flight: FlightState,
    shards: Shards,
}

impl LedgerFixture {
    async fn new() -> Self {
        let database = TestDatabase::of("booking", MIGRATIONS).await;
        let config = database.config("booking");
        let pool = Pool::new(&config);
        let (flights, shards) = (FlightCache::new(16), Shards::start(1).unwrap());
        let directory =
            Directory::start((pool.clone(), pool.clone()), flights.clone(), shards.handles(), LIMITS);
        let relay = Relay::start("booking", &config, Bus::new(InProcess::new()));
        let followers = Arc::new(CommitFollowers { directory, relay: relay.clone() });
        let payment_grace = TimeDelta::minutes(60);
        let deps = LedgerDeps { database: config, flights, followers, payment_grace };
        let flight = samples::flight();
        let json = serde_json::to_value(&flight).unwrap();
        store::flight_updates::store(&pool.get().await.unwrap(), &[(flight.clone(), json)]).await.unwrap();
        Self { database, deps, relay, flight, shards }
    }

    async fn connection(&self) -> AsyncPgConnection {
        self.deps.database.connect().await.unwrap()
    }

    fn booking(&self, seats: &[&str]) -> Booking {
        samples::booking(self.flight.id, seats)
    }

    /// Runs commands in one transaction.
    async fn batch(&self, commands: &[Command]) -> Vec<Verdict> {
        let items: Vec<Item<'_>> = commands.iter().map(|command| (command, None)).collect();
        let settings = BatchSettings { payment_grace: self.deps.payment_grace, begins: Instant::now() };
        let store = self.store().await;
        store.begin(&items).await.unwrap();
        let decision = decide(&store, &SystemIds, &items, settings).await.unwrap();
        store.commit(decision).await.unwrap().verdicts
    }

    /// A ledger's store with a connection, and nothing in its cache.
    async fn store(&self) -> PostgresLedgerStore {
        let mut store = PostgresLedgerStore::new(self.deps.database.clone(), self.deps.flights.clone());
        store.connect().await.unwrap();
        store
    }

    /// Locks a flight, as a writer that does not go on.
    async fn lock(&self, flight: FlightId) -> AsyncPgConnection {
        let mut connection = AsyncPgConnection::establish(&self.database.superuser_url()).await.unwrap();
        AnsiTransactionManager::begin_transaction(&mut connection).await.unwrap();
        let lock = format!("SELECT FROM booking.flights WHERE id = '{flight}' FOR UPDATE");
        assert_eq!(diesel::sql_query(lock).execute(&mut connection).await.unwrap(), 1);
        connection
    }

    /// Puts another flight on sale.
    async fn further_flight(&self) -> FlightId {
        let flight = samples::flight();
        let json = serde_json::to_value(&flight).unwrap();
        let connection = self.connection().await;
        store::flight_updates::store(&connection, &[(flight.clone(), json)]).await.unwrap();
        flight.id
    }

    async fn superuser(&self, statement: &str) {
        let mut connection = AsyncPgConnection::establish(&self.database.superuser_url()).await.unwrap();
        for part in ["SET search_path = booking", statement] {
            diesel::sql_query(part).execute(&mut connection).await.unwrap();
        }
    }

    async fn count(&self, query: &str) -> i64 {
        let query = format!("(SELECT count(*) FROM {query})");
        let count = diesel::dsl::sql::<diesel::sql_types::BigInt>(&query);
        diesel::select(count).get_result(&mut self.connection().await).await.unwrap()
    }

    fn stop(self) {
        self.shards.stop();
    }
}

fn claim(booking: Booking) -> Command {
    Command::Claim(Box::new(samples::claim_of(booking)))
}

/// A claim with its payment; and what confirms it, or declines its payment.
fn purchase(booking: Booking) -> (Command, Command, Command) {
    let (id, payment) = (booking.id, PaymentId::new());
    let mut command = claim(booking);
    if let Command::Claim(claim) = &mut command {
        let (method, token) = ("card".to_owned(), "tok_visa".to_owned());
        claim.payment = Some(PaymentOrder { id: payment, method, token });
    }
    let confirm = Command::Confirm { booking: id, payment };
    (command, confirm, Command::Decline { booking: id, payment, void: false })
}

fn done(verdict: &Verdict) -> &BookingState {
    match verdict {
        Verdict::Answer(Outcome::Done(state)) => state,
        other => panic!("{other:?}"),
    }
}

fn lost(verdict: &Verdict) -> Vec<String> {
    match verdict {
        Verdict::Answer(Outcome::Refused(Refusal::SeatTaken(seats))) => {
            seats.iter().map(|seat| seat.designator.to_string()).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// Hands commands to a processor as the ledger does.
async fn process(processor: &mut PostgresProcessor, commands: Vec<Command>) -> Vec<LedgerAnswer> {
    let (envelopes, answers): (Vec<_>, Vec<_>) = commands.into_iter().map(envelope).unzip();
    let retried = processor.process(envelopes).await;
    assert!(retried.is_empty());
    let mut received = Vec::new();
    for answer in answers {
        received.push(answer.await.unwrap());
    }
    received
}

fn envelope(command: Command) -> (Envelope, oneshot::Receiver<LedgerAnswer>) {
    let (reply, answer) = oneshot::channel();
    let flight = command.claim().map_or_else(FlightId::new, |claim| claim.order.segments[0].flight_id);
    let deadline = Instant::now() + Duration::from_secs(10);
    (Envelope { command, flight, deadline, trace: None, lock_timed_out: false, slot: None, reply }, answer)
}

/// Has the server do something in the middle of its first commit, and end the connection then.
fn end_in_commit(doing: &str) -> String {
    format!(
        "DO $do$ BEGIN
            CREATE SEQUENCE strikes;
            GRANT ALL ON SEQUENCE strikes TO PUBLIC;
            CREATE FUNCTION strike() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $fn$ BEGIN
                IF nextval('booking.strikes') = 1 THEN
                    {doing}
                    PERFORM pg_terminate_backend(pg_backend_pid());
                END IF;
                RETURN NULL;
            END $fn$;
            CREATE CONSTRAINT TRIGGER strike AFTER INSERT ON bookings DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION strike();
        END $do$"
    )
}
