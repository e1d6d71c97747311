//! The seeded simulation, and the same on PostgreSQL. See `docs/simulation.md`.

mod on_postgres;

use booking_simulation::{BrokenPromise, Sabotage, SimulationRun, record, run};
use std::collections::BTreeMap;

/// Steps of a run: a world of some minutes or days, and the way to its rest.
const STEPS: u64 = 25_000;

fn of_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs a seed; a broken promise ends the test with the way to it.
fn keeps_all_promises(seed: u64, steps: u64) -> SimulationRun {
    println!("seed {seed}, {steps} steps");
    run(seed, steps, Sabotage::None).unwrap_or_else(|broken| panic!("{broken}"))
}

/// What a quarter of a million steps come to, or they show little: each command is carried out, and each
/// that can be refused is refused.
const HAPPENS: [&str; 32] = [
    "claims won",
    "claims lost at the unique constraint",
    "claims that lost to holds that have ended",
    "claims refused otherwise",
    "payments of holds",
    "payments of holds refused",
    "payments that came to nothing",
    "confirmations",
    "confirmations too late",
    "cancellations",
    "cancellations refused",
    "cancellations on a quote",
    "cancellations on a quote refused otherwise",
    "quotes",
    "quotes refused",
    "quotes that were good no longer",
    "changes of seats",
    "changes of seats without effect",
    "changes of seats lost at the unique constraint",
    "changes of seats refused otherwise",
    "changes of contacts",
    "changes of contacts refused",
    "corrections of names",
    "corrections of names to those of others",
    "corrections of names refused otherwise",
    "bookings paid back by the airline",
    "holds cancelled by the airline",
    "cancellations by the airline without effect",
    "bookings with other times",
    "holds ended by other times",
    "other times without effect",
    "holds expired by the sweeper",
];

fn quarter_of_a_million(first: u64) {
    let (mut steps, mut counts) = (0, BTreeMap::new());
    for seed in first..first + 10 {
        let run = keeps_all_promises(seed, STEPS);
        steps += run.steps;
        run.counts.into_iter().for_each(|(what, count)| *counts.entry(what).or_insert(0) += count);
    }
    println!("{steps} steps");
    counts.iter().for_each(|(what, count)| println!("{count:>8} {what}"));
    for what in HAPPENS {
        assert!(counts.contains_key(what), "{what}: never");
    }
}

#[test]
fn no_promise_is_broken_in_the_first_quarter_of_a_million_steps() {
    quarter_of_a_million(100);
}

#[test]
fn no_promise_is_broken_in_the_second_quarter_of_a_million_steps() {
    quarter_of_a_million(200);
}

#[test]
fn no_promise_is_broken_in_the_third_quarter_of_a_million_steps() {
    quarter_of_a_million(300);
}

#[test]
fn no_promise_is_broken_in_the_last_quarter_of_a_million_steps() {
    quarter_of_a_million(400);
}

/// The run that the environment names, if it names one.
#[test]
fn the_run_that_is_asked_for() {
    let Some(seed) = of_environment("AEROBUS_SIMULATION_SEED") else { return };
    let run = keeps_all_promises(seed, of_environment("AEROBUS_SIMULATION_STEPS").unwrap_or(STEPS));
    println!("{} steps, end state {:016x}", run.steps, run.digest);
    run.counts.iter().for_each(|(what, count)| println!("{count:>8} {what}"));
}

#[test]
fn one_seed_run_twice_gives_the_same_log() {
    let recorded = |seed| record(seed, 5_000).unwrap_or_else(|broken| panic!("{broken}"));
    let (one, other) = (recorded(7), recorded(7));
    for (line, (one, other)) in one.log.iter().zip(&other.log).enumerate() {
        assert_eq!(one, other, "line {line} of the log");
    }
    assert_eq!((one.log.len(), one.steps, one.digest), (other.log.len(), other.steps, other.digest));
    assert_eq!(one.counts, other.counts);
    assert_ne!(one.digest, recorded(8).digest);
}

fn broken_by(sabotage: Sabotage, seeds: std::ops::Range<u64>) -> Box<BrokenPromise> {
    let mut broken = seeds.filter_map(|seed| run(seed, STEPS, sabotage).err());
    broken.next().expect("a run that notices it")
}

#[test]
fn the_simulation_catches_seats_that_are_granted_twice() {
    let broken = broken_by(Sabotage::TakenSeatsAreGranted, 1..4);
    println!("{broken}");
    assert!(broken.what.contains("sold twice"), "{}", broken.what);
    assert!(broken.to_string().contains(&format!("AEROBUS_SIMULATION_SEED={}", broken.seed)));
}

#[test]
fn the_simulation_catches_a_clock_that_is_late() {
    let broken = broken_by(Sabotage::ClockIsLate, 1..4);
    println!("{broken}");
    assert!(broken.what.contains("Held") || broken.what.contains("nobody has it"), "{}", broken.what);
}
