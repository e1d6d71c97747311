//! Where the flights of a schedule find their airplane elsewhere.

use crate::{
    domain::{flight::Flight, rotation::displacements, schedule_generation::ScheduleWarning},
    store::flights,
};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use std::collections::HashMap;

/// The flights, of one airplane, before or after which their airplane is elsewhere than the next flight leaves from.
///
/// # Errors
/// Those of the database.
pub async fn warnings(
    connection: &mut AsyncPgConnection,
    generated: &[Flight],
) -> QueryResult<Vec<ScheduleWarning>> {
    let departures = generated.iter().map(|flight| flight.departure.at);
    let (Some(first), Some(last)) = (departures.clone().min(), departures.max()) else {
        return Ok(Vec::new());
    };
    let own: HashMap<_, _> =
        generated.iter().map(|flight| (flight.id, flight.departure.local.date())).collect();
    let Some(airplane) = generated.first().map(|flight| &flight.airplane) else { return Ok(Vec::new()) };
    let rotation = flights::rotation(connection, airplane, first, last).await?;
    let of_own = |displacement| ScheduleWarning::of(displacement, |id| own.get(&id).copied());
    Ok(displacements(&rotation).filter_map(of_own).collect())
}
