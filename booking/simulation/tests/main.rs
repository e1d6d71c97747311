//! The seeded simulation, and the same on PostgreSQL. See `docs/simulation.md`.

mod on_postgres;

use booking::simulation::{Broken, Fence, Run, run};
use std::collections::BTreeMap;

/// Steps of a run: a world of some minutes or days, and the way to its rest.
const STEPS: u64 = 25_000;

fn of_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs a seed; a broken promise ends the test with the way to it.
fn keeps_all_promises(seed: u64, steps: u64) -> Run {
    println!("seed {seed}, {steps} steps");
    run(seed, steps, Fence::Whole).unwrap_or_else(|broken| panic!("{broken}"))
}

/// What a quarter of a million steps come to, or they show little: each command is carried out, and each
/// that can be refused is refused.
const HAPPENS: [&str; 32] = [
    "claims won",
    "claims lost at the fence",
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
    "changes of seats lost at the fence",
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
    "holds ended by the reaper",
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
fn the_same_seed_is_the_same_run() {
    let digest = |seed| {
        let run = keeps_all_promises(seed, 5_000);
        (run.steps, run.digest, run.counts)
    };
    assert_eq!(digest(7), digest(7));
    assert_ne!(digest(7).1, digest(8).1);
}

fn broken_by(fence: Fence, seeds: std::ops::Range<u64>) -> Box<Broken> {
    let mut broken = seeds.filter_map(|seed| run(seed, STEPS, fence).err());
    broken.next().expect("a run that notices it")
}

#[test]
fn the_simulation_catches_a_broken_fence() {
    let broken = broken_by(Fence::TakenSeatsAreGranted, 1..4);
    println!("{broken}");
    assert!(broken.what.contains("sold twice"), "{}", broken.what);
    assert!(broken.to_string().contains(&format!("AEROBUS_SIMULATION_SEED={}", broken.seed)));
}

#[test]
fn the_simulation_catches_a_clock_that_is_late() {
    let broken = broken_by(Fence::ClockIsLate, 1..4);
    println!("{broken}");
    assert!(broken.what.contains("Held") || broken.what.contains("nobody has it"), "{}", broken.what);
}
