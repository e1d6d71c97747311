//! The table for people, and the JSON object of the last line.

use crate::machine::Machine;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A line of the results. What was not measured is `None`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ResultLine {
    /// What was measured, `hot_flight`.
    pub what: String,
    /// Ours.
    pub ours: Option<f64>,
    /// What it is compared with.
    pub baseline: Option<f64>,
    /// Of both, `bookings/s`.
    pub unit: &'static str,
    /// Ours divided by the baseline.
    pub ratio: Option<f64>,
    /// Half of ours took at most this, milliseconds.
    pub p50_ms: Option<f64>,
    /// Of a hundred of ours, 99 took at most this, milliseconds.
    pub p99_ms: Option<f64>,
    /// What else is known of it; the numbers of the baseline's client counts, refusals, rows.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Quotients of nothing are nothing.
#[must_use]
pub fn ratio(ours: f64, baseline: f64) -> Option<f64> {
    (baseline > 0.0).then(|| ours / baseline)
}

/// Prints the table's head.
pub fn print_head(machine: &Machine) {
    println!();
    println!("machine    {} ({} cores), {} GiB", machine.cpu, machine.cores, machine.memory_gib);
    println!("server     {}", machine.postgres);
    println!("settings   {}", machine.settings);
    println!("fsync      {:.2} ms; load when it began: {}", machine.fsync_ms, machine.load);
    println!();
    println!(
        "{:<22} {:>10} {:>10} {:>7} {:>9} {:>9}  more",
        "what", "ours", "baseline", "ratio", "p50 ms", "p99 ms"
    );
}

/// Prints a line, and what more there is below it.
pub fn print_line(line: &ResultLine) {
    let number = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
    };
    println!(
        "{:<22} {:>10} {:>10} {:>7} {:>9} {:>9}  {}",
        line.what,
        number(line.ours, if line.ours.is_some_and(|ours| ours < 10.0) { 2 } else { 1 }),
        number(line.baseline, 1),
        number(line.ratio, 2),
        number(line.p50_ms, 2),
        number(line.p99_ms, 2),
        line.unit,
    );
    for (name, value) in &line.more {
        println!("    {name}: {}", compact(value));
    }
}

fn compact(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{name} {}", compact(value)));
            members.collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) => items.iter().map(compact).collect::<Vec<_>>().join(" "),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Rounds for reading; JSON needs no more digits than were measured.
#[must_use]
pub fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// The last line.
#[must_use]
pub fn json_line(bench: &str, machine: &Machine, lines: &[ResultLine]) -> String {
    let results: Vec<ResultLine> = lines
        .iter()
        .cloned()
        .map(|mut line| {
            for value in
                [&mut line.ours, &mut line.baseline, &mut line.ratio, &mut line.p50_ms, &mut line.p99_ms]
            {
                *value = value.map(rounded);
            }
            line
        })
        .collect();
    json!({"bench": bench, "machine": machine, "results": results}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_an_object_of_numbers() {
        let machine = Machine {
            cpu: "a processor".to_owned(),
            cores: 2,
            memory_gib: 8,
            postgres: "PostgreSQL 15".to_owned(),
            settings: "fsync=on".to_owned(),
            fsync_ms: 1.5,
            load: "0.1 0.1 0.1".to_owned(),
        };
        let mut more = Map::new();
        more.insert("clients".to_owned(), json!(64));
        let line = ResultLine {
            what: "hot_flight".to_owned(),
            ours: Some(5210.444),
            baseline: Some(412.0),
            unit: "bookings/s",
            ratio: ratio(5210.444, 412.0),
            p50_ms: Some(3.1),
            p99_ms: None,
            more,
        };
        let text = json_line("booking", &machine, &[line]);
        assert!(!text.contains('\n'));
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["bench"], "booking");
        assert_eq!(read["machine"]["cores"], 2);
        let result = &read["results"][0];
        assert_eq!((&result["ours"], &result["ratio"]), (&json!(5210.44), &json!(12.65)));
        assert_eq!((&result["p99_ms"], &result["clients"]), (&Value::Null, &json!(64)));
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        assert_eq!(ratio(1.0, 0.0), None);
        assert_eq!(ratio(3.0, 2.0), Some(1.5));
    }

    #[test]
    fn values_are_printed_for_people() {
        assert_eq!(compact(&json!({"a": 1, "b": ["x", 2]})), "a 1, b x 2");
    }
}
