//! The next dates of a schedule, as the keeper generates them: some hundreds a transaction, so that a keeper that dies
//! loses no more, and the next one goes on behind what was committed.

use super::{
    StoredSchedule, find, generate, lock_if_free, note_generated,
    orphans::{orphans, with_orphans},
    try_turn,
};
use crate::domain::{flight::Flight, schedule_generation::ScheduleConflict};
use chrono::{DateTime, Days, NaiveDate, Utc};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use shared::ids::ScheduleId;
use std::collections::BTreeSet;

/// Dates that are generated in one transaction.
const CHUNK: usize = 200;

/// The result of a chunk.
#[derive(Debug)]
pub enum ChunkResult {
    /// Another keeper has its turn.
    OthersTurn,
    /// Others have the schedule locked: staff generate it just now, or a dry run that will leave nothing behind.
    Locked,
    /// The schedule is gone.
    Gone,
    /// Dates were generated, and perhaps not all.
    Generated {
        /// The flights that were made or changed.
        news: Vec<Flight>,
        /// Whether the schedule is generated up to the horizon.
        done: bool,
    },
}

/// Generates the next dates of a schedule up to `horizon`; with `again`, those in conflict too. The caller opens the
/// transaction.
///
/// # Errors
/// Those of the database.
pub async fn next_chunk(
    connection: &mut AsyncPgConnection,
    id: ScheduleId,
    (now, horizon): (DateTime<Utc>, NaiveDate),
    again: bool,
) -> QueryResult<ChunkResult> {
    if !try_turn(connection).await? {
        return Ok(ChunkResult::OthersTurn);
    }
    let Some(stored) = lock_if_free(connection, id).await? else {
        let is_there = find(connection, id).await?.is_some();
        return Ok(if is_there { ChunkResult::Locked } else { ChunkResult::Gone });
    };
    let today = first_date(now);
    let until = horizon.min(stored.schedule.effective_to);
    let from = stored.generated_until.and_then(|date| date.succ_opt()).map_or(today, |next| next.max(today));
    let next: Vec<NaiveDate> = stored.schedule.dates(from, until).take(CHUNK).collect();
    let done = next.len() < CHUNK;
    let reached = next.last().copied().filter(|_| !done).unwrap_or(until);
    let mut dates: BTreeSet<NaiveDate> = next.into_iter().collect();
    if again {
        dates.extend(retried(&stored, today));
    }
    let generated = generate(connection, &stored, dates.iter().copied(), now).await?;
    let news = generated.news();
    let kept = |conflict: &&ScheduleConflict| conflict.date >= today && !dates.contains(&conflict.date);
    let mut conflicts: Vec<ScheduleConflict> = stored.conflicts.iter().filter(kept).cloned().collect();
    conflicts.extend(generated.conflicts);
    let orphans = orphans(connection, &stored, now).await?;
    let conflicts = with_orphans(&stored, conflicts, &orphans, &[]);
    let reached = stored.generated_until.map_or(reached, |before| before.max(reached));
    if Some(reached) != stored.generated_until || conflicts != stored.conflicts {
        note_generated(connection, &[id], reached, &conflicts).await?;
    }
    Ok(ChunkResult::Generated { news, done })
}

/// The first date that may still have a flight that has not left, anywhere on earth.
#[must_use]
pub fn first_date(now: DateTime<Utc>) -> NaiveDate {
    now.date_naive().checked_sub_days(Days::new(1)).unwrap_or_default()
}

/// The dates in conflict that are to be tried again.
fn retried(stored: &StoredSchedule, today: NaiveDate) -> impl Iterator<Item = NaiveDate> + '_ {
    let dates = stored.conflicts.iter().map(|conflict| conflict.date);
    dates.filter(move |date| *date >= today && stored.schedule.operates_on(*date))
}
