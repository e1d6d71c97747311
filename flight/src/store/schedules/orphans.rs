//! Flights of a schedule on dates that the schedule has no more.

use super::{StoredSchedule, note_generated};
use crate::{
    domain::schedule_generation::{ConflictReason, ExistingFlight, ScheduleConflict},
    store::flights,
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use shared::ids::FlightId;

/// The flights ahead that were generated from a schedule, are not cancelled, and are on dates that the schedule has no more.
///
/// # Errors
/// Those of the database.
pub async fn orphans(
    connection: &mut AsyncPgConnection,
    stored: &StoredSchedule,
    now: DateTime<Utc>,
) -> QueryResult<Vec<ExistingFlight>> {
    let mut ahead = flights::of_schedule(connection, stored.schedule.id, now).await?;
    // A flight that staff have moved is still that of its date.
    let is_wanted = |date: NaiveDate| stored.schedule.operates_on(date);
    ahead.retain(|flight| !is_wanted(flight.date) && !flight.scheduled_date.is_some_and(is_wanted));
    Ok(ahead)
}

/// The conflicts of a schedule, these in the place of those that are told of orphans. Which orphans have bookings is
/// remembered.
pub(super) fn with_orphans(
    stored: &StoredSchedule,
    mut conflicts: Vec<ScheduleConflict>,
    orphans: &[ExistingFlight],
    with_bookings: &[FlightId],
) -> Vec<ScheduleConflict> {
    conflicts.retain(|conflict| !is_of_orphan(conflict));
    for orphan in orphans {
        let id = orphan.flight.id;
        let booked = ScheduleConflict::new(orphan.date, ConflictReason::HasBookings, Some(id));
        let has_bookings = with_bookings.contains(&id) || stored.conflicts.contains(&booked);
        conflicts.push(match has_bookings {
            true => booked,
            false => ScheduleConflict::new(orphan.date, ConflictReason::OutsideSeason, Some(id)),
        });
    }
    conflicts.sort_by_key(|conflict| conflict.date);
    conflicts
}

fn is_of_orphan(conflict: &ScheduleConflict) -> bool {
    matches!(conflict.reason, ConflictReason::OutsideSeason | ConflictReason::HasBookings)
}

/// Notes that a schedule is generated up to `until` as a whole, with these conflicts and those of its orphans; gives all
/// conflicts.
///
/// # Errors
/// Those of the database.
pub async fn note_whole(
    connection: &mut AsyncPgConnection,
    stored: &StoredSchedule,
    (until, now): (NaiveDate, DateTime<Utc>),
    conflicts: Vec<ScheduleConflict>,
    with_bookings: &[FlightId],
) -> QueryResult<Vec<ScheduleConflict>> {
    let orphans = orphans(connection, stored, now).await?;
    let conflicts = with_orphans(stored, conflicts, &orphans, with_bookings);
    let until = stored.generated_until.map_or(until, |before| before.max(until));
    note_generated(connection, &[stored.schedule.id], until, &conflicts).await?;
    Ok(conflicts)
}
