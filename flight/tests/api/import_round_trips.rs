//! Drawn rows through the database: what is imported is exported as it was, and an export changes nothing.

use crate::{
    files::{counts, export, import},
    schedules::keep_still,
    service::Service,
    world::day,
};
use proptest::{prelude::*, sample::select, strategy::ValueTree, test_runner::TestRunner};
use shared::http::spreadsheet;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// How often each table is drawn.
const ROUNDS: usize = 3;
const ROWS: usize = 24;

type Row = Vec<String>;

/// Draws rows, which are always the same ones.
struct Draw(TestRunner);

impl Draw {
    fn one<S: Strategy>(&mut self, strategy: S) -> S::Value {
        strategy.new_tree(&mut self.0).expect("a value").current()
    }

    fn text(&mut self, expression: &str) -> String {
        self.one(proptest::string::string_regex(expression).expect("an expression"))
    }

    fn name(&mut self) -> String {
        self.text("[A-Za-zÀ-ÿ=+@'\";,-]([A-Za-zÀ-ÿ0-9 =+@'\";,-]{0,20}[A-Za-zÀ-ÿ0-9=+@'\";,-])?")
    }

    fn of(&mut self, texts: &[&str]) -> String {
        self.one(select(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()))
    }

    fn zone(&mut self) -> String {
        self.of(&["UTC", "Europe/London", "Asia/Kathmandu", "Pacific/Apia"])
    }

    fn tax(&mut self) -> String {
        let minor = self.one(prop::option::of(0..10_000_000_u64));
        minor.map_or_else(String::new, |minor| format!("{}.{:02} EUR", minor / 100, minor % 100))
    }

    /// A row of a table, with this key and with references that the small network has.
    fn row(&mut self, table: &str, key: &str, layout: &str) -> Row {
        let key = key.to_owned();
        match table {
            "cities" => vec![key, self.name(), self.text("[A-Z]{2}"), self.zone()],
            "airports" => {
                let (latitude, longitude) = (self.one(-90.0..=90.0_f64), self.one(-180.0..=180.0_f64));
                let connection = self.one(prop::option::of(1..=1440_u16));
                vec![
                    key,
                    self.of(&["", "EGLL", "K123"]),
                    self.name(),
                    self.of(&["LON", "PAR"]),
                    self.text("[A-Z]{2}"),
                    self.zone(),
                    latitude.to_string(),
                    longitude.to_string(),
                    connection.map_or_else(String::new, |minutes| minutes.to_string()),
                    self.tax(),
                    self.tax(),
                ]
            }
            "airlines" => vec![key, self.name(), self.text("[0-9]{3}")],
            "aircraft-types" => vec![key, self.text("[A-Z0-9]{2,4}"), self.name()],
            "seat-layouts" => {
                let (rows, last) = (self.one(1..20_u8), self.one(21..60_u8));
                let cabins = format!("business 1-{rows} AC|DF / economy {}-{last} ABC|DEF", rows + 1);
                let (exits, blocked) = (self.of(&["", "1", "1 21"]), self.of(&["", "1A", "1A 21F"]));
                vec![key, self.name(), "1".to_owned(), "320".to_owned(), cabins, exits, blocked]
            }
            "airplanes" => vec![key, "AE".to_owned(), "320".to_owned(), layout.to_owned()],
            _ => {
                let from = self.one(1..100_i64);
                let to = from + self.one(7..200_i64);
                let (hour, days) = (self.one(10..20_u8), self.of(&["1", "1 2 3 4 5 6 7", "6 7"]));
                let fares =
                    self.of(&["economy light 100.00 EUR", "business flex 0.01 EUR / economy flex 7.30 EUR"]);
                let (departs, arrives) = (format!("{hour}:05"), format!("{}:59", hour + 2));
                let (from, to) = (day(from).to_string(), day(to).to_string());
                let plane = self.of(&["G-AERA", "G-AERB"]);
                // The key of a schedule is an id; its number and its route stay.
                let number = format!("AE{}", 1 + key.parse::<Uuid>().expect("an id").as_u128() % 9999);
                let row = [
                    number.as_str(),
                    "LHR",
                    "CDG",
                    &from,
                    &to,
                    &days,
                    &departs,
                    &arrives,
                    "0",
                    &plane,
                    &fares,
                ];
                std::iter::once(key).chain(row.map(str::to_owned)).collect()
            }
        }
    }

    /// Keys of a table that the small network does not have.
    fn keys(&mut self, table: &str) -> BTreeSet<String> {
        let expression = match table {
            "cities" | "airports" => "[E-K]{3}",
            "airlines" => "[B-Z][A-Z0-9]",
            "aircraft-types" => "[A-Z][A-Z0-9]{2}",
            "airplanes" => "F-[A-Z0-9]{4}",
            _ => return (0..ROWS).map(|_| Uuid::from_u128(self.one(any::<u128>())).to_string()).collect(),
        };
        (0..ROWS).map(|_| self.text(expression)).collect()
    }
}

/// The version of a layout counts its changes.
fn count_version(row: &mut Row, before: Option<&Row>) {
    let Some(before) = before else { return };
    row[2].clone_from(&before[2]);
    if row != before {
        row[2] = (before[2].parse::<u64>().expect("a number") + 1).to_string();
    }
}

/// Header and lines of a file.
fn lines(file: &str) -> (String, BTreeSet<String>) {
    let mut lines = file.split_terminator("\r\n").map(str::to_owned);
    (lines.next().expect("a header"), lines.collect())
}

fn document(header: &str, rows: &BTreeMap<String, Row>) -> String {
    let header: Vec<&str> = header.split(',').collect();
    let rows = rows.values().map(|row| row.iter().map(String::as_str).collect());
    let file = spreadsheet::document(std::iter::once(header).chain(rows)).expect("a file");
    String::from_utf8(file).expect("UTF-8")
}

#[actix_web::test]
async fn drawn_rows_are_imported_and_exported_as_they_were() {
    let service = Service::start().await;
    let _still = keep_still(&service).await;
    let layouts = service.anybody.get("/api/v1/seat-layouts").await.expect(200);
    let layout = layouts["data"][0]["id"].as_str().expect("an id").to_owned();
    let mut draw = Draw(TestRunner::deterministic());
    let tables =
        ["cities", "airports", "airlines", "aircraft-types", "seat-layouts", "airplanes", "schedules"];
    for table in tables {
        let (header, there) = lines(&export(&service, table).await);
        let keys = draw.keys(table);
        let mut known = BTreeMap::new();
        for round in 0..ROUNDS {
            let mut rows: BTreeMap<String, Row> =
                keys.iter().map(|key| (key.clone(), draw.row(table, key, &layout))).collect();
            if table == "seat-layouts" {
                rows.iter_mut().for_each(|(key, row)| count_version(row, known.get(key)));
            }
            let file = document(&header, &rows);
            let changed = rows.iter().filter(|(key, row)| known.get(*key) != Some(*row)).count() as u64;
            let report = import(&service.operator, table, file.clone()).await.expect(200);
            let unchanged = keys.len() as u64 - changed;
            let expected = if round == 0 { (changed, 0, 0) } else { (0, changed, unchanged) };
            assert_eq!(counts(&report), expected, "{table}: {report}");
            let exported = export(&service, table).await;
            let expected: BTreeSet<String> = lines(&file).1.union(&there).cloned().collect();
            assert_eq!(lines(&exported).1, expected, "{table}");
            let report = import(&service.operator, table, exported).await.expect(200);
            assert_eq!(counts(&report), (0, 0, expected.len() as u64), "{table}: {report}");
            known = rows;
        }
    }
}
