//! A flight is late.

use super::{
    answer::{Consequence, DisruptionImpact, acted},
    body::DelayBody,
    deps::DisruptionDeps,
    plan::{PlannedDisruption, check_planned, late_flights, locked_flight, present_flight},
};
use crate::{
    domain::{
        delay::{Delay, PlannedTimes},
        flight::Flight,
    },
    http::{
        preconditions::IfMatch,
        recorded_flight::{present, record},
    },
    store::flights,
};
use actix_web::HttpResponse;
use chrono::Utc;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{auth::AuditAuthor, http::Problem, ids::FlightId};

/// Answers with the impact of the delay.
pub(super) async fn assess(
    deps: &DisruptionDeps,
    (id, precondition): (FlightId, IfMatch),
    body: DelayBody,
) -> Result<HttpResponse, Problem> {
    let mut connection = deps.pool.get().await?;
    let before = present_flight(&mut connection, (id, &precondition)).await?;
    let (delay, plan) = delay_of(&mut connection, &before, body).await?;
    // Another reason alone is told to nobody.
    let moves = (delay.departure.at, delay.arrival.at) != (before.departure.at, before.arrival.at);
    let consequence = if moves { Consequence::Rescheduled } else { Consequence::Unaffected };
    let after = if delay.is_of(&before) { before } else { delay.apply(&before) };
    let late = late_flights(&mut connection, &after, plan.departure.at).await?;
    let plan = PlannedDisruption::new(&mut connection, &after, late).await?;
    // No connection is kept while another service is asked.
    drop(connection);
    let found = deps.booking.impact(id, None).await?;
    Ok(DisruptionImpact::new(plan, found, consequence).answer())
}

/// Delays the flight.
pub(super) async fn act(
    deps: &DisruptionDeps,
    author: &AuditAuthor,
    (id, precondition): (FlightId, IfMatch),
    body: DelayBody,
) -> Result<HttpResponse, Problem> {
    let mut connection = deps.pool.get().await?;
    let (changed, view) = (*connection)
        .transaction::<_, Problem, _>(async |connection: &mut AsyncPgConnection| {
            let before = locked_flight(connection, (id, &precondition)).await?;
            let (delay, _) = delay_of(connection, &before, body).await?;
            let shown = present(connection, &before).await?;
            if delay.is_of(&before) {
                return Ok((None, shown));
            }
            let changed = flights::delay(connection, id, &delay).await?;
            let view = present(connection, &changed).await?;
            record(connection, (author, "delay"), Some(&shown), Some(&view)).await?;
            Ok((Some(changed), view))
        })
        .await?;
    drop(connection);
    if let Some(changed) = changed {
        deps.committed(changed).await;
    }
    Ok(acted(&view))
}

/// The delay that the request asks for, and the plan of the flight.
async fn delay_of(
    connection: &mut AsyncPgConnection,
    flight: &Flight,
    body: DelayBody,
) -> Result<(Delay, PlannedTimes), Problem> {
    let now = Utc::now();
    check_planned(flight, now)?;
    let plan = flights::plan_of(connection, flight).await?;
    let times = (body.departure_local, body.arrival_local);
    let delay = Delay::new(flight, &plan, times, body.reason, now).map_err(Problem::validation)?;
    Ok((delay, plan))
}
