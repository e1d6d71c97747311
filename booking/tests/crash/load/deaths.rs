//! Kills one after the other, and tells how long that kept the clients waiting.

use super::{
    record::{Record, Sample},
    system::System,
};
use crate::{instance::InstanceProcess, requests::Lost};
use std::time::{Duration, Instant};

/// How long another's death may keep anybody waiting. The service's own bounds are shorter: locks are
/// waited for for 200 ms, a ledger that has lost its connection tries again after 100 ms, a provider that was
/// silent is asked again after one second.
const BLOCKED: Duration = Duration::from_secs(2);
/// What the longest request takes while all live, at most, on a machine that has little else to do. Where it
/// takes more, the machine is short of time, and nothing tells a wait for the dead from a wait for the machine.
const USUAL: Duration = Duration::from_secs(1);
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
struct DeathImpact {
    /// The longest request of those that got an answer and were under way while the victim was away; for
    /// a booking process, of those to the other one.
    longest: Duration,
    /// Of those how many had an answer of 5xx.
    faults: usize,
    /// The longest request that was served, from the victim's return on, and which it was.
    back: (Duration, String),
    /// From the victim's return until the last request was refused, and why.
    refused: (Duration, String),
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
                InstanceProcess::respawn(&mut system.instances[0], &settings);
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
    fn seen(&self, samples: &[Sample], quiet: Duration) -> DeathImpact {
        let survivors = |sample: &&Sample| self.victim != Victim::Booking || sample.instance == 1;
        let under_way = |sample: &&Sample| sample.sent < self.ready && sample.ended > self.killed;
        let concerned = || samples.iter().filter(under_way).filter(survivors);
        let answered = concerned().filter(|sample| sample.outcome.is_ok());
        DeathImpact {
            longest: answered.map(Sample::took).max().unwrap_or_default(),
            faults: concerned().filter(|sample| sample.outcome.is_ok_and(|status| status >= 500)).count(),
            back: self.back(samples, self.ready + quiet),
            refused: self.refused(samples, self.ready + quiet),
            nobody: self.longest_gap(samples),
        }
    }

    /// The longest request that was served, from the victim's return on, and which it was.
    fn back(&self, samples: &[Sample], end: Instant) -> (Duration, String) {
        let took = |sample: &Sample| sample.ended - sample.sent.max(self.ready);
        let served = self.after(samples, end).filter(|sample| sample.is_served());
        let Some(longest) = served.max_by_key(|sample| took(sample)) else { return Default::default() };
        let sent = longest.sent.saturating_duration_since(self.ready).as_millis();
        (took(longest), format!("{} at {sent} ms", longest.what))
    }

    /// How long after the victim's return, until `end`, the last request was not served, and why.
    fn refused(&self, samples: &[Sample], end: Instant) -> (Duration, String) {
        let refused = self.after(samples, end).filter(|sample| !sample.is_served() && sample.ended < end);
        let last = refused.max_by_key(|sample| sample.ended);
        last.map(|sample| (sample.ended - self.ready, sample.problem.clone())).unwrap_or_default()
    }

    fn after<'a>(&self, samples: &'a [Sample], end: Instant) -> impl Iterator<Item = &'a Sample> {
        let ready = self.ready;
        samples.iter().filter(move |sample| sample.ended > ready && sample.sent < end)
    }

    fn longest_gap(&self, samples: &[Sample]) -> Duration {
        let served: Vec<Instant> =
            samples.iter().filter(|one| one.is_served()).map(|one| one.ended).collect();
        let gaps = served.windows(2).filter(|pair| pair[1] > self.killed && pair[0] < self.ready);
        gaps.map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }
}

/// The longest request while nobody is away and nobody was just before: what the machine needs anyway.
fn usual(deaths: &[Death], samples: &[Sample], quiet: Duration) -> Duration {
    let Some(begin) = samples.iter().map(|sample| sample.sent).min() else { return Duration::ZERO };
    let disturbed = |sample: &&Sample| {
        let of = |death: &Death| sample.ended > death.killed && sample.sent < death.ready + quiet / 2;
        // At first each flight is read for the first time.
        sample.sent < begin + quiet / 2 || deaths.iter().any(of)
    };
    let undisturbed = samples.iter().filter(|sample| !disturbed(sample));
    undisturbed.map(Sample::took).max().unwrap_or_default()
}

pub(super) fn print(deaths: &[Death], record: &Record, quiet: Duration) {
    let samples = record.samples.borrow();
    println!("\nLongest answer while all live: {} ms", usual(deaths, &samples, quiet).as_millis());
    println!(
        "{:10} {:>9} {:>15} {:>6} {:>14} {:>15}  {:25}  last refusal after",
        "killed", "away", "longest answer", "5xx", "nobody served", "longest after", "which"
    );
    for death in deaths {
        let DeathImpact { longest, faults, back, refused, nobody } = death.seen(&samples, quiet);
        println!(
            "{:10} {:>6} ms {:>12} ms {faults:>6} {:>11} ms {:>12} ms  {:25}  {} ms {}",
            format!("{:?}", death.victim),
            (death.ready - death.killed).as_millis(),
            longest.as_millis(),
            nobody.as_millis(),
            back.0.as_millis(),
            back.1,
            refused.0.as_millis(),
            refused.1
        );
    }
}

pub(super) fn check(deaths: &[Death], record: &Record, quiet: Duration) {
    let samples = record.samples.borrow();
    let hung = samples.iter().filter(|sample| sample.outcome == Err(Lost::Silence)).count();
    assert_eq!(hung, 0, "requests without any answer");
    let usual = usual(deaths, &samples, quiet);
    if usual > USUAL {
        println!("The machine is short of time: how long anybody was kept waiting is not judged");
        return;
    }
    for death in deaths {
        let (victim, seen) = (death.victim, death.seen(&samples, quiet));
        match victim {
            Victim::Booking => assert!(seen.longest < BLOCKED, "{victim:?} blocked clients: {seen:?}"),
            // While the database is away nobody can be served: what counts is that all are afterwards.
            Victim::Postgres => {
                assert!(seen.back.0 < BLOCKED, "{victim:?} blocked clients: {seen:?}");
                assert!(seen.refused.0 < BLOCKED, "{victim:?} had clients refused: {seen:?}");
            }
            Victim::RabbitMq => {
                assert!(seen.longest < BLOCKED, "{victim:?} blocked clients: {seen:?}");
                assert_eq!(seen.faults, 0, "bookings do not need the broker");
            }
        }
    }
}
