//! The index by itself: searches, memory, and changes while others read.

use super::{durations::Durations, flight_bench::FlightBench, network::Dice, questions};
use crate::report::{ResultLine, rounded};
use chrono::{TimeDelta, Utc};
use flight::domain::{
    availability::TakenSeats,
    flight::Flight,
    search::{Query, SearchRules, search},
    timetable::{Index, Timetable},
};
use serde_json::json;
use shared::{ids::FlightId, money::Currency};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};
use tokio::sync::watch;

/// Itineraries of a page.
const PAGE: usize = 51;
/// Changes that are applied.
const CHANGES: usize = 4000;

/// Measures the index.
///
/// # Errors
/// Where the memory of the process cannot be read.
pub fn measure(bench: &FlightBench) -> anyhow::Result<Vec<ResultLine>> {
    let (mut timetable, flights, memory) = build(bench)?;
    let mut lines = vec![memory];
    for (what, connections) in [("direct", 0), ("one_connection", 1), ("two_connections", 2)] {
        lines.push(searches(bench, timetable.index(), what, connections));
    }
    lines.extend(changes(bench, &mut timetable, &flights));
    Ok(lines)
}

/// Builds the index of the network, a third of the seats sold.
fn build(bench: &FlightBench) -> anyhow::Result<(Timetable, Vec<FlightId>, ResultLine)> {
    let mut timetable = Timetable::default();
    let (mut ids, mut dice) = (Vec::new(), Dice::new(3));
    let seats: Vec<i16> = bench.network.equipment.plan.seats().map(|(seat, _)| seat.to_number()).collect();
    let (before, mut building) = (resident_bytes()?, Durations::default());
    for flight in bench.network.flights(bench.first, bench.options.days()) {
        let sold = dice.below(seats.len() * 2 / 3);
        let taken = TakenSeats { version: 1, seats: seats[seats.len() - sold..].to_vec() };
        building.of(|| {
            timetable.put(&flight);
            timetable.put_seats(flight.id, taken)
        });
        ids.push(flight.id);
    }
    // The ids are the benchmark's own.
    let own = ids.capacity() * size_of::<FlightId>();
    let used = resident_bytes()?.saturating_sub(before).saturating_sub(own);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
    let each = used as f64 / ids.len() as f64;
    let mut line = ResultLine {
        what: "memory".to_owned(),
        ours: Some(each),
        unit: "bytes a flight",
        ..ResultLine::default()
    };
    line.more.insert("flights".to_owned(), json!(ids.len()));
    line.more.insert("mib".to_owned(), json!(used / 1024 / 1024));
    line.more.insert("put_seconds".to_owned(), json!(rounded(building.seconds())));
    Ok((timetable, ids, line))
}

/// The resident memory of this process.
fn resident_bytes() -> anyhow::Result<usize> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: usize = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0);
    Ok(kib * 1024)
}

fn searches(bench: &FlightBench, index: &Index, what: &str, connections: usize) -> ResultLine {
    let asked = (bench.first, bench.options.days());
    let queries = questions::queries(&bench.network, asked, connections, bench.options.questions());
    let rules = SearchRules::of(Currency::EUR);
    let now = Utc::now();
    let mut durations = Durations::default();
    let mut found = 0;
    for query in &queries {
        found += durations.of(|| search(index, (query, &rules), now, None, PAGE)).len();
    }
    let mut line = ResultLine {
        what: what.to_owned(),
        ours: Some(durations.micros(50)),
        unit: "µs a search, half of them (more: of the slowest)",
        ..ResultLine::default()
    };
    line.more.insert("p99_micros".to_owned(), json!(rounded(durations.micros(99))));
    line.more.insert("slowest_micros".to_owned(), json!(rounded(durations.micros(100))));
    line.more.insert("found_each".to_owned(), json!(found / queries.len().max(1)));
    line
}

/// Changes flights and seats, and publishes each change, while a thread searches.
fn changes(bench: &FlightBench, timetable: &mut Timetable, ids: &[FlightId]) -> Vec<ResultLine> {
    let (sender, published) = watch::channel(Arc::new(timetable.index().clone()));
    let queries =
        questions::queries(&bench.network, (bench.first, bench.options.days()), 0, bench.options.questions());
    let stop = AtomicBool::new(false);
    let (mut applying, mut reading) = (Durations::default(), Durations::default());
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| read(&published, &queries, &stop));
        let mut dice = Dice::new(5);
        let mut changed = Vec::new();
        for number in 0..CHANGES {
            let id = ids[dice.below(ids.len())];
            let flight = if number % 2 == 0 { later(bench, timetable, id) } else { None };
            let seats = (0..40).map(|seat| 128 + seat).collect();
            let taken = TakenSeats { version: 2 + i64::try_from(number).unwrap_or(0), seats };
            applying.of(|| {
                match &flight {
                    Some(flight) => timetable.put(flight),
                    None => timetable.put_seats(id, taken),
                };
                sender.send_replace(Arc::new(timetable.index().clone()))
            });
            changed.push(id);
        }
        stop.store(true, Ordering::Relaxed);
        reading = reader.join().unwrap_or_default();
    });
    let line = |what: &str, durations: &mut Durations, unit| {
        let mut line = ResultLine {
            what: what.to_owned(),
            ours: Some(durations.micros(50)),
            unit,
            ..ResultLine::default()
        };
        line.more.insert("p99_micros".to_owned(), json!(rounded(durations.micros(99))));
        line.more.insert("slowest_micros".to_owned(), json!(rounded(durations.micros(100))));
        line
    };
    vec![
        line("change", &mut applying, "µs to apply and publish a change, half of them"),
        line("direct_meanwhile", &mut reading, "µs a search while changes are applied, half of them"),
    ]
}

/// The same flight five minutes later, in its next version.
fn later(bench: &FlightBench, timetable: &Timetable, id: FlightId) -> Option<Flight> {
    let known = timetable.find(id)?;
    let daily = bench.network.daily.iter().find(|daily| daily.number == *known.number)?;
    let date = known.departs_at().date_naive();
    let mut flight = bench.network.flight(daily, date);
    flight.id = id;
    flight.version = known.version + 1;
    flight.departure.at += TimeDelta::minutes(5);
    flight.arrival.at += TimeDelta::minutes(5);
    Some(flight)
}

fn read(published: &watch::Receiver<Arc<Index>>, queries: &[Query], stop: &AtomicBool) -> Durations {
    let rules = SearchRules::of(Currency::EUR);
    let mut durations = Durations::default();
    let began = Instant::now();
    for query in queries.iter().cycle() {
        if stop.load(Ordering::Relaxed) || began.elapsed().as_secs() > 60 {
            break;
        }
        durations.of(|| {
            let index = published.borrow().clone();
            search(&index, (query, &rules), Utc::now(), None, PAGE).len()
        });
    }
    durations
}
