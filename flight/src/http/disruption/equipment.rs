//! Another airplane flies.

use super::{
    answer::{Consequence, DisruptionImpact},
    body::EquipmentBody,
    deps::DisruptionDeps,
    plan::{
        PlannedDisruption, check_planned, displaced_flights, late_flights, locked_flight, present_flight,
        stranded_flights,
    },
    withdrawal::{ActOutcome, Withdrawing, act_with_withdrawal},
};
use crate::{
    domain::{
        delay::PlannedTimes,
        flight::{Equipment, Flight},
        reference::{AircraftType, Airplane, SeatLayout},
        rotation::turnaround,
    },
    error::{Conflict, overtaken},
    http::{
        preconditions::IfMatch,
        recorded_flight::{present, record},
    },
    store::{
        ReferenceTable,
        flights::{self, OtherAirplane},
    },
};
use actix_web::HttpResponse;
use chrono::Utc;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{
    auth::AuditAuthor,
    events::AircraftTypeSummary,
    fare::FlightFare,
    http::{FieldError, Problem},
    iata::Registration,
    ids::FlightId,
};
use std::sync::Arc;

/// Answers with the impact of the change.
pub(super) async fn assess(
    deps: &DisruptionDeps,
    (id, precondition): (FlightId, IfMatch),
    body: EquipmentBody,
) -> Result<HttpResponse, Problem> {
    let mut connection = deps.pool.get().await?;
    let before = present_flight(&mut connection, (id, &precondition)).await?;
    check_planned(&before, Utc::now())?;
    let times = flights::plan_of(&mut connection, &before).await?;
    let (after, mut late) = match change_of(&mut connection, &before, (&body.airplane, &times)).await? {
        None => (before.clone(), Vec::new()),
        Some((_, after)) => {
            let mut lost = stranded_flights(&mut connection, &before, times.departure.at).await?;
            lost.extend(displaced_flights(&mut connection, &after, times.departure.at).await?);
            (after, lost)
        }
    };
    late.extend(late_flights(&mut connection, &after, times.departure.at).await?);
    let plan = PlannedDisruption::new(&mut connection, &after, late).await?;
    // No connection is kept while another service is asked.
    drop(connection);
    let found = deps.booking.impact(id, Some(&after.equipment.plan)).await?;
    if let Some(cabin) = found.too_small {
        return Err(Conflict::CabinTooSmall(cabin).into());
    }
    Ok(DisruptionImpact::new(plan, found, Consequence::Reseated).answer())
}

/// Gives the flight the other airplane. Booking takes it off sale before, and moves its passengers when it hears of the
/// commit.
pub(super) async fn act(
    deps: &DisruptionDeps,
    author: &AuditAuthor,
    flight: (FlightId, IfMatch),
    body: EquipmentBody,
) -> Result<HttpResponse, Problem> {
    let id = flight.0;
    act_with_withdrawal(deps, id, |withdrawing| change(deps, author, flight, (body, withdrawing))).await
}

/// Gives the flight after the change; without one where it has this airplane already.
async fn change(
    deps: &DisruptionDeps,
    author: &AuditAuthor,
    (id, precondition): (FlightId, IfMatch),
    (body, withdrawing): (EquipmentBody, Withdrawing),
) -> ActOutcome {
    let mut connection = deps.pool.get().await?;
    (*connection)
        .transaction::<_, Problem, _>(async |connection: &mut AsyncPgConnection| {
            let question = withdrawing.begin(connection).await?;
            let before = locked_flight(connection, (id, &precondition)).await?;
            check_planned(&before, Utc::now())?;
            let shown = present(connection, &before).await?;
            flights::lock_airplanes(connection, &[&body.airplane]).await?;
            let times = flights::plan_of(connection, &before).await?;
            let change = change_of(connection, &before, (&body.airplane, &times)).await?;
            let Some((other, after)) = change else { return Ok((None, shown)) };
            question.withdraw(&before, Some(after.equipment.plan.clone())).await?;
            let changed = write(connection, &before, (&other, &times)).await?;
            let view = present(connection, &changed).await?;
            record(connection, (author, "equipment"), Some(&shown), Some(&view)).await?;
            Ok((Some(changed), view))
        })
        .await
}

/// The change to the other airplane, and the flight after it; `None` where the flight has this airplane already.
///
/// # Errors
/// `validation_failed` for an unknown airplane; `conflict` where it is planned elsewhere, or nothing that is on sale could
/// be sold on it.
async fn change_of(
    connection: &mut AsyncPgConnection,
    before: &Flight,
    (airplane, times): (&Registration, &PlannedTimes),
) -> Result<Option<(OtherAirplane, Flight)>, Problem> {
    if *airplane == before.airplane {
        return Ok(None);
    }
    let Some((seat_layout, equipment)) = equipment_of(connection, airplane).await? else {
        return Err(Problem::validation(vec![FieldError::at("/airplane", "is no airplane that is known")]));
    };
    let blocked_until = times.arrival.at + turnaround(&equipment.aircraft_type.code, &equipment.plan);
    let blocked = (times.departure.at, blocked_until);
    if let Some(other) = flights::planned_elsewhere(connection, airplane, blocked, before.id).await? {
        return Err(Conflict::AirplaneBusy(other).into());
    }
    let cabins = equipment.plan.cabin_names();
    let fares: Vec<FlightFare> =
        before.fares.iter().filter(|fare| cabins.contains(&fare.cabin)).cloned().collect();
    if fares.is_empty() {
        return Err(Conflict::NothingToSell.into());
    }
    let after = Flight {
        version: before.version + 1,
        airplane: airplane.clone(),
        equipment: Arc::new(equipment),
        fares: fares.clone(),
        ..before.clone()
    };
    let fares = (fares.len() < before.fares.len()).then_some(fares);
    let other = OtherAirplane { airplane: airplane.clone(), seat_layout, blocked_until, fares };
    Ok(Some((other, after)))
}

/// The seats and the type of an airplane; `None`: it is not known.
async fn equipment_of(
    connection: &mut AsyncPgConnection,
    airplane: &Registration,
) -> Result<Option<(shared::ids::SeatLayoutId, Equipment)>, Problem> {
    let Some(airplane) = Airplane::find(connection, airplane).await? else { return Ok(None) };
    let airplane = airplane.value;
    let layout = SeatLayout::find(connection, &airplane.seat_layout_id).await?;
    let kind = AircraftType::find(connection, &airplane.aircraft_type).await?;
    let (Some(layout), Some(kind)) = (layout, kind) else { return Ok(None) };
    let aircraft_type = AircraftTypeSummary { code: kind.value.code, name: kind.value.name };
    Ok(Some((airplane.seat_layout_id, Equipment { aircraft_type, plan: layout.value.plan })))
}

/// Writes the change. The constraint refuses it where the airplane was planned meanwhile.
async fn write(
    connection: &mut AsyncPgConnection,
    before: &Flight,
    (other, times): (&OtherAirplane, &PlannedTimes),
) -> Result<Flight, Problem> {
    // A savepoint: after a statement that failed, the other flight can be looked up in the same transaction.
    let written = connection
        .transaction(async |connection: &mut AsyncPgConnection| {
            flights::change_airplane(connection, before.id, other).await
        })
        .await;
    match written {
        Ok(changed) => Ok(changed),
        Err(Error::DatabaseError(DatabaseErrorKind::ExclusionViolation, _)) => {
            let blocked = (times.departure.at, other.blocked_until);
            let busy = flights::planned_elsewhere(connection, &other.airplane, blocked, before.id).await?;
            Err(busy.map_or(Conflict::ChangedMeanwhile, Conflict::AirplaneBusy).into())
        }
        Err(error) => Err(overtaken(error)),
    }
}
