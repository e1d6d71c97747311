//! What runs did to the model, done to PostgreSQL.

use super::of_environment;
use booking::MIGRATIONS;
use booking_simulation::{CLOCK, ReplayReport, Sabotage, record, replay};
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use std::collections::{BTreeMap, BTreeSet};
use testkit::TestDatabase;

/// Steps of a run that is replayed.
const STEPS: u64 = 3_000;

/// What the runs that are replayed come to.
const HAPPENS: [&str; 13] = [
    "claims won",
    "cancellations",
    "cancellations on a quote",
    "quotes",
    "changes of seats",
    "changes of seats lost at the unique constraint",
    "changes of contacts",
    "corrections of names",
    "corrections of names refused otherwise",
    "bookings paid back by the airline",
    "holds cancelled by the airline",
    "bookings with other times",
    "holds ended by other times",
];

/// What keeps seats apart behind the locks.
const WITHOUT_CONSTRAINT: &str = "ALTER TABLE booking.seats DROP CONSTRAINT seats_pkey";

/// Records a run and replays it on a database of its own, after these statements, with a promise that may be
/// broken. Gives what happened how often, too.
async fn replayed(
    seed: u64,
    steps: u64,
    (statements, sabotage): (&[&str], Sabotage),
) -> (ReplayReport, BTreeMap<&'static str, u64>) {
    println!("seed {seed}, {steps} steps");
    let database = TestDatabase::of("booking", MIGRATIONS).await;
    let superuser = AsyncPgConnection::establish(&database.superuser_url()).await;
    let mut superuser = superuser.expect("a superuser");
    for statement in CLOCK.iter().chain(statements) {
        superuser.batch_execute(statement).await.expect(statement);
    }
    drop(superuser);
    let run = record(seed, steps).unwrap_or_else(|broken| panic!("{broken}"));
    let replay = replay(&run, &database.config("booking"), sabotage).await.expect("PostgreSQL answers");
    (replay, run.counts)
}

#[tokio::test]
async fn postgresql_ends_as_the_model_does() {
    // The run that the environment names, or some in which all of that happens.
    let seeds = of_environment("AEROBUS_SIMULATION_SEED").map_or(vec![56, 71, 72, 74, 84], |seed| vec![seed]);
    let steps = of_environment("AEROBUS_SIMULATION_STEPS").unwrap_or(STEPS);
    let mut happened = BTreeSet::new();
    let all = seeds.len() > 1;
    for seed in seeds {
        let (replay, counts) = replayed(seed, steps, (&[], Sabotage::None)).await;
        happened.extend(counts.into_keys());
        println!("{} transactions, {} rows", replay.batches, replay.rows);
        assert!(replay.differences.is_empty(), "seed {seed}:\n{}", replay.differences.join("\n"));
        assert_eq!(replay.seats_sold_twice, 0);
        assert!(replay.batches > 10 && replay.rows > 100, "there was something to compare");
    }
    for what in HAPPENS.iter().filter(|_| all) {
        assert!(happened.contains(what), "{what}: never");
    }
}

#[tokio::test]
async fn the_locks_keep_seats_apart_without_the_key() {
    let mut lost = 0;
    for seed in 1..=6 {
        let (replay, counts) = replayed(seed, STEPS, (&[WITHOUT_CONSTRAINT], Sabotage::None)).await;
        assert!(replay.differences.is_empty(), "{}", replay.differences.join("\n"));
        assert_eq!(replay.seats_sold_twice, 0);
        lost += counts.get("claims lost at the unique constraint").copied().unwrap_or_default();
    }
    assert!(lost > 0, "somebody is after a seat that another has");
}

#[tokio::test]
async fn the_unique_constraint_keeps_seats_apart_where_taken_ones_are_believed_free() {
    let mut errors = 0;
    for seed in 1..=4 {
        let (replay, _) = replayed(seed, STEPS, (&[], Sabotage::TakenSeatsAreGranted)).await;
        assert_eq!(replay.seats_sold_twice, 0);
        errors += replay.differences.iter().filter(|one| one.contains("seats_pkey")).count();
    }
    assert!(errors > 0, "not every short run has two travellers after one seat, but one of them");
}

#[tokio::test]
async fn postgresql_without_its_unique_constraint_is_noticed() {
    // Not every short run has two instances after one seat.
    for seed in 1..=8 {
        let broken = (&[WITHOUT_CONSTRAINT][..], Sabotage::TakenSeatsAreGranted);
        let (replay, _) = replayed(seed, STEPS, broken).await;
        if replay.seats_sold_twice > 0 {
            println!("{}", replay.differences.first().expect("the model does otherwise"));
            return;
        }
    }
    panic!("a seat is given away twice, and the model does not");
}
