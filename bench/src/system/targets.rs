//! What the whole must reach, and whether it does.

use super::{figures::WholeFigures, levels::LevelFigures, mode::ModeFigures};
use crate::report::{ResultLine, ratio, rounded};
use serde_json::{Map, json};

/// On which side of its bound a figure must be.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// A figure that must be reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    what: String,
    /// What was measured; nothing where it was not.
    measured: Option<f64>,
    bound: Bound,
}

impl Target {
    /// Whether it is reached; nothing where it was not measured.
    #[must_use]
    pub fn is_reached(&self) -> Option<bool> {
        self.measured.map(|measured| match self.bound {
            Bound::AtLeast(least) => measured >= least,
            Bound::AtMost(most) => measured <= most,
        })
    }

    /// A line of the table.
    #[must_use]
    pub fn text(&self) -> String {
        let measured = self.measured.map_or_else(|| "-".to_owned(), |measured| format!("{measured:.2}"));
        let bound = match self.bound {
            Bound::AtLeast(least) => format!("at least {least}"),
            Bound::AtMost(most) => format!("at most {most}"),
        };
        let reached = match self.is_reached() {
            Some(true) => "ok",
            Some(false) => "MISSED",
            None => "not measured",
        };
        format!("{:<66} {measured:>9}  {bound:<13} {reached}", self.what)
    }

    /// For the last line.
    #[must_use]
    pub fn line(&self) -> ResultLine {
        let (Bound::AtLeast(bound) | Bound::AtMost(bound)) = self.bound;
        let mut more = Map::new();
        more.insert("reached".to_owned(), json!(self.is_reached()));
        ResultLine {
            what: format!("target: {}", self.what),
            ours: self.measured.map(rounded),
            baseline: Some(bound),
            unit: match self.bound {
                Bound::AtLeast(_) => "at least",
                Bound::AtMost(_) => "at most",
            },
            more,
            ..ResultLine::default()
        }
    }
}

/// The targets of one way to run the whole.
#[must_use]
pub fn targets(figures: &ModeFigures) -> Vec<Target> {
    let mode = figures.mode.name();
    let level = |clients| figures.levels.iter().find(|level| level.clients == clients);
    let mut targets = Vec::new();
    let mut add = |what: String, measured: Option<f64>, bound| {
        targets.push(Target { what: format!("{mode}: {what}"), measured, bound });
    };
    for (clients, least) in [(8, 1.0), (64, 1.5), (256, 2.0)] {
        let measured = level(clients).and_then(|level| ratio(level.whole.rate(), level.plain.rate()));
        add(format!("rate at {clients}, in times of the plain design's"), measured, Bound::AtLeast(least));
    }
    let p50 = level(1).and_then(LevelFigures::p50_ratio);
    add("p50 at one client, in times of the plain design's".to_owned(), p50, Bound::AtMost(2.0));
    let alone = level(256).and_then(|level| ratio(level.whole.rate(), level.alone_rate()));
    add("rate at 256, in times of booking alone".to_owned(), alone, Bound::AtLeast(0.6));
    for (clients, most) in [(256, 0.6), (8, 1.5)] {
        let measured = level(clients).and_then(|level| cpu_ratio(level, &level.whole));
        add(
            format!("CPU a booking at {clients}, in times of the plain design's"),
            measured,
            Bound::AtMost(most),
        );
    }
    for (clients, most) in [(256, 0.4), (8, 1.0)] {
        let without = figures.without_mailer.iter().find(|(other, _)| *other == clients);
        let measured = without.zip(level(clients)).and_then(|((_, whole), level)| cpu_ratio(level, whole));
        add(format!("the same at {clients} without the mailer"), measured, Bound::AtMost(most));
    }
    let unsent: usize = figures.levels.iter().map(|level| level.whole.not_drained()).sum();
    let unsent = (!figures.levels.is_empty()).then(|| f64::from(u32::try_from(unsent).unwrap_or(u32::MAX)));
    add("rounds whose letters were not sent in time".to_owned(), unsent, Bound::AtMost(0.0));
    let half = figures.half_load.and_then(|half| ratio(half.with_mailer_p99_ms, half.without_mailer_p99_ms?));
    add("p99 at half load, in times of that without the mailer".to_owned(), half, Bound::AtMost(1.5));
    let behind = figures.behind_at_500.map(|behind| f64::from(u32::try_from(behind).unwrap_or(u32::MAX)));
    add("letters behind at the end of 500 bookings a second".to_owned(), behind, Bound::AtMost(500.0));
    let idle = figures.idle.as_ref();
    add("idle, transactions a second".to_owned(), idle.map(|idle| idle.transactions), Bound::AtMost(10.0));
    add("idle, % of a core".to_owned(), idle.map(|idle| idle.cpu), Bound::AtMost(2.0));
    targets
}

fn cpu_ratio(level: &LevelFigures, whole: &WholeFigures) -> Option<f64> {
    (whole.outcome.booked > 0).then(|| ratio(whole.cpu().counted(), level.plain.cpu())).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        booking::load::LoadOutcome,
        system::{
            figures::{PlainRound, WholeRound},
            idle::IdleFigures,
            mode::HalfLoad,
            whole::SystemMode,
        },
    };
    use std::time::Duration;

    fn level(clients: usize, whole: usize, plain: f64) -> LevelFigures {
        let mut level = LevelFigures { clients, ..LevelFigures::default() };
        let lasted = Duration::from_secs(1);
        let mut outcome = LoadOutcome { booked: whole, lasted, ..LoadOutcome::default() };
        outcome.latencies.record(Duration::from_millis(30));
        level.whole.add(&WholeRound { outcome, ..WholeRound::default() });
        let mut round = PlainRound { rate: plain, ..PlainRound::default() };
        round.latencies.record(Duration::from_millis(10));
        level.plain.add(&round);
        level
    }

    fn reached(targets: &[Target], what: &str) -> Option<bool> {
        let target = targets.iter().find(|target| target.what == format!("up: {what}"));
        target.unwrap_or_else(|| panic!("{what}")).is_reached()
    }

    #[test]
    fn what_is_measured_is_held_against_its_bound_and_the_rest_is_told() {
        let mut figures = ModeFigures::of(SystemMode::Up);
        figures.levels = vec![level(1, 100, 150.0), level(8, 300, 300.0), level(256, 500, 400.0)];
        figures.levels[2].alone = vec![800.0];
        figures.half_load =
            Some(HalfLoad { rate: 250.0, with_mailer_p99_ms: 40.0, without_mailer_p99_ms: Some(20.0) });
        let mut idle = IdleFigures::default();
        (idle.transactions, idle.cpu) = (62.0, 1.5);
        figures.idle = Some(idle);
        let targets = targets(&figures);
        for (what, expected) in [
            ("rate at 8, in times of the plain design's", Some(true)),
            ("rate at 64, in times of the plain design's", None),
            ("rate at 256, in times of the plain design's", Some(false)),
            ("p50 at one client, in times of the plain design's", Some(false)),
            ("rate at 256, in times of booking alone", Some(true)),
            ("p99 at half load, in times of that without the mailer", Some(false)),
            ("letters behind at the end of 500 bookings a second", None),
            ("idle, transactions a second", Some(false)),
            ("idle, % of a core", Some(true)),
        ] {
            assert_eq!(reached(&targets, what), expected, "{what}");
        }
        let missed =
            targets.iter().find(|target| target.what.contains("rate at 256, in times of the plain")).unwrap();
        assert!(missed.text().contains("1.25  at least 2"), "{}", missed.text());
        assert!(missed.text().ends_with("MISSED"));
        let line = missed.line();
        assert_eq!((line.ours, line.baseline, &line.more["reached"]), (Some(1.25), Some(2.0), &json!(false)));
    }
}
