//! The rows of the table of schedules.

use crate::{
    domain::{
        schedule::{OperatingDays, Schedule, TimeOfDay},
        schedule_generation::ScheduleConflict,
    },
    store::{parsed, schema::schedules},
};
use chrono::NaiveDate;
use diesel::{prelude::*, result::Error};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

/// A schedule as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSchedule {
    /// The schedule.
    pub schedule: Schedule,
    /// Grows with each change of the schedule, not with generation.
    pub version: i64,
    /// The last date that was looked at since the last change.
    pub generated_until: Option<NaiveDate>,
    /// Dates that have not the flight that the schedule says.
    pub conflicts: Vec<ScheduleConflict>,
}

impl StoredSchedule {
    /// A schedule as it is stored first.
    #[must_use]
    pub fn new(schedule: Schedule) -> Self {
        Self { schedule, version: 1, generated_until: None, conflicts: Vec::new() }
    }

    /// The schedule after an update: all of its dates are to be generated anew.
    #[must_use]
    pub fn changed(&self, schedule: Schedule) -> Self {
        Self { version: self.version + 1, ..Self::new(schedule) }
    }
}

/// A row of the table.
#[derive(Queryable, Selectable)]
#[diesel(table_name = schedules)]
pub(super) struct ScheduleRow {
    id: Uuid,
    version: i64,
    flight_number: String,
    origin: String,
    destination: String,
    effective_from: NaiveDate,
    effective_to: NaiveDate,
    days_of_operation: i16,
    departure_time: i16,
    arrival_time: i16,
    arrival_day_offset: i16,
    airplane: String,
    fares: Value,
    generated_until: Option<NaiveDate>,
    conflicts: Value,
}

/// A number that the checks of the table allow.
fn within<T>(value: Option<T>) -> QueryResult<T> {
    value.ok_or_else(|| Error::DeserializationError("a number is out of range".into()))
}

fn from_json<T: DeserializeOwned>(value: Value) -> QueryResult<T> {
    T::deserialize(value).map_err(|error| Error::DeserializationError(Box::new(error)))
}

/// A value as it is stored.
pub(super) fn to_json<T: Serialize>(value: &T) -> QueryResult<Value> {
    serde_json::to_value(value).map_err(|error| Error::SerializationError(Box::new(error)))
}

/// The schedule of a row.
pub(super) fn read(row: ScheduleRow) -> QueryResult<StoredSchedule> {
    let schedule = Schedule {
        id: row.id.into(),
        flight_number: parsed(&row.flight_number)?,
        origin: parsed(&row.origin)?,
        destination: parsed(&row.destination)?,
        effective_from: row.effective_from,
        effective_to: row.effective_to,
        days_of_operation: within(
            u8::try_from(row.days_of_operation).ok().and_then(OperatingDays::from_bits),
        )?,
        departure_time: within(TimeOfDay::from_minutes(row.departure_time))?,
        arrival_time: within(TimeOfDay::from_minutes(row.arrival_time))?,
        arrival_day_offset: within(i8::try_from(row.arrival_day_offset).ok())?,
        airplane: parsed(&row.airplane)?,
        fares: from_json(row.fares)?,
    };
    let conflicts = from_json(row.conflicts)?;
    Ok(StoredSchedule { schedule, version: row.version, generated_until: row.generated_until, conflicts })
}
