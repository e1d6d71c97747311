//! What is wrong with schedules that are to be written: of one by a request, and of many by a file.

use crate::{
    domain::{planning::check_fares, reference::Airline, schedule::Schedule, schedule_rules::check_schedule},
    store::{
        ReferenceTable, RowLock, flights,
        schedules::{self, Zones},
    },
};
use chrono::Utc;
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use shared::{
    http::{FieldError, Problem},
    iata::AirlineCode,
    money::Currency,
};
use std::collections::HashSet;

/// Refuses a schedule with all that is wrong with it.
pub(super) async fn check_one(
    connection: &mut AsyncPgConnection,
    schedule: &Schedule,
    currency: Currency,
) -> Result<(), Problem> {
    let errors = check_all(connection, &[schedule], currency).await?;
    let errors: Vec<FieldError> = errors.into_iter().flatten().collect();
    if errors.is_empty() { Ok(()) } else { Err(Problem::validation(errors)) }
}

/// What is wrong with each of these schedules, in their order. It holds what they refer to until the transaction ends.
pub(super) async fn check_all(
    connection: &mut AsyncPgConnection,
    schedules: &[&Schedule],
    currency: Currency,
) -> QueryResult<Vec<Vec<FieldError>>> {
    let numbers: Vec<_> = schedules.iter().map(|schedule| &schedule.flight_number).collect();
    let route: Vec<_> =
        schedules.iter().flat_map(|schedule| [&schedule.origin, &schedule.destination]).collect();
    flights::hold_references(connection, &numbers, &route).await?;
    let airlines: HashSet<AirlineCode> = numbers.iter().map(|number| number.airline()).collect();
    let airlines: Vec<AirlineCode> = airlines.into_iter().collect();
    let airlines = Airline::find_many(connection, &airlines, RowLock::Unlocked).await?;
    let airlines: HashSet<AirlineCode> = airlines.into_iter().map(|airline| airline.value.code).collect();
    let zones = schedules::zones(connection, schedules.iter().copied()).await?;
    let airplanes: Vec<_> = schedules.iter().map(|schedule| &schedule.airplane).collect();
    let fits = flights::fits(connection, &airplanes).await?;
    let today = schedules::first_date(Utc::now());
    let check = |schedule: &&Schedule| {
        let Schedule { flight_number, airplane, fares, .. } = schedule;
        let mut errors = Vec::new();
        if !airlines.contains(&flight_number.airline()) {
            errors.push(FieldError::at("/flight_number", "is of an airline that is not known"));
        }
        errors.extend(check_route(schedule, &zones));
        let zones = schedules::route_zones(schedule, &zones).ok();
        errors.extend(check_schedule(schedule, zones, today));
        let fit = fits.get(airplane);
        if fit.is_none() {
            errors.push(FieldError::at("/airplane", "is no airplane that is known"));
        }
        errors.extend(check_fares(fares, fit.map(|fit| &fit.plan), currency));
        errors
    };
    Ok(schedules.iter().map(check).collect())
}

fn check_route(schedule: &Schedule, zones: &Zones) -> impl Iterator<Item = FieldError> {
    let ends = [("/origin", &schedule.origin), ("/destination", &schedule.destination)];
    let unknown = ends.into_iter().filter(|(_, airport)| !zones.contains_key(*airport));
    unknown.map(|(pointer, _)| FieldError::at(pointer, "is no airport that is known"))
}
