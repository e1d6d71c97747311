//! Kills one after the other, and tells how long that kept the clients waiting.

use super::{
    record::{Record, Sample},
    system::System,
};
use crate::{instance::Instance, requests::Lost};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How long another's death may keep anybody waiting.
const BLOCKED: Duration = Duration::from_secs(2);
/// How long a booking process stays away: as long as its supervisor may take to notice.
const AWAY: Duration = Duration::from_secs(1);

/// Who dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    /// The first of the two booking processes.
    Booking,
    Postgres,
    RabbitMq,
}

/// One of the deaths.
pub(super) struct Death {
    victim: Victim,
    killed: Instant,
    /// When the victim, started again, did its work again.
    ready: Instant,
}

/// What the clients saw of a death.
#[derive(Debug)]
struct Seen {
    /// The longest request of those that got an answer and were under way while the victim was away; for
    /// a booking process, of those to the other one.
    longest: Duration,
    /// Of those how many had an answer of 5xx.
    faults: usize,
    /// From the victim's return, or their first request after it, until each client was served: the
    /// longest.
    back: Duration,
    /// The longest time in which nobody was served.
    nobody: Duration,
}

/// Kills all of them, with quiet times before, between and after.
pub(super) async fn all(system: &mut System, quiet: Duration) -> Vec<Death> {
    let mut deaths = Vec::new();
    for victim in [Victim::Booking, Victim::Postgres, Victim::RabbitMq] {
        tokio::time::sleep(quiet).await;
        let killed = Instant::now();
        match victim {
            Victim::Booking => {
                system.instances[0].kill();
                tokio::time::sleep(AWAY).await;
                let settings = system.settings.clone();
                Instance::spawn_again(&mut system.instances[0], &settings);
                system.instances[0].ready().await;
            }
            Victim::Postgres => {
                let crash = |postgres: &mut servers::Postgres| {
                    postgres.kill();
                    postgres.restart().unwrap();
                };
                system.with_postgres(crash).await;
            }
            Victim::RabbitMq => {
                let crash = |broker: &mut servers::RabbitMq| {
                    broker.kill();
                    broker.restart().unwrap();
                };
                system.with_broker(crash).await;
            }
        }
        deaths.push(Death { victim, killed, ready: Instant::now() });
    }
    tokio::time::sleep(quiet).await;
    deaths
}

impl Death {
    fn seen(&self, samples: &[Sample]) -> Seen {
        let survivors = |sample: &&Sample| self.victim != Victim::Booking || sample.instance == 1;
        let under_way = |sample: &&Sample| sample.sent < self.ready && sample.ended > self.killed;
        let concerned = || samples.iter().filter(under_way).filter(survivors);
        let answered = concerned().filter(|sample| sample.outcome.is_ok());
        Seen {
            longest: answered.map(Sample::took).max().unwrap_or_default(),
            faults: concerned().filter(|sample| sample.outcome.is_ok_and(|status| status >= 500)).count(),
            back: self.back(samples),
            nobody: self.nobody(samples),
        }
    }

    fn back(&self, samples: &[Sample]) -> Duration {
        let mut trying: BTreeMap<usize, Instant> = BTreeMap::new();
        let mut served: BTreeMap<usize, Duration> = BTreeMap::new();
        // They stand in the order in which they ended.
        for sample in samples.iter().filter(|sample| sample.ended > self.ready) {
            let since = *trying.entry(sample.client).or_insert(sample.sent.max(self.ready));
            if sample.is_served() {
                served.entry(sample.client).or_insert(sample.ended - since);
            }
        }
        assert!(trying.keys().eq(served.keys()), "a client was never served again");
        served.into_values().max().unwrap_or_default()
    }

    fn nobody(&self, samples: &[Sample]) -> Duration {
        let served: Vec<Instant> = samples.iter().filter(|one| one.is_served()).map(|one| one.ended).collect();
        let gaps = served.windows(2).filter(|pair| pair[1] > self.killed && pair[0] < self.ready);
        gaps.map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }
}

pub(super) fn print(deaths: &[Death], record: &Record) {
    let samples = record.samples.borrow();
    println!("\n{:10} {:>9} {:>15} {:>6} {:>13} {:>14}", "killed", "away", "longest answer", "5xx", "nobody served", "all back after");
    for death in deaths {
        let Seen { longest, faults, back, nobody } = death.seen(&samples);
        let away = death.ready - death.killed;
        println!(
            "{:10} {:>6} ms {:>12} ms {faults:>6} {:>10} ms {:>11} ms",
            format!("{:?}", death.victim),
            away.as_millis(),
            longest.as_millis(),
            nobody.as_millis(),
            back.as_millis()
        );
    }
}

/// Prints requests that took long, by when they were sent and ended from the first death on.
pub(super) fn print_slow(deaths: &[Death], record: &Record) {
    let samples = record.samples.borrow();
    let begin = samples.iter().map(|sample| sample.sent).min();
    let (Some(begin), Some(_)) = (begin, deaths.first()) else { return };
    let at = |instant: Instant| (instant - begin).as_secs_f64();
    for death in deaths {
        println!("{:?} was away from {:.1} s to {:.1} s", death.victim, at(death.killed), at(death.ready));
    }
    let mut by_second: BTreeMap<(u64, &str), usize> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| !sample.is_served()) {
        *by_second.entry(((sample.ended - begin).as_secs(), &sample.problem)).or_default() += 1;
    }
    by_second.iter().for_each(|((second, problem), count)| println!("  {second:3} s {count:4} {problem}"));
    let mut slow: Vec<&Sample> = samples.iter().filter(|sample| sample.took() > BLOCKED / 2).collect();
    slow.sort_by_key(|sample| std::cmp::Reverse(sample.took()));
    for sample in slow.iter().take(60) {
        let Sample { client, instance, outcome, what, problem, .. } = sample;
        println!(
            "  {:6.2} s to {:6.2} s: {:5} ms, client {client} at instance {instance}, {what}: {outcome:?} {problem}",
            at(sample.sent),
            at(sample.ended),
            sample.took().as_millis()
        );
    }
}

pub(super) fn check(deaths: &[Death], record: &Record) {
    let samples = record.samples.borrow();
    let hung = samples.iter().filter(|sample| sample.outcome == Err(Lost::Silence)).count();
    assert_eq!(hung, 0, "requests without any answer");
    for death in deaths {
        let seen = death.seen(&samples);
        let (victim, blocked) = (death.victim, seen.longest >= BLOCKED);
        match victim {
            Victim::Booking => assert!(!blocked, "{victim:?} blocked the other one's clients: {seen:?}"),
            // While the database is away nobody can be served: what counts is that all are afterwards.
            Victim::Postgres => assert!(seen.back < BLOCKED, "{victim:?} blocked clients: {seen:?}"),
            Victim::RabbitMq => {
                assert!(!blocked, "{victim:?} blocked clients: {seen:?}");
                assert_eq!(seen.faults, 0, "bookings do not need the broker");
            }
        }
    }
}
