//! Reference data as files.

use super::resource::{ReadIn, Resource};
use crate::{
    domain::{
        csv_table::{
            Column, cabin_sections, money, number, numbers, text, words, write_cabin_sections, write_words,
        },
        reference::{AircraftType, Airline, Airplane, Airport, City, SeatLayout, Versioned},
    },
    error::{Conflict, overtaken},
    http::{
        ImportFollower,
        imports::{CsvTable, ImportWrites, handlers::transfers},
    },
    store::{RowLock, flights::SOURCE},
};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use shared::{
    http::{JsonReader, Problem},
    ids::SeatLayoutId,
    money::{Currency, Money},
    outbox,
};
use std::collections::HashMap;

/// A kind of reference data that has files.
trait CsvRow: Resource {
    /// See [`CsvTable::COLUMNS`].
    const CSV_COLUMNS: &'static [Column];

    /// See [`CsvTable::read_line`].
    fn read_row(object: &mut JsonReader<'_>, currency: Currency) -> Option<Self> {
        Self::read_in(object, currency)
    }

    /// See [`CsvTable::fields`].
    fn row_fields(&self, currency: Currency) -> Vec<String>;

    /// Takes the values that no file has from the stored row.
    fn adopt(&mut self, _there: &Self) {}
}

impl<T: CsvRow> CsvTable for T {
    const COLLECTION: &'static str = <T as Resource>::COLLECTION;
    const KIND: &'static str = <T as Resource>::KIND;
    const FOLLOWER: ImportFollower =
        if <T as Resource>::IS_PLACE { ImportFollower::Places } else { ImportFollower::Nobody };
    const COLUMNS: &'static [Column] = T::CSV_COLUMNS;

    fn read_line(object: &mut JsonReader<'_>, currency: Currency) -> Option<Self> {
        T::read_row(object, currency)
    }

    fn fields(&self, currency: Currency) -> Vec<String> {
        self.row_fields(currency)
    }

    fn line_key(&self) -> String {
        self.key().to_string()
    }

    async fn page(
        connection: &mut AsyncPgConnection,
        after: Option<&Self>,
        limit: i64,
    ) -> QueryResult<Vec<Self>> {
        let after = after.map(T::key);
        let found = T::list(connection, None, after.as_ref(), limit).await?;
        Ok(found.into_iter().map(|found| found.value).collect())
    }

    async fn write(
        connection: &mut AsyncPgConnection,
        rows: Vec<(u64, Self)>,
        writes: &mut ImportWrites<'_>,
    ) -> Result<(), Problem> {
        let (lines, mut rows): (Vec<u64>, Vec<T>) = rows.into_iter().unzip();
        let keys: Vec<T::Key> = rows.iter().map(T::key).collect();
        let there = T::find_many(connection, &keys, RowLock::ForUpdate).await?;
        let there: HashMap<String, Versioned<T>> =
            there.into_iter().map(|found| (found.value.line_key(), found)).collect();
        let unknown = T::unknown_references(&rows, connection).await?;
        let mut bad = vec![false; rows.len()];
        for (at, error) in unknown {
            bad[at] = true;
            writes.note(lines[at], error.pointer.as_deref().unwrap_or_default(), &error.message);
        }
        let (mut created, mut changed) = (Vec::new(), Vec::new());
        for ((line, mut row), bad) in lines.into_iter().zip(rows.drain(..)).zip(bad) {
            match there.get(&row.line_key()) {
                _ if bad => {}
                None => created.push(row),
                Some(before) => {
                    row.adopt(&before.value);
                    if row == before.value {
                        writes.tally.counts.unchanged += 1;
                    } else if check_use(connection, (line, &before.value, &row), writes).await? {
                        changed.push((&before.value, row));
                    }
                }
            }
        }
        writes.tally.counts.created += created.len() as u64;
        writes.tally.counts.changed += changed.len() as u64;
        let inserted = T::insert(connection, &created).await.map_err(overtaken)?;
        if inserted < created.len() {
            return Err(Conflict::ReferenceGone.into());
        }
        let (before, after): (Vec<&T>, Vec<T>) = changed.into_iter().unzip();
        if !after.is_empty() {
            T::update_many(connection, &after).await.map_err(overtaken)?;
        }
        if writes.keeps() {
            let renamed = before.iter().zip(&after).filter_map(|(before, after)| T::renamed(before, after));
            writes.renamed.extend(renamed);
            record_rows(connection, (&before, &after, &created), writes).await?;
        }
        Ok(())
    }
}

/// Whether the use of a row allows its change; notes why not.
async fn check_use<T: CsvRow>(
    connection: &mut AsyncPgConnection,
    (line, before, after): (u64, &T, &T),
    writes: &mut ImportWrites<'_>,
) -> Result<bool, Problem> {
    if let Some(conflict) = T::check_use(before, after, connection).await? {
        writes.note(line, conflict.field().unwrap_or_default(), &conflict.to_string());
        return Ok(false);
    }
    if T::successor(before, after, connection).await?.is_some() {
        writes.note(line, "", "is in use: change it by PATCH, which makes its next version");
        return Ok(false);
    }
    Ok(true)
}

/// Records each row in the audit log.
async fn record_rows<T: CsvRow>(
    connection: &mut AsyncPgConnection,
    (before, after, created): (&[&T], &[T], &[T]),
    writes: &ImportWrites<'_>,
) -> Result<(), Problem> {
    let record = |act: &str, before: Option<&T>, after: &T| {
        let (action, subject) = (
            format!("{}.{act}", <T as Resource>::KIND),
            format!("{}/{}", <T as Resource>::KIND, after.key()),
        );
        let view = |one: &T| one.view(writes.currency);
        let (before, after) = (before.map(view), view(after));
        writes.author.change(&action, subject, before.as_ref(), Some(&after)).event(SOURCE)
    };
    let changes = before.iter().zip(after).map(|(before, after)| record("change", Some(before), after));
    let events: Vec<_> = changes.chain(created.iter().map(|made| record("create", None, made))).collect();
    if !events.is_empty() {
        outbox::append(connection, &events).await?;
    }
    Ok(())
}

fn or_empty(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

impl CsvRow for City {
    const CSV_COLUMNS: &'static [Column] = &[
        Column::new("code", text),
        Column::new("name", text),
        Column::new("country", text),
        Column::new("time_zone", text),
    ];

    fn row_fields(&self, _: Currency) -> Vec<String> {
        vec![self.code.to_string(), self.name.clone(), self.country.to_string(), self.time_zone.clone()]
    }
}

impl CsvRow for Airport {
    const CSV_COLUMNS: &'static [Column] = &[
        Column::new("iata", text),
        Column::new("icao", text),
        Column::new("name", text),
        Column::new("city", text),
        Column::new("country", text),
        Column::new("time_zone", text),
        Column::new("latitude", number),
        Column::new("longitude", number),
        Column::new("min_connection_minutes", number),
        Column::new("domestic_tax", money),
        Column::new("international_tax", money),
    ];

    fn row_fields(&self, currency: Currency) -> Vec<String> {
        let tax = |minor: Option<i64>| or_empty(minor.map(|minor| Money::new(minor, currency)));
        vec![
            self.iata.to_string(),
            or_empty(self.icao.as_ref()),
            self.name.clone(),
            self.city.to_string(),
            self.country.to_string(),
            self.time_zone.clone(),
            self.latitude.to_string(),
            self.longitude.to_string(),
            or_empty(self.min_connection_minutes),
            tax(self.taxes.domestic),
            tax(self.taxes.international),
        ]
    }
}

impl CsvRow for Airline {
    const CSV_COLUMNS: &'static [Column] =
        &[Column::new("code", text), Column::new("name", text), Column::new("accounting_code", text)];

    fn row_fields(&self, _: Currency) -> Vec<String> {
        vec![self.code.to_string(), self.name.clone(), self.accounting_code.to_string()]
    }
}

impl CsvRow for AircraftType {
    const CSV_COLUMNS: &'static [Column] =
        &[Column::new("code", text), Column::new("icao", text), Column::new("name", text)];

    fn row_fields(&self, _: Currency) -> Vec<String> {
        vec![self.code.to_string(), self.icao.clone(), self.name.clone()]
    }
}

impl CsvRow for SeatLayout {
    /// A row without an id is a new layout. The version is for readers only.
    const CSV_COLUMNS: &'static [Column] = &[
        Column::new("id", text),
        Column::new("name", text),
        Column::optional("version", number),
        Column::new("aircraft_type", text),
        Column::new("cabins", cabin_sections),
        Column::new("exit_rows", numbers),
        Column::new("blocked_seats", words),
    ];

    fn read_row(object: &mut JsonReader<'_>, currency: Currency) -> Option<Self> {
        let id: Option<SeatLayoutId> = object.optional("id");
        let _: Option<i64> = object.optional("version");
        let layout = Self::read_in(object, currency)?;
        Some(Self { id: id.unwrap_or(layout.id), ..layout })
    }

    fn row_fields(&self, _: Currency) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.name.clone(),
            self.version.to_string(),
            self.aircraft_type.to_string(),
            write_cabin_sections(&self.plan.cabins),
            write_words(&self.plan.exit_rows),
            write_words(&self.plan.blocked_seats),
        ]
    }

    fn adopt(&mut self, there: &Self) {
        self.version = there.version;
    }
}

impl CsvRow for Airplane {
    const CSV_COLUMNS: &'static [Column] = &[
        Column::new("registration", text),
        Column::new("airline", text),
        Column::new("aircraft_type", text),
        Column::new("seat_layout_id", text),
    ];

    fn row_fields(&self, _: Currency) -> Vec<String> {
        vec![
            self.registration.to_string(),
            self.airline.to_string(),
            self.aircraft_type.to_string(),
            self.seat_layout_id.to_string(),
        ]
    }
}

transfers!(city_transfers, City, "cities", "/api/v1/admin/cities/import", "/api/v1/admin/cities/export");
transfers!(
    airport_transfers,
    Airport,
    "airports",
    "/api/v1/admin/airports/import",
    "/api/v1/admin/airports/export"
);
transfers!(
    airline_transfers,
    Airline,
    "airlines",
    "/api/v1/admin/airlines/import",
    "/api/v1/admin/airlines/export"
);
transfers!(
    aircraft_type_transfers,
    AircraftType,
    "aircraft types",
    "/api/v1/admin/aircraft-types/import",
    "/api/v1/admin/aircraft-types/export"
);
transfers!(
    seat_layout_transfers,
    SeatLayout,
    "seat layouts",
    "/api/v1/admin/seat-layouts/import",
    "/api/v1/admin/seat-layouts/export"
);
transfers!(
    airplane_transfers,
    Airplane,
    "airplanes",
    "/api/v1/admin/airplanes/import",
    "/api/v1/admin/airplanes/export"
);
