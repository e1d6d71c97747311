//! The three requests.

use super::{
    answer::DisruptionAnswer,
    body::{CancellationBody, DelayBody, EquipmentBody},
    cancellation, delay as delays,
    deps::DisruptionDeps,
    equipment,
};
use crate::{
    booking::BookingClient,
    http::{CommittedChanges, parameters::NoParameters, permitted::DisruptionWriter, preconditions::IfMatch},
};
use actix_web::{HttpResponse, web};
use shared::{
    db::Pool,
    http::{Body, Id, Problem},
    ids::FlightId,
};

type Deps = (web::Data<Pool>, web::Data<CommittedChanges>, web::Data<BookingClient>);

fn deps((pool, changes, booking): Deps) -> DisruptionDeps {
    DisruptionDeps { pool, changes, booking }
}

/// Delay a flight
///
/// Or delay it again, or have it fly by its plan. It is never refused for the airplane's next flight. With `dry_run` it
/// only tells what it would mean.
#[utoipa::path(
    post,
    path = "/api/v1/admin/flights/{id}/delay",
    tag = "flights",
    security(("bearer" = ["disruption:write"])),
    params(("id" = FlightId, Path)),
    request_body = DelayBody,
    responses(
        (status = 200, description = "The flight, or what the delay would mean", body = DisruptionAnswer),
        (status = 409, description = "`conflict`: it has left; `already_cancelled`"),
        (status = 412, description = "The flight was changed meanwhile"),
        (status = 503, description = "Booking cannot be asked now"),
    )
)]
pub(crate) async fn delay(
    staff: DisruptionWriter,
    _: NoParameters,
    Id(id): Id<FlightId>,
    precondition: IfMatch,
    Body { value: body, .. }: Body<DelayBody>,
    of: Deps,
) -> Result<HttpResponse, Problem> {
    let (deps, flight) = (deps(of), (id, precondition));
    match body.dry_run {
        true => delays::assess(&deps, flight, body).await,
        false => delays::act(&deps, staff.author(), flight, body).await,
    }
}

/// Cancel a flight
///
/// All of its bookings are cancelled and refunded in full. With `dry_run` it only tells what it would mean.
#[utoipa::path(
    post,
    path = "/api/v1/admin/flights/{id}/cancel",
    tag = "flights",
    security(("bearer" = ["disruption:write"])),
    params(("id" = FlightId, Path)),
    request_body = CancellationBody,
    responses(
        (status = 200, description = "The flight, or what the cancellation would mean", body = DisruptionAnswer),
        (status = 409, description = "`conflict`: it has left; `already_cancelled`"),
        (status = 412, description = "The flight was changed meanwhile"),
        (status = 503, description = "Booking cannot be asked now"),
    )
)]
pub(crate) async fn cancel(
    staff: DisruptionWriter,
    _: NoParameters,
    Id(id): Id<FlightId>,
    precondition: IfMatch,
    Body { value: body, .. }: Body<CancellationBody>,
    of: Deps,
) -> Result<HttpResponse, Problem> {
    let (deps, flight) = (deps(of), (id, precondition));
    match body.dry_run {
        true => cancellation::assess(&deps, flight, body).await,
        false => cancellation::act(&deps, staff.author(), flight, body).await,
    }
}

/// Change the airplane of a flight
///
/// Passengers whose seats the other airplane does not have get others in the same cabin. With `dry_run` it only tells
/// what it would mean.
#[utoipa::path(
    post,
    path = "/api/v1/admin/flights/{id}/equipment",
    tag = "flights",
    security(("bearer" = ["disruption:write"])),
    params(("id" = FlightId, Path)),
    request_body = EquipmentBody,
    responses(
        (status = 200, description = "The flight, or what the change would mean", body = DisruptionAnswer),
        (status = 409, description = "`conflict`: it has left, the airplane is planned elsewhere, or has too few seats; \
                                      `already_cancelled`"),
        (status = 412, description = "The flight was changed meanwhile"),
        (status = 503, description = "Booking cannot be asked now"),
    )
)]
pub(crate) async fn change_equipment(
    staff: DisruptionWriter,
    _: NoParameters,
    Id(id): Id<FlightId>,
    precondition: IfMatch,
    Body { value: body, .. }: Body<EquipmentBody>,
    of: Deps,
) -> Result<HttpResponse, Problem> {
    let (deps, flight) = (deps(of), (id, precondition));
    match body.dry_run {
        true => equipment::assess(&deps, flight, body).await,
        false => equipment::act(&deps, staff.author(), flight, body).await,
    }
}
