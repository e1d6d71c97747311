//! Schedules as files.

use super::{
    ImportFollower,
    admin_schedules::audit_event,
    imports::{CsvTable, ImportWrites, handlers::transfers},
    schedule_body::{NewScheduleBody, ScheduleView},
    schedule_check::check_all,
};
use crate::{
    domain::{
        csv_table::{Column, fares, number, numbers, text, write_fares, write_words},
        schedule::Schedule,
    },
    error::overtaken,
    store::schedules::{self, StoredSchedule},
};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use shared::{
    auth::Permission,
    http::{FromJson, JsonReader, Problem},
    ids::ScheduleId,
    money::Currency,
    outbox,
};
use std::collections::{HashMap, HashSet};

/// A line of a file of schedules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScheduleRow {
    schedule: Schedule,
    /// Whether the line names the id. One without is the schedule that says the same, else a new one: so a file without
    /// ids can be sent again.
    has_id: bool,
}

impl CsvTable for ScheduleRow {
    const COLLECTION: &'static str = "schedules";
    const KIND: &'static str = "schedule";
    const FOLLOWER: ImportFollower = ImportFollower::Keeper;
    const COLUMNS: &'static [Column] = &[
        Column::optional("id", text),
        Column::new("flight_number", text),
        Column::new("origin", text),
        Column::new("destination", text),
        Column::new("effective_from", text),
        Column::new("effective_to", text),
        Column::new("days_of_operation", numbers),
        Column::new("departure_time", text),
        Column::new("arrival_time", text),
        Column::new("arrival_day_offset", number),
        Column::new("airplane", text),
        Column::new("fares", fares),
    ];

    fn read_line(object: &mut JsonReader<'_>, _: Currency) -> Option<Self> {
        let id: Option<ScheduleId> = object.optional("id");
        let schedule = NewScheduleBody::read(object)?.schedule();
        Some(Self { schedule: Schedule { id: id.unwrap_or(schedule.id), ..schedule }, has_id: id.is_some() })
    }

    fn fields(&self, _: Currency) -> Vec<String> {
        self.texts()
    }

    fn line_key(&self) -> String {
        match self.has_id {
            true => self.schedule.id.to_string(),
            false => self.texts().join(","),
        }
    }

    async fn page(
        connection: &mut AsyncPgConnection,
        after: Option<&Self>,
        limit: i64,
    ) -> QueryResult<Vec<Self>> {
        let found = schedules::behind(connection, after.map(|row| row.schedule.id), limit).await?;
        let row = |stored: StoredSchedule| Self { schedule: stored.schedule, has_id: true };
        Ok(found.into_iter().map(row).collect())
    }

    async fn write(
        connection: &mut AsyncPgConnection,
        rows: Vec<(u64, Self)>,
        writes: &mut ImportWrites<'_>,
    ) -> Result<(), Problem> {
        schedules::wait_for_import_turn(connection).await?;
        let wanted = wanted_rows(connection, rows, writes).await?;
        let to_check: Vec<&Schedule> = wanted.iter().map(|row| &row.after).collect();
        let errors = check_all(connection, &to_check, writes.currency).await?;
        let (mut created, mut changed) = (Vec::new(), Vec::new());
        for (WantedRow { line, before, after }, errors) in wanted.into_iter().zip(errors) {
            for error in &errors {
                writes.note(line, error.pointer.as_deref().unwrap_or_default(), &error.message);
            }
            match before {
                _ if !errors.is_empty() => {}
                None => created.push(after),
                Some(before) => changed.push((before, after)),
            }
        }
        writes.tally.counts.created += created.len() as u64;
        writes.tally.counts.changed += changed.len() as u64;
        store(connection, created, changed, writes).await
    }
}

impl ScheduleRow {
    /// The fields of the row. The id is empty where the line names none.
    fn texts(&self) -> Vec<String> {
        let schedule = &self.schedule;
        let id = if self.has_id { schedule.id.to_string() } else { String::new() };
        let days: Vec<u8> = schedule.days_of_operation.numbers().collect();
        vec![
            id,
            schedule.flight_number.to_string(),
            schedule.origin.to_string(),
            schedule.destination.to_string(),
            schedule.effective_from.to_string(),
            schedule.effective_to.to_string(),
            write_words(&days),
            schedule.departure_time.to_string(),
            schedule.arrival_time.to_string(),
            schedule.arrival_day_offset.to_string(),
            schedule.airplane.to_string(),
            write_fares(&schedule.fares),
        ]
    }
}

/// A schedule that is to be made, or to become another.
struct WantedRow {
    line: u64,
    before: Option<StoredSchedule>,
    after: Schedule,
}

/// The rows that change anything; counts the others, and notes what nobody may change.
async fn wanted_rows(
    connection: &mut AsyncPgConnection,
    rows: Vec<(u64, ScheduleRow)>,
    writes: &mut ImportWrites<'_>,
) -> QueryResult<Vec<WantedRow>> {
    let named = rows.iter().filter(|(_, row)| row.has_id).map(|(_, row)| row.schedule.id);
    let there = schedules::lock_many(connection, &named.collect::<Vec<_>>()).await?;
    let mut there: HashMap<ScheduleId, StoredSchedule> =
        there.into_iter().map(|stored| (stored.schedule.id, stored)).collect();
    let numbers: Vec<_> =
        rows.iter().filter(|(_, row)| !row.has_id).map(|(_, row)| &row.schedule.flight_number).collect();
    let alike = schedules::of_numbers(connection, &numbers).await?;
    let alike = alike.into_iter().map(|stored| ScheduleRow { schedule: stored.schedule, has_id: false });
    let alike: HashSet<String> = alike.map(|row| row.line_key()).collect();
    let mut wanted = Vec::new();
    for (line, row) in rows {
        let before = there.remove(&row.schedule.id);
        let is_there = match &before {
            Some(before) => before.schedule == row.schedule,
            // The key of a row with an id is that id, which is nobody's.
            None => alike.contains(&row.line_key()),
        };
        let after = row.schedule;
        if is_there {
            writes.tally.counts.unchanged += 1;
        } else if before.as_ref().is_none_or(|before| may_become(line, (&before.schedule, &after), writes)) {
            wanted.push(WantedRow { line, before, after });
        }
    }
    Ok(wanted)
}

/// Whether a schedule may become another one by this import; notes why not.
fn may_become(line: u64, (before, after): (&Schedule, &Schedule), writes: &mut ImportWrites<'_>) -> bool {
    let kept = [
        ("flight_number", before.flight_number == after.flight_number),
        ("origin", before.origin == after.origin),
        ("destination", before.destination == after.destination),
    ];
    let fares_may = before.fares == after.fares || writes.caller.may(Permission::FareWrite);
    for (field, _) in kept.iter().filter(|(_, kept)| !kept) {
        writes.note(line, field, "cannot be changed");
    }
    if !fares_may {
        writes.note(line, "fares", "fare:write is needed to change them");
    }
    fares_may && kept.iter().all(|(_, kept)| *kept)
}

/// Writes the rows, and records each in the audit log where they may be kept.
async fn store(
    connection: &mut AsyncPgConnection,
    created: Vec<Schedule>,
    changed: Vec<(StoredSchedule, Schedule)>,
    writes: &ImportWrites<'_>,
) -> Result<(), Problem> {
    let after: Vec<Schedule> = changed.iter().map(|(_, after)| after.clone()).collect();
    schedules::insert(connection, &created).await.map_err(overtaken)?;
    schedules::update(connection, &after).await.map_err(overtaken)?;
    if !writes.keeps() {
        return Ok(());
    }
    let mut events = Vec::with_capacity(created.len() + changed.len());
    for schedule in created {
        let view = ScheduleView::from(StoredSchedule::new(schedule));
        events.push(audit_event((writes.author, "create"), None, Some(&view)));
    }
    for (before, after) in changed {
        let after = ScheduleView::from(before.changed(after));
        events.push(audit_event((writes.author, "change"), Some(&before.into()), Some(&after)));
    }
    Ok(outbox::append(connection, &events).await?)
}

transfers!(
    schedule_transfers,
    ScheduleRow,
    "schedules",
    "/api/v1/admin/schedules/import",
    "/api/v1/admin/schedules/export",
    "schedules",
    import by FlightWriter [("bearer" = ["flight:write"])],
    export by ScheduleReader [("bearer" = ["flight:write"]), ("bearer" = ["fare:write"])],
    "The key is `id`. A row without one is the schedule that says the same, else a new schedule. Days of operation are numbers \
     with spaces between (`1 5`), fares cabins with brands and base prices (`economy light 100.00 EUR / business flex 320.00 EUR`). \
     Number and route of a schedule stay; to change its fares takes `fare:write`. Flights are generated soon after. "
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::schedule::{OperatingDays, TimeOfDay},
        http::imports::round_trip::{code, through_a_file},
    };
    use chrono::{Days, NaiveDate};
    use proptest::prelude::*;
    use shared::{
        fare::{Brand, FlightFare},
        money::Money,
        seat::Cabin,
    };
    use uuid::Uuid;

    fn fares() -> impl Strategy<Value = Vec<FlightFare>> {
        let fare = (
            prop::sample::select(Cabin::ALL.to_vec()),
            prop::sample::select(vec![Brand::Light, Brand::Standard, Brand::Flex]),
            1..100_000_000_i64,
        );
        let fare = fare.prop_map(|(cabin, brand, minor)| FlightFare {
            cabin,
            brand,
            base_price: Money::new(minor, Currency::EUR),
        });
        prop::collection::vec(fare, 1..=12)
    }

    fn row() -> impl Strategy<Value = ScheduleRow> {
        let season = (0..2000_u64, 0..400_u64, 1..128_u8);
        let times = (0..1440_i16, 0..1440_i16, -1..=2_i8);
        let codes = (code("[A-Z]{2}[1-9][0-9]{0,3}"), code("[A-M]{3}"), code("[N-Z]{3}"), code("G-[A-Z]{4}"));
        (any::<u128>(), codes, season, times, fares(), any::<bool>()).prop_map(
            |(id, (flight_number, origin, destination, airplane), (from, days, on), times, fares, has_id)| {
                let first = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + Days::new(from);
                let schedule = Schedule {
                    id: ScheduleId(Uuid::from_u128(id)),
                    flight_number,
                    origin,
                    destination,
                    effective_from: first,
                    effective_to: first + Days::new(days),
                    days_of_operation: OperatingDays::from_bits(on).unwrap(),
                    departure_time: TimeOfDay::from_minutes(times.0).unwrap(),
                    arrival_time: TimeOfDay::from_minutes(times.1).unwrap(),
                    arrival_day_offset: times.2,
                    airplane,
                    fares,
                };
                ScheduleRow { schedule, has_id }
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn an_export_says_what_the_table_has(rows in prop::collection::vec(row(), 0..5)) {
            let read = through_a_file(&rows);
            for (row, read) in rows.iter().zip(&read) {
                prop_assert_eq!(row.has_id, read.has_id);
                prop_assert_eq!(row.texts(), read.texts());
            }
            let named = |rows: &[ScheduleRow]| -> Vec<ScheduleRow> {
                rows.iter().filter(|row| row.has_id).cloned().collect()
            };
            prop_assert_eq!(named(&rows), named(&read));
            prop_assert_eq!(rows.len(), read.len());
        }
    }
}
