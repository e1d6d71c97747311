//! `/internal/flights`: what the flight service asks before and after it disrupts or deletes a flight.
//!
//! A cancellation, and a change of equipment, go in three steps: flight has booking withdraw the flight, commits its own
//! change, and tells booking of it. The event of the change tells the same again, so nothing depends on the third step.

use super::booking_reader::BookingReader;
use crate::{
    actors::{
        flight_feed::{announce, commit_flights},
        sales::InstanceSales,
    },
    store::withdrawals::{self, AssessedImpact, ClosingOutcome, WithdrawalOutcome},
};
use actix_web::{HttpResponse, web};
use booking_engine::{
    inventory::reseating::{CabinTooSmall, SeatMove},
    ports::FlightInventory,
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{
    auth::ServiceCaller,
    db::DbError,
    events::FlightState,
    http::{Body, FromJson, Id, JsonReader, NoParameters, Problem},
    ids::FlightId,
    money::Money,
    seat::SeatPlan,
};

/// The state of a flight as the flight service has it, with members that this release does not know.
pub(super) struct StateBody(FlightState, Value);

impl FromJson for StateBody {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let document: Value = object.required("flight")?;
        match FlightState::deserialize(&document) {
            Ok(state) => Some(Self(state, document)),
            Err(error) => {
                object.error("flight", error);
                None
            }
        }
    }
}

/// Other seats that the flight is to get.
pub(super) struct PlanBody(Option<SeatPlan>);

impl FromJson for PlanBody {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        Some(Self(object.optional("seat_plan")))
    }
}

/// A flight to withdraw, perhaps for a change to other seats.
pub(super) struct WithdrawalBody(StateBody, PlanBody);

impl FromJson for WithdrawalBody {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let plan = PlanBody::read(object);
        Some(Self(StateBody::read(object)?, plan?))
    }
}

/// `POST /internal/flights/{id}/impact {seat_plan?}`: counts the live bookings of a flight and what was paid for them;
/// and how passengers would move if it had these seats. It changes nothing.
pub(super) async fn assess(
    _caller: ServiceCaller,
    id: Id<FlightId>,
    _: NoParameters,
    Body { value: PlanBody(plan), .. }: Body<PlanBody>,
    (sales, reading): (web::Data<InstanceSales>, web::Data<BookingReader>),
) -> Result<HttpResponse, Problem> {
    let mut connection = reading.pool.get().await?;
    let connection: &mut AsyncPgConnection = &mut connection;
    let flight = id.0;
    let assess = async |connection: &mut AsyncPgConnection| {
        withdrawals::assess(connection, flight, plan.as_ref()).await
    };
    let mut one_instant = connection.build_transaction().repeatable_read().read_only();
    let AssessedImpact { impact, moves } = one_instant.run(assess).await.map_err(DbError::from)?;
    let (reseated, too_small) = match moves {
        Ok(moves) => (moves.iter().map(shown_move).collect(), None),
        Err(CabinTooSmall(cabin)) => (Vec::new(), Some(cabin)),
    };
    Ok(HttpResponse::Ok().json(json!({
        "bookings": impact.bookings,
        "passengers": impact.passengers,
        "paid": Money::new(impact.paid, sales.terms.currency),
        "reseated": reseated,
        "too_small": too_small,
    })))
}

fn shown_move(one: &SeatMove) -> Value {
    json!({ "booking_id": one.booking, "from": one.from, "to": one.to })
}

/// `POST /internal/flights/{id}/withdraw {flight, seat_plan?}`: takes the flight off sale, with its bookings, before it is
/// cancelled or gets other seats. It may be repeated.
pub(super) async fn withdraw(
    _caller: ServiceCaller,
    id: Id<FlightId>,
    _: NoParameters,
    Body { value: WithdrawalBody(StateBody(state, document), PlanBody(plan)), .. }: Body<WithdrawalBody>,
    (sales, reading): (web::Data<InstanceSales>, web::Data<BookingReader>),
) -> Result<HttpResponse, Problem> {
    let (pool, flight) = (reading.pool.clone(), state.clone());
    // A task of its own: whatever becomes of the request, the transaction comes to its end.
    let task = actix_web::rt::spawn(async move {
        let mut connection = pool.get().await?;
        let connection: &mut AsyncPgConnection = &mut connection;
        let withdraw = async |connection: &mut AsyncPgConnection| {
            withdrawals::withdraw(connection, &(flight, document), plan.as_ref()).await
        };
        connection.transaction(withdraw).await.map_err(DbError::from)
    });
    let outcome = task.await.map_err(|error| Problem::internal(&error))??;
    let answer = match outcome {
        WithdrawalOutcome::Withdrawn { was_on_sale, seats } => {
            announce(&sales.deps.directory, vec![state], seats);
            json!({ "outcome": "withdrawn", "was_on_sale": was_on_sale })
        }
        WithdrawalOutcome::Stale => json!({ "outcome": "stale" }),
        WithdrawalOutcome::TooSmall(CabinTooSmall(cabin)) => {
            json!({ "outcome": "too_small", "cabin": cabin })
        }
    };
    // Closing a flight does not raise its version, so allocators have to read it.
    sales.deps.directory.invalidate(id.0);
    Ok(HttpResponse::Ok().json(answer))
}

/// `POST /internal/flights/{id}/close {flight}`: takes the flight off sale before it is deleted, unless live bookings are on
/// it. It may be repeated.
pub(super) async fn close(
    _caller: ServiceCaller,
    id: Id<FlightId>,
    _: NoParameters,
    Body { value: StateBody(state, document), .. }: Body<StateBody>,
    (sales, reading): (web::Data<InstanceSales>, web::Data<BookingReader>),
) -> Result<HttpResponse, Problem> {
    let (pool, flight) = (reading.pool.clone(), state.clone());
    // A task of its own: whatever becomes of the request, the transaction comes to its end.
    let task = actix_web::rt::spawn(async move {
        let mut connection = pool.get().await?;
        let connection: &mut AsyncPgConnection = &mut connection;
        let close = async |connection: &mut AsyncPgConnection| {
            withdrawals::close(connection, &(flight, document)).await
        };
        connection.transaction(close).await.map_err(DbError::from)
    });
    let outcome = task.await.map_err(|error| Problem::internal(&error))??;
    let answer = match outcome {
        ClosingOutcome::Closed { seats } => {
            announce(&sales.deps.directory, vec![state], seats);
            json!({ "outcome": "closed" })
        }
        ClosingOutcome::Booked(live) => json!({ "outcome": "booked", "live_bookings": live }),
        ClosingOutcome::Stale => json!({ "outcome": "stale" }),
    };
    // Closing a flight does not raise its version, so allocators have to read it.
    sales.deps.directory.invalidate(id.0);
    Ok(HttpResponse::Ok().json(answer))
}

/// `PUT /internal/flights/{id} {flight}`: stores a committed state of the flight before its event comes.
pub(super) async fn follow(
    _caller: ServiceCaller,
    _: Id<FlightId>,
    _: NoParameters,
    Body { value: StateBody(state, document), .. }: Body<StateBody>,
    (sales, reading): (web::Data<InstanceSales>, web::Data<BookingReader>),
) -> Result<HttpResponse, Problem> {
    let seats = commit_flights(&reading.pool, vec![(state.clone(), document)]).await?;
    announce(&sales.deps.directory, vec![state], seats);
    Ok(HttpResponse::NoContent().finish())
}
