//! Schedules as they are sent and shown.

use super::flight_body::{FARES, read_fare};
use crate::{
    domain::{
        schedule::{OperatingDays, Schedule, TimeOfDay},
        schedule_generation::ScheduleConflict,
    },
    store::schedules::StoredSchedule,
};
use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serialize, de};
use shared::{
    auth::Permission,
    calendar_date::CalendarDate,
    fare::FlightFare,
    http::{FromJson, JsonReader},
    iata::{AirportCode, FlightNumber, Registration},
    ids::ScheduleId,
};
use utoipa::ToSchema;

/// Days from the local date of the departure to that of the arrival.
const DAY_OFFSETS: std::ops::RangeInclusive<i8> = -1..=2;

/// A date of a body.
struct DateText(NaiveDate);

impl<'de> Deserialize<'de> for DateText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let CalendarDate(date) = String::deserialize(deserializer)?.parse().map_err(de::Error::custom)?;
        Ok(Self(date))
    }
}

/// A schedule that is to be made.
#[derive(Debug, Clone, ToSchema)]
#[schema(as = NewSchedule)]
pub(crate) struct NewScheduleBody {
    /// Of a known airline.
    flight_number: FlightNumber,
    /// From where.
    origin: AirportCode,
    /// To where.
    destination: AirportCode,
    /// The first date of the season, local to the origin.
    #[schema(value_type = String, format = Date)]
    effective_from: NaiveDate,
    /// The last date of the season.
    #[schema(value_type = String, format = Date)]
    effective_to: NaiveDate,
    /// Different days of the week, 1 is Monday.
    #[schema(value_type = Vec<u8>, min_items = 1, max_items = 7, example = json!([1, 5]))]
    days_of_operation: OperatingDays,
    /// By the clocks of the origin.
    #[schema(value_type = String, example = "10:30")]
    departure_time: TimeOfDay,
    /// By the clocks of the destination.
    #[schema(value_type = String, example = "12:45")]
    arrival_time: TimeOfDay,
    /// Days from the local date of the departure to that of the arrival.
    #[schema(minimum = -1, maximum = 2)]
    arrival_day_offset: i8,
    /// What flies it.
    airplane: Registration,
    /// At least one; each cabin and brand once.
    fares: Vec<FlightFare>,
}

fn check_offset(object: &mut JsonReader<'_>, offset: Option<i8>) -> Option<i8> {
    let offset = offset?;
    if !DAY_OFFSETS.contains(&offset) {
        object.error("arrival_day_offset", "must be from -1 to 2");
        return None;
    }
    Some(offset)
}

impl FromJson for NewScheduleBody {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let flight_number = object.required("flight_number");
        let origin: Option<AirportCode> = object.required("origin");
        let destination = object.required("destination");
        if origin.is_some() && origin == destination {
            object.error("destination", "must be another airport than the origin");
        }
        let effective_from = object.required("effective_from").map(|DateText(date)| date);
        let effective_to = object.required("effective_to").map(|DateText(date)| date);
        let days_of_operation = object.required("days_of_operation");
        let departure_time = object.required("departure_time");
        let arrival_time = object.required("arrival_time");
        let offset = object.required("arrival_day_offset");
        let arrival_day_offset = check_offset(object, offset);
        let airplane = object.required("airplane");
        let fares = object.list("fares", FARES, read_fare);
        Some(Self {
            flight_number: flight_number?,
            origin: origin?,
            destination: destination?,
            effective_from: effective_from?,
            effective_to: effective_to?,
            days_of_operation: days_of_operation?,
            departure_time: departure_time?,
            arrival_time: arrival_time?,
            arrival_day_offset: arrival_day_offset?,
            airplane: airplane?,
            fares: fares?,
        })
    }
}

impl NewScheduleBody {
    /// The schedule under a new id.
    pub(crate) fn schedule(self) -> Schedule {
        Schedule {
            id: ScheduleId::new(),
            flight_number: self.flight_number,
            origin: self.origin,
            destination: self.destination,
            effective_from: self.effective_from,
            effective_to: self.effective_to,
            days_of_operation: self.days_of_operation,
            departure_time: self.departure_time,
            arrival_time: self.arrival_time,
            arrival_day_offset: self.arrival_day_offset,
            airplane: self.airplane,
            fares: self.fares,
        }
    }
}

/// What may change of a schedule (JSON Merge Patch).
#[derive(Debug, Clone, ToSchema)]
#[schema(as = SchedulePatch)]
pub(crate) struct SchedulePatchBody {
    /// The first date of the season.
    #[schema(value_type = Option<String>, format = Date)]
    effective_from: Option<NaiveDate>,
    /// The last date of the season.
    #[schema(value_type = Option<String>, format = Date)]
    effective_to: Option<NaiveDate>,
    /// Different days of the week, 1 is Monday.
    #[schema(value_type = Option<Vec<u8>>, min_items = 1, max_items = 7)]
    days_of_operation: Option<OperatingDays>,
    /// By the clocks of the origin.
    #[schema(value_type = Option<String>, example = "10:30")]
    departure_time: Option<TimeOfDay>,
    /// By the clocks of the destination.
    #[schema(value_type = Option<String>, example = "12:45")]
    arrival_time: Option<TimeOfDay>,
    /// Days from the local date of the departure to that of the arrival.
    #[schema(minimum = -1, maximum = 2)]
    arrival_day_offset: Option<i8>,
    /// What flies it.
    airplane: Option<Registration>,
    /// All fares: those that are not named go.
    fares: Option<Vec<FlightFare>>,
}

impl FromJson for SchedulePatchBody {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        for key in ["id", "flight_number", "origin", "destination"] {
            object.immutable(key);
        }
        let effective_from = object.patch_required("effective_from").map(|DateText(date)| date);
        let effective_to = object.patch_required("effective_to").map(|DateText(date)| date);
        let days_of_operation = object.patch_required("days_of_operation");
        let departure_time = object.patch_required("departure_time");
        let arrival_time = object.patch_required("arrival_time");
        let offset = object.patch_required("arrival_day_offset");
        let arrival_day_offset = check_offset(object, offset);
        let airplane = object.patch_required("airplane");
        let fares = if object.has("fares") { Some(object.list("fares", FARES, read_fare)?) } else { None };
        Some(Self {
            effective_from,
            effective_to,
            days_of_operation,
            departure_time,
            arrival_time,
            arrival_day_offset,
            airplane,
            fares,
        })
    }
}

impl SchedulePatchBody {
    /// The permissions that the change needs: one for fares, another for everything else.
    pub(crate) fn permissions(&self) -> impl Iterator<Item = Permission> {
        let plans = self.effective_from.is_some()
            || self.effective_to.is_some()
            || self.days_of_operation.is_some()
            || self.departure_time.is_some()
            || self.arrival_time.is_some()
            || self.arrival_day_offset.is_some()
            || self.airplane.is_some();
        let fares = self.fares.is_some();
        [plans.then_some(Permission::FlightWrite), fares.then_some(Permission::FareWrite)]
            .into_iter()
            .flatten()
    }

    /// The schedule after the change.
    pub(crate) fn changed(self, before: &Schedule) -> Schedule {
        let before = before.clone();
        Schedule {
            effective_from: self.effective_from.unwrap_or(before.effective_from),
            effective_to: self.effective_to.unwrap_or(before.effective_to),
            days_of_operation: self.days_of_operation.unwrap_or(before.days_of_operation),
            departure_time: self.departure_time.unwrap_or(before.departure_time),
            arrival_time: self.arrival_time.unwrap_or(before.arrival_time),
            arrival_day_offset: self.arrival_day_offset.unwrap_or(before.arrival_day_offset),
            airplane: self.airplane.unwrap_or(before.airplane),
            fares: self.fares.unwrap_or(before.fares),
            ..before
        }
    }
}

/// A schedule as staff see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Schedule)]
pub(crate) struct ScheduleView {
    /// Its id.
    pub(super) id: ScheduleId,
    /// The number of its flights.
    flight_number: FlightNumber,
    /// From where.
    origin: AirportCode,
    /// To where.
    destination: AirportCode,
    /// The first date of the season, local to the origin.
    #[schema(value_type = String, format = Date)]
    effective_from: NaiveDate,
    /// The last date of the season.
    #[schema(value_type = String, format = Date)]
    effective_to: NaiveDate,
    /// Days of the week in order, 1 is Monday.
    #[schema(value_type = Vec<u8>)]
    days_of_operation: OperatingDays,
    /// By the clocks of the origin.
    #[schema(value_type = String, example = "10:30")]
    departure_time: TimeOfDay,
    /// By the clocks of the destination.
    #[schema(value_type = String, example = "12:45")]
    arrival_time: TimeOfDay,
    /// Days from the local date of the departure to that of the arrival.
    arrival_day_offset: i8,
    /// What flies it.
    airplane: Registration,
    /// What is on sale.
    fares: Vec<FlightFare>,
    /// Grows with each change of the schedule, not with the generation of its flights.
    version: i64,
    /// The last date that was looked at since the last change; null where none was yet.
    #[schema(value_type = Option<String>, format = Date)]
    generated_until: Option<NaiveDate>,
    /// The dates that have not the flight that the schedule says.
    conflicts: Vec<ScheduleConflict>,
}

impl From<StoredSchedule> for ScheduleView {
    fn from(stored: StoredSchedule) -> Self {
        let StoredSchedule { schedule, version, generated_until, conflicts } = stored;
        Self {
            id: schedule.id,
            flight_number: schedule.flight_number,
            origin: schedule.origin,
            destination: schedule.destination,
            effective_from: schedule.effective_from,
            effective_to: schedule.effective_to,
            days_of_operation: schedule.days_of_operation,
            departure_time: schedule.departure_time,
            arrival_time: schedule.arrival_time,
            arrival_day_offset: schedule.arrival_day_offset,
            airplane: schedule.airplane,
            fares: schedule.fares,
            version,
            generated_until,
            conflicts,
        }
    }
}
