//! Flights as planners make and change them.

use super::{
    CommittedChanges, SaleCurrency,
    cache_control::PRIVATE,
    deletion::close_and_delete,
    flight_body::{FlightPatchBody, NewFlightBody},
    flight_fit::{check_fit, update},
    flights::tag,
    parameters::NoParameters,
    permitted::{FlightChanger, FlightWriter},
    preconditions::IfMatch,
    recorded_flight::{present, record},
};
use crate::{
    booking::BookingClient,
    domain::{
        flight::{Flight, FlightView},
        planning::{check_fares, times},
        reference::{Airline, Airplane, Airport, SeatLayout},
        rotation::turnaround,
    },
    error::{Conflict, overtaken},
    store::{
        ReferenceTable,
        flights::{self, FlightChange, NewFlight},
    },
};
use actix_web::{HttpResponse, http::header, web};
use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{
    db::Pool,
    events::FlightStatus,
    http::{Body, Code, FieldError, Id, Problem},
    ids::FlightId,
    money::Currency,
    seat::SeatPlan,
};

/// Create a flight
///
/// It is on sale at once.
#[utoipa::path(
    post,
    path = "/api/v1/admin/flights",
    tag = "flights",
    security(("bearer" = ["flight:write"])),
    request_body = NewFlightBody,
    responses(
        (status = 201, description = "The flight", body = FlightView),
        (status = 409, description = "`conflict` with another flight of the number or airplane, named by `refers`"),
    )
)]
pub(crate) async fn create(
    staff: FlightWriter,
    _: NoParameters,
    Body { value: body, .. }: Body<NewFlightBody>,
    pool: web::Data<Pool>,
    changes: web::Data<CommittedChanges>,
    currency: web::Data<SaleCurrency>,
) -> Result<HttpResponse, Problem> {
    let (now, currency) = (Utc::now(), currency.0);
    let mut connection = pool.get().await?;
    let (made, view) = (*connection)
        .transaction::<_, Problem, _>(async |connection: &mut AsyncPgConnection| {
            let new = plan(connection, body, currency, now).await?;
            check_fit(connection, &new).await?;
            let made = flights::insert(connection, std::slice::from_ref(&new)).await.map_err(overtaken)?;
            let Some(made) = made.into_iter().next() else {
                // Another transaction was first, and is committed: now it can be named.
                check_fit(connection, &new).await?;
                return Err(Conflict::ChangedMeanwhile.into());
            };
            let view = present(connection, &made).await?;
            record(connection, (staff.author(), "create"), None, Some(&view)).await?;
            Ok((made, view))
        })
        .await?;
    drop(connection);
    changes.committed(vec![made]).await;
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, format!("/api/v1/flights/{}", view.id)))
        .insert_header((header::ETAG, tag(&view)))
        .insert_header((header::CACHE_CONTROL, PRIVATE))
        .json(view))
}

/// Change a flight
///
/// Its times, its airplane or its fares. Fares need `fare:write`, everything else `flight:write`.
#[utoipa::path(
    patch,
    path = "/api/v1/admin/flights/{id}",
    tag = "flights",
    security(("bearer" = ["flight:write"]), ("bearer" = ["fare:write"])),
    params(("id" = FlightId, Path)),
    request_body(content = FlightPatchBody, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The flight", body = FlightView),
        (status = 409, description = "`conflict` with another flight, or it has left"),
        (status = 412, description = "The flight was changed meanwhile"),
    )
)]
pub(crate) async fn change(
    staff: FlightChanger,
    _: NoParameters,
    Id(id): Id<FlightId>,
    precondition: IfMatch,
    Body { value: body, .. }: Body<FlightPatchBody>,
    (pool, changes): (web::Data<Pool>, web::Data<CommittedChanges>),
    currency: web::Data<SaleCurrency>,
) -> Result<HttpResponse, Problem> {
    body.permissions().try_for_each(|permission| staff.require(permission))?;
    let (now, currency) = (Utc::now(), currency.0);
    let mut connection = pool.get().await?;
    let (changed, view) = (*connection)
        .transaction::<_, Problem, _>(async |connection: &mut AsyncPgConnection| {
            let found = flights::lock(connection, id).await?;
            let before = found.ok_or_else(|| Problem::new(Code::NotFound))?;
            precondition.check(before.version)?;
            if !matches!(before.status_at(now), FlightStatus::Scheduled | FlightStatus::Delayed) {
                return Err(Conflict::NotPlanned.into());
            }
            let change = replan(connection, &before, body, currency, now).await?;
            if change == FlightChange::default() {
                let view = present(connection, &before).await?;
                return Ok((before, view));
            }
            let changed = update(connection, &before, &change).await?;
            let before = present(connection, &before).await?;
            let view = present(connection, &changed).await?;
            record(connection, (staff.author(), "change"), Some(&before), Some(&view)).await?;
            Ok((changed, view))
        })
        .await?;
    drop(connection);
    changes.committed(vec![changed]).await;
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, tag(&view)))
        .insert_header((header::CACHE_CONTROL, PRIVATE))
        .json(view))
}

/// Delete a flight
///
/// A flight with bookings cannot be deleted.
#[utoipa::path(
    delete,
    path = "/api/v1/admin/flights/{id}",
    tag = "flights",
    security(("bearer" = ["flight:write"])),
    params(("id" = FlightId, Path)),
    responses(
        (status = 204, description = "It is gone"),
        (status = 409, description = "`conflict`: it has bookings (cancel it instead), or others keep changing it"),
        (status = 412, description = "The flight was changed meanwhile"),
        (status = 503, description = "Booking cannot be asked now"),
    )
)]
pub(crate) async fn delete(
    staff: FlightWriter,
    _: NoParameters,
    Id(id): Id<FlightId>,
    precondition: IfMatch,
    pool: web::Data<Pool>,
    changes: web::Data<CommittedChanges>,
    booking: web::Data<BookingClient>,
) -> Result<HttpResponse, Problem> {
    let gone = close_and_delete(staff.author(), (id, &precondition), &pool, &booking).await?;
    changes.committed(gone.into_iter().collect()).await;
    Ok(HttpResponse::NoContent().insert_header((header::CACHE_CONTROL, PRIVATE)).finish())
}

/// The flight that a body asks for, or all that is wrong with it.
async fn plan(
    connection: &mut AsyncPgConnection,
    body: NewFlightBody,
    currency: Currency,
    now: DateTime<Utc>,
) -> Result<NewFlight, Problem> {
    flights::hold_references(connection, &[&body.flight_number], &[&body.origin, &body.destination]).await?;
    let origin = Airport::find(connection, &body.origin).await?;
    let destination = Airport::find(connection, &body.destination).await?;
    let airline = Airline::find(connection, &body.flight_number.airline()).await?;
    // Locked, so that two flights made at once for one airplane see each other.
    flights::lock_airplanes(connection, &[&body.airplane]).await?;
    let airplane = Airplane::find(connection, &body.airplane).await?;
    let mut plan = None;
    if let Some(airplane) = &airplane {
        plan = seat_plan(connection, &airplane.value).await?;
    }
    let mut errors = Vec::new();
    if airline.is_none() {
        errors.push(FieldError::at("/flight_number", "is of an airline that is not known"));
    }
    if origin.is_none() {
        errors.push(FieldError::at("/origin", "is no airport that is known"));
    }
    if destination.is_none() {
        errors.push(FieldError::at("/destination", "is no airport that is known"));
    }
    if airplane.is_none() {
        errors.push(FieldError::at("/airplane", "is no airplane that is known"));
    }
    errors.extend(check_fares(&body.fares, plan.as_ref(), currency));
    let mut planned = None;
    if let (Some(origin), Some(destination)) = (&origin, &destination) {
        let departure = (body.departure_local, origin.value.time_zone.as_str());
        let arrival = (body.arrival_local, destination.value.time_zone.as_str());
        planned = times(departure, arrival, now).map_err(|more| errors.extend(more)).ok();
    }
    match planned {
        Some((departure, arrival)) if errors.is_empty() => Ok(NewFlight {
            id: FlightId::new(),
            flight_number: body.flight_number,
            origin: body.origin,
            destination: body.destination,
            departure,
            arrival,
            airplane: body.airplane,
            fares: body.fares,
        }),
        _ => Err(Problem::validation(errors)),
    }
}

/// The change that a patch makes.
///
/// # Errors
/// Every error of the patch; `conflict` where the flight has sold seats that the change would take.
async fn replan(
    connection: &mut AsyncPgConnection,
    before: &Flight,
    body: FlightPatchBody,
    currency: Currency,
    now: DateTime<Utc>,
) -> Result<FlightChange, Problem> {
    let mut errors = Vec::new();
    let registration = body.airplane.unwrap_or_else(|| before.airplane.clone());
    flights::lock_airplanes(connection, &[&registration]).await?;
    let airplane = Airplane::find(connection, &registration).await?;
    if airplane.is_none() {
        errors.push(FieldError::at("/airplane", "is no airplane that is known"));
    }
    let plan = flights::plan_of(connection, before).await?;
    let mut planned = None;
    // Times that are the same are not read anew: of a time that clocks show twice, it may be the second. The time that is not
    // named is that of the plan: a delay is none.
    let names_time = body.departure_local.is_some() || body.arrival_local.is_some();
    let departure = body.departure_local.unwrap_or(plan.departure.local);
    let arrival = body.arrival_local.unwrap_or(plan.arrival.local);
    if names_time && (departure, arrival) != (before.departure.local, before.arrival.local) {
        let departure = (departure, before.departure.time_zone.as_str());
        let arrival = (arrival, before.arrival.time_zone.as_str());
        planned = times(departure, arrival, now).map_err(|more| errors.extend(more)).ok();
    }
    if let Some(fares) = &body.fares {
        errors.extend(check_fares(fares, Some(&before.equipment.plan), currency));
    }
    let (Some(airplane), true) = (airplane, errors.is_empty()) else {
        return Err(Problem::validation(errors));
    };
    let moved = registration != before.airplane;
    if moved {
        let plan = seat_plan(connection, &airplane.value).await?;
        let same_type = airplane.value.aircraft_type == before.equipment.aircraft_type.code;
        if !same_type || plan.as_ref() != Some(&before.equipment.plan) {
            return Err(Conflict::OtherSeats.into());
        }
    }
    let mut blocked_until = None;
    if moved || planned.is_some() {
        let equipment = &before.equipment;
        let arrives_at = match &planned {
            Some((_, arrival)) => arrival.at,
            None => plan.arrival.at,
        };
        blocked_until = Some(arrives_at + turnaround(&equipment.aircraft_type.code, &equipment.plan));
    }
    let airplane = moved.then_some(registration);
    Ok(FlightChange { times: planned, airplane, blocked_until, fares: body.fares })
}

async fn seat_plan(
    connection: &mut AsyncPgConnection,
    airplane: &Airplane,
) -> Result<Option<SeatPlan>, Problem> {
    let layout = SeatLayout::find(connection, &airplane.seat_layout_id).await?;
    Ok(layout.map(|layout| layout.value.plan))
}
