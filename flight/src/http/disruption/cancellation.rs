//! A flight does not take place.

use super::{
    answer::{Consequence, DisruptionImpact},
    body::CancellationBody,
    deps::DisruptionDeps,
    plan::{PlannedDisruption, check_planned, locked_flight, present_flight, stranded_flights},
    withdrawal::{ActOutcome, Withdrawing, act_with_withdrawal},
};
use crate::{
    domain::flight::Flight,
    http::{
        preconditions::IfMatch,
        recorded_flight::{present, record},
    },
    store::flights,
};
use actix_web::HttpResponse;
use chrono::Utc;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{auth::AuditAuthor, events::FlightStatus, http::Problem, ids::FlightId};

/// Answers with the impact of the cancellation.
pub(super) async fn assess(
    deps: &DisruptionDeps,
    (id, precondition): (FlightId, IfMatch),
    body: CancellationBody,
) -> Result<HttpResponse, Problem> {
    let mut connection = deps.pool.get().await?;
    let before = present_flight(&mut connection, (id, &precondition)).await?;
    check_planned(&before, Utc::now())?;
    let planned = flights::plan_of(&mut connection, &before).await?;
    let lost = stranded_flights(&mut connection, &before, planned.departure.at).await?;
    let after = Flight {
        version: before.version + 1,
        status: FlightStatus::Cancelled,
        reason: Some(body.reason),
        ..before
    };
    let plan = PlannedDisruption::new(&mut connection, &after, lost).await?;
    // No connection is kept while another service is asked.
    drop(connection);
    let found = deps.booking.impact(id, None).await?;
    Ok(DisruptionImpact::new(plan, found, Consequence::Refunded).answer())
}

/// Cancels the flight. Booking takes it off sale before, and cancels its bookings after the commit.
pub(super) async fn act(
    deps: &DisruptionDeps,
    author: &AuditAuthor,
    flight: (FlightId, IfMatch),
    body: CancellationBody,
) -> Result<HttpResponse, Problem> {
    let id = flight.0;
    act_with_withdrawal(deps, id, |withdrawing| cancel(deps, author, flight, (body, withdrawing))).await
}

async fn cancel(
    deps: &DisruptionDeps,
    author: &AuditAuthor,
    (id, precondition): (FlightId, IfMatch),
    (body, withdrawing): (CancellationBody, Withdrawing),
) -> ActOutcome {
    let mut connection = deps.pool.get().await?;
    (*connection)
        .transaction::<_, Problem, _>(async |connection: &mut AsyncPgConnection| {
            let question = withdrawing.begin(connection).await?;
            let before = locked_flight(connection, (id, &precondition)).await?;
            check_planned(&before, Utc::now())?;
            question.withdraw(&before, None).await?;
            let shown = present(connection, &before).await?;
            let changed = flights::cancel(connection, id, &body.reason).await?;
            let view = present(connection, &changed).await?;
            record(connection, (author, "cancel"), Some(&shown), Some(&view)).await?;
            Ok((Some(changed), view))
        })
        .await
}
