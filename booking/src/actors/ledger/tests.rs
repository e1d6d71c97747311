//! The ledger against a real PostgreSQL, with prepared batches.

mod cancelled_flights;
mod corrections;
mod dead_arbiters;
mod ended_holds;
mod failed_events;
mod late_answers;
mod lost_answers;
mod one_batch;
mod plans;
mod tickets;

use super::{
    At, Claim, Command, Ledgers, Outcome, Shards,
    batch::{self, Item, Setting, Verdict},
    command::{Answer, Envelope, LedgerError},
    memory::Memory,
    postgres::PostgresTables,
    runner::{Means, Runner},
    tables::{Opening, Tables},
};
use crate::{
    MIGRATIONS,
    actors::{allocators::Limits, directory::Directory, ledger::Bounds},
    domain::{
        booking::Booking, hold::HoldTime, idempotency::Key, payment::PaymentOrder, refusal::Refusal, samples,
    },
    store::{self, flight_cache::FlightCache, transaction},
};
use chrono::{TimeDelta, Utc};
use diesel_async::{
    AnsiTransactionManager, AsyncConnection, AsyncPgConnection, RunQueryDsl, TransactionManager,
};
use futures_util::stream::{FuturesUnordered, StreamExt};
use shared::{
    bus::{Bus, in_process::InProcess},
    db::Pool,
    events::{BookingState, BookingStatus, FlightState},
    ids::{BookingId, FlightId, PaymentId},
    outbox::Relay,
};
use std::time::Duration;
use testkit::TestDatabase;
use tokio::{sync::oneshot, time::Instant};

const LIMITS: Limits = Limits { allocators: 16, idle: Duration::from_secs(600) };

/// A database with one flight, and what a ledger needs.
struct Scene {
    database: TestDatabase,
    means: Means,
    flight: FlightState,
    shards: Shards,
}

impl Scene {
    async fn new() -> Self {
        let database = TestDatabase::of("booking", MIGRATIONS).await;
        let config = database.config("booking");
        let pool = Pool::new(&config);
        let (flights, shards) = (FlightCache::new(16), Shards::new(1));
        let directory = Directory::start(pool.clone(), flights.clone(), shards.handles(), LIMITS);
        let relay = Relay::start("booking", &config, Bus::new(InProcess::new()));
        let settle = TimeDelta::minutes(60);
        let means = Means { database: config, flights, relay, directory, settle };
        let flight = samples::flight();
        let json = serde_json::to_value(&flight).unwrap();
        store::flights::upsert(&pool.get().await.unwrap(), &[(flight.clone(), json)]).await.unwrap();
        Self { database, means, flight, shards }
    }

    async fn connection(&self) -> AsyncPgConnection {
        self.means.database.connect().await.unwrap()
    }

    fn booking(&self, seats: &[&str]) -> Booking {
        samples::booking(self.flight.id, seats)
    }

    /// Runs commands in one transaction.
    async fn batch(&self, commands: &[Command]) -> Vec<Verdict> {
        let connection = self.connection().await;
        let items: Vec<Item<'_>> = commands.iter().map(|command| (command, None)).collect();
        let setting = Setting { settle: self.means.settle, begins: std::time::Instant::now() };
        transaction::begin(&connection).await.unwrap();
        let memory = Memory::default();
        let mut tables =
            PostgresTables { connection: &connection, flights: &self.means.flights, memory: &memory };
        let written = batch::carry_out(&mut tables, &items, setting).await.unwrap();
        transaction::commit_with(&connection, &[]).await.unwrap();
        written.verdicts
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
        store::flights::upsert(&connection, &[(flight.clone(), json)]).await.unwrap();
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
    let hold = HoldTime::new(None, Utc::now() + TimeDelta::days(30), Utc::now(), 1440).unwrap();
    Command::Claim(Box::new(Claim {
        booking,
        hold,
        priced_from: Vec::new(),
        payment: None,
        key: None,
        exempt: false,
        stale: Vec::new(),
    }))
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

/// Hands commands to a runner as the ledger does.
async fn process(runner: &mut Runner, commands: Vec<Command>) -> Vec<Answer> {
    let (envelopes, answers): (Vec<_>, Vec<_>) = commands.into_iter().map(envelope).unzip();
    let again = runner.process(envelopes).await;
    assert!(again.is_empty());
    let mut received = Vec::new();
    for answer in answers {
        received.push(answer.await.unwrap());
    }
    received
}

fn envelope(command: Command) -> (Envelope, oneshot::Receiver<Answer>) {
    let (reply, answer) = oneshot::channel();
    let flight = command.claim().map_or_else(FlightId::new, |claim| claim.booking.segments[0].flight_id);
    let deadline = Instant::now() + Duration::from_secs(10);
    (Envelope { command, flight, deadline, trace: None, locked_out: false, place: None, reply }, answer)
}

#[actix::test]
async fn one_claim_of_a_batch_loses_the_fence_and_the_others_go_through() {
    let scene = Scene::new().await;
    // Another instance was faster with 5B.
    let faster = scene.booking(&["5B"]);
    scene.batch(&[claim(faster)]).await;
    let verdicts = scene
        .batch(&[
            claim(scene.booking(&["5A"])),
            claim(scene.booking(&["5D", "5B", "5E"])),
            claim(scene.booking(&["5C", "5F"])),
        ])
        .await;
    assert_eq!(done(&verdicts[0]).passengers.len(), 1);
    assert_eq!(lost(&verdicts[1]), ["5B"]);
    assert_eq!(done(&verdicts[2]).passengers.len(), 2);
    assert_eq!(scene.count("seats").await, 4, "what the loser got was given back");
    assert_eq!(scene.count("travellers").await, 4);
    assert_eq!(scene.count("bookings").await, 3, "the loser left no rows");
    assert_eq!(scene.count("events WHERE kind = 'seats.changed'").await, 2, "one a flight and batch");
    assert_eq!(scene.count("flights WHERE seats_version = 2").await, 1);
    scene.stop();
}

#[actix::test]
async fn who_wants_the_same_in_one_batch_loses_only_to_a_winner() {
    let scene = Scene::new().await;
    scene.batch(&[claim(scene.booking(&["4A"]))]).await;
    let verdicts = scene
        .batch(&[
            claim(scene.booking(&["4A", "4B"])),
            claim(scene.booking(&["4B"])),
            claim(scene.booking(&["6A"])),
            claim(scene.booking(&["6B", "6A"])),
        ])
        .await;
    assert_eq!(lost(&verdicts[0]), ["4A"]);
    done(&verdicts[1]);
    done(&verdicts[2]);
    assert_eq!(lost(&verdicts[3]), ["6A"]);
    scene.stop();
}

#[actix::test]
async fn locators_that_collide_are_drawn_again() {
    let scene = Scene::new().await;
    let first = scene.booking(&["4A"]);
    let second = Booking { locator: first.locator.clone(), ..scene.booking(&["4B"]) };
    let third = Booking { locator: first.locator.clone(), ..scene.booking(&["4C"]) };
    let verdicts = scene.batch(&[claim(first), claim(second)]).await;
    assert_ne!(done(&verdicts[0]).locator, done(&verdicts[1]).locator);
    let verdicts = scene.batch(&[claim(third)]).await;
    assert_eq!(scene.count(&format!("bookings WHERE locator = '{}'", done(&verdicts[0]).locator)).await, 1);
    scene.stop();
}

#[actix::test]
async fn a_hold_that_has_ended_makes_way() {
    let scene = Scene::new().await;
    let old = scene.booking(&["4A", "4B"]);
    let owner = old.owner_id;
    let id = old.id;
    scene.batch(&[claim(old)]).await;
    scene.superuser("UPDATE bookings SET hold_expires_at = now() - interval '1 second'").await;
    // The same travellers of the same account, on one of their old seats.
    let new = Booking { owner_id: owner, ..scene.booking(&["4B", "7C"]) };
    let mut runner = Runner::new(scene.means.clone());
    let (envelope, answer) = envelope(claim(new));
    let again = runner.process(vec![envelope]).await;
    assert_eq!(scene.count("seats").await, 2, "what it got is given back: the hold has its seats still");
    assert!(runner.process(again).await.is_empty());
    assert!(matches!(answer.await.unwrap(), Ok(Outcome::Done(_))));
    assert_eq!(scene.count(&format!("bookings WHERE id = '{id}' AND status = 3")).await, 1);
    assert_eq!(scene.count("seats").await, 2);
    assert_eq!(scene.count("events WHERE kind = 'booking.expired'").await, 1);
    scene.stop();
}

#[actix::test]
async fn a_command_with_impossible_data_fails_alone() {
    let scene = Scene::new().await;
    let mut runner = Runner::new(scene.means.clone());
    let mut bad = scene.booking(&["4C"]);
    // PostgreSQL's text cannot hold it. No request gets as far as this.
    bad.contact.email = crate::domain::contact::Email::stored("a\0b".to_owned());
    let commands = ["4A", "4B"].map(|seat| claim(scene.booking(&[seat])));
    let [first, second] = commands;
    let answers = process(&mut runner, vec![first, claim(bad), second]).await;
    assert!(matches!(answers[0], Ok(Outcome::Done(_))), "{:?}", answers[0]);
    assert!(matches!(answers[1], Err(LedgerError::Internal)), "{:?}", answers[1]);
    assert!(matches!(answers[2], Ok(Outcome::Done(_))), "{:?}", answers[2]);
    assert_eq!(scene.count("bookings").await, 2);
    scene.stop();
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

#[actix::test]
async fn a_batch_whose_connection_is_lost_in_its_commit_is_carried_out_once() {
    let scene = Scene::new().await;
    scene.superuser(&end_in_commit("")).await;
    let mut runner = Runner::new(scene.means.clone());
    let answers =
        process(&mut runner, vec![claim(scene.booking(&["4A"])), claim(scene.booking(&["4B"]))]).await;
    for answer in &answers {
        assert!(matches!(answer, Ok(Outcome::Done(_))), "{answer:?}");
    }
    assert_eq!(scene.count("bookings").await, 2);
    assert_eq!(scene.count("seats").await, 2);
    assert_eq!(scene.count("events WHERE kind = 'booking.held'").await, 2);
    scene.stop();
}

#[actix::test]
async fn a_commit_whose_answer_was_lost_is_found_by_its_claim() {
    let scene = Scene::new().await;
    let claimed = claim(scene.booking(&["4A"]));
    scene.batch(std::slice::from_ref(&claimed)).await;
    let mut runner = Runner::new(scene.means.clone());
    let (envelope, answer) = envelope(claimed);
    let rest = runner.resolve_for_test(vec![envelope]).await;
    assert_eq!(rest, 0, "it was committed: nothing is left to do");
    assert!(matches!(answer.await.unwrap(), Ok(Outcome::Done(_))));
    assert_eq!(scene.count("bookings").await, 1);
    scene.stop();
}

#[actix::test]
async fn a_cancellation_with_a_key_is_found_by_its_key() {
    let scene = Scene::new().await;
    let booking = scene.booking(&["4A"]);
    let id = booking.id;
    // Somebody else has cancelled it: our key is not bound, and must not be answered for.
    scene.batch(&[claim(booking)]).await;
    scene.batch(&[Command::Cancel { at: At { booking: id, version: None }, quote: None, key: None }]).await;
    let mut runner = Runner::new(scene.means.clone());
    let key = Key { scope: vec![1], body: vec![2] };
    let (with_key, _answer) =
        envelope(Command::Cancel { at: At { booking: id, version: None }, quote: None, key: Some(key) });
    assert_eq!(runner.resolve_for_test(vec![with_key]).await, 1, "it is tried again, and refused");
    let (without, answer) =
        envelope(Command::Cancel { at: At { booking: id, version: None }, quote: None, key: None });
    assert_eq!(runner.resolve_for_test(vec![without]).await, 0);
    assert!(matches!(answer.await.unwrap(), Ok(Outcome::Done(_))), "it is cancelled, whoever did it");
    scene.stop();
}

#[actix::test]
async fn what_is_too_late_is_not_begun() {
    let scene = Scene::new().await;
    let mut runner = Runner::new(scene.means.clone());
    let (mut late, answer) = envelope(claim(scene.booking(&["4A"])));
    late.deadline = Instant::now();
    runner.process(vec![late]).await;
    assert!(matches!(answer.await.unwrap(), Err(LedgerError::Overloaded)));
    assert_eq!(scene.count("bookings").await, 0);
    scene.stop();
}

#[actix::test]
async fn a_ledger_takes_on_no_more_than_its_bound_and_answers_what_it_took() {
    let scene = Scene::new().await;
    let bounds = Bounds { batch: 4, queue: 8 };
    // Nobody is refused for having waited too long.
    let patience = Duration::from_secs(3600);
    let ledgers = Ledgers::start(&scene.shards, &scene.means, bounds, patience);
    let mut somebody = scene.lock(scene.flight.id).await;
    let seats: Vec<String> = (4..=9)
        .flat_map(|row| ["A", "B", "C", "D", "E", "F"].map(|letter| format!("{row}{letter}")))
        .collect();
    let commands = seats.iter().map(|seat| ledgers.submit(scene.flight.id, claim(scene.booking(&[seat]))));
    let mut answers: FuturesUnordered<_> = commands.collect();
    let most = bounds.batch + bounds.queue;
    for _ in most..seats.len() {
        let answer = tokio::time::timeout(Duration::from_secs(30), answers.next()).await;
        let answer = answer.expect("what is too much is refused while nothing is done").unwrap();
        assert!(matches!(answer, Err(LedgerError::Overloaded)), "{answer:?}");
    }
    AnsiTransactionManager::rollback_transaction(&mut somebody).await.unwrap();
    let rest: Vec<Answer> = answers.collect().await;
    let done = rest.iter().filter(|answer| matches!(answer, Ok(Outcome::Done(_)))).count();
    let refused = rest.iter().filter(|answer| matches!(answer, Err(LedgerError::Overloaded))).count();
    assert_eq!(done + refused, most);
    assert!(done >= bounds.queue, "what was taken on was done: {done}");
    ledgers.drain().await;
    assert_eq!(scene.count("bookings").await, i64::try_from(done).unwrap());
    scene.stop();
}

#[actix::test]
async fn a_purchase_that_is_kept_gives_way_to_what_others_have_made_of_it() {
    let scene = Scene::new().await;
    let mut runner = Runner::new(scene.means.clone());
    let (first, confirm_first, _) = purchase(scene.booking(&["4A"]));
    let (second, confirm_second, decline_second) = purchase(scene.booking(&["4B"]));
    process(&mut runner, vec![first, second]).await;
    scene.batch(&[decline_second]).await;
    let answers = process(&mut runner, vec![confirm_first, confirm_second]).await;
    assert!(matches!(&answers[0], Ok(Outcome::Done(state)) if state.status == BookingStatus::Confirmed));
    assert!(matches!(&answers[1], Ok(Outcome::Refused(Refusal::HoldExpired))), "{:?}", answers[1]);
    assert_eq!(scene.count("bookings WHERE confirmed_at IS NOT NULL").await, 1);
    scene.stop();
}

#[actix::test]
async fn who_is_locked_out_comes_again_and_keeps_nobody_waiting() {
    let scene = Scene::new().await;
    let mut runner = Runner::new(scene.means.clone());
    let other = scene.further_flight().await;
    let mut somebody = scene.lock(scene.flight.id).await;
    let claims = [
        claim(scene.booking(&["4A"])),
        claim(samples::booking(other, &["4A"])),
        claim(scene.booking(&["4B"])),
    ];
    let (envelopes, mut answers): (Vec<_>, Vec<_>) = claims.into_iter().map(envelope).unzip();
    let mut again = runner.process(envelopes).await;
    let free = answers.remove(1).await.unwrap();
    assert!(matches!(free, Ok(Outcome::Done(_))), "another flight's go on: {free:?}");
    assert_eq!(again.len(), 2, "those of the locked flight are not given up");
    // Again and again; what has come meanwhile goes first.
    let (fresh, fresh_answer) = envelope(claim(samples::booking(other, &["4B"])));
    again.push(fresh);
    let mut again = runner.process(again).await;
    assert!(matches!(fresh_answer.await.unwrap(), Ok(Outcome::Done(_))));
    assert_eq!(again.len(), 2);
    // One has no more time; the other one gets its locks.
    again[0].deadline = Instant::now();
    AnsiTransactionManager::rollback_transaction(&mut somebody).await.unwrap();
    assert!(runner.process(again).await.is_empty());
    let late = answers.remove(0).await.unwrap();
    assert!(matches!(late, Err(LedgerError::Overloaded)), "{late:?}");
    let last = answers.remove(0).await.unwrap();
    assert!(matches!(last, Ok(Outcome::Done(_))), "{last:?}");
    assert_eq!(scene.count("bookings").await, 3);
    scene.stop();
}

#[actix::test]
async fn commands_about_nothing_are_refused() {
    let scene = Scene::new().await;
    let booking = BookingId::new();
    let verdicts = scene
        .batch(&[
            Command::Confirm { booking, payment: PaymentId::new() },
            Command::Cancel { at: At { booking, version: None }, quote: None, key: None },
        ])
        .await;
    for verdict in verdicts {
        assert!(matches!(verdict, Verdict::Answer(Outcome::Refused(Refusal::NotFound))), "{verdict:?}");
    }
    scene.stop();
}

#[actix_web::test]
async fn a_claim_that_was_priced_from_an_older_flight_is_to_be_priced_again() {
    let scene = Scene::new().await;
    let priced = |seat: &str, version: i64| {
        let mut command = claim(scene.booking(&[seat]));
        if let Command::Claim(claim) = &mut command {
            claim.priced_from = vec![(scene.flight.id, version)];
        }
        command
    };
    scene.superuser("UPDATE flights SET version = 3").await;
    let verdicts = scene.batch(&[priced("4A", 2), priced("4B", 3), priced("4C", 4)]).await;
    let changed = Refusal::FlightChanged(vec![scene.flight.id]);
    assert!(matches!(&verdicts[0], Verdict::Answer(Outcome::Refused(refusal)) if *refusal == changed));
    for verdict in &verdicts[1..] {
        done(verdict);
    }
    assert_eq!(scene.count("seats").await, 2);
    scene.stop();
}
