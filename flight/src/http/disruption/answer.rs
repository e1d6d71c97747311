//! The answer of a disruption: the flight, or the impact of a dry run.

use super::{super::flights::tag, plan::PlannedDisruption};
use crate::{
    booking::{BookingsImpact, SeatMove},
    domain::flight::FlightView,
    http::cache_control::PRIVATE,
};
use actix_web::{HttpResponse, http::header};
use serde::Serialize;
use shared::money::Money;
use utoipa::ToSchema;

/// The impact of a disruption that is not carried out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DisruptionImpact {
    /// The flight as it would be.
    flight: FlightView,
    /// Live bookings on it.
    bookings: u64,
    /// Their passengers, with infants.
    passengers: u64,
    /// The sum of the refunds.
    refunds: Money,
    /// Bookings whose travellers would get a letter.
    letters: u64,
    /// Later flights that the airplane could not reach in time.
    knock_on: Vec<FlightView>,
    /// Passengers who would get other seats.
    reseated: Vec<SeatMove>,
}

/// The answer of a disruption.
#[derive(ToSchema)]
#[schema(as = DisruptionAnswer)]
#[expect(dead_code, reason = "it stands for one of two answers in the OpenAPI document")]
#[serde(untagged)]
pub(crate) enum DisruptionAnswer {
    /// The flight after the act.
    Flight(FlightView),
    /// The impact, after a dry run.
    Impact(DisruptionImpact),
}

/// The effect on the bookings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consequence {
    /// They are cancelled and refunded in full, and each is told.
    Refunded,
    /// They have other times, and each is told.
    Rescheduled,
    /// Nothing of them changes.
    Unaffected,
    /// Those who get other seats are told.
    Reseated,
}

impl DisruptionImpact {
    pub(super) fn new(plan: PlannedDisruption, found: BookingsImpact, consequence: Consequence) -> Self {
        let mut moved: Vec<_> = found.reseated.iter().map(|one| one.booking_id).collect();
        moved.sort_unstable();
        moved.dedup();
        let (refunds, letters) = match consequence {
            Consequence::Refunded => (found.paid, found.bookings),
            Consequence::Rescheduled => (Money::new(0, found.paid.currency), found.bookings),
            Consequence::Unaffected => (Money::new(0, found.paid.currency), 0),
            Consequence::Reseated => {
                (Money::new(0, found.paid.currency), u64::try_from(moved.len()).unwrap_or(u64::MAX))
            }
        };
        Self {
            flight: plan.after,
            bookings: found.bookings,
            passengers: found.passengers,
            refunds,
            letters,
            knock_on: plan.knock_on,
            reseated: found.reseated,
        }
    }

    pub(super) fn answer(&self) -> HttpResponse {
        HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(self)
    }
}

/// The flight after an act.
pub(super) fn acted(view: &FlightView) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::ETAG, tag(view)))
        .insert_header((header::CACHE_CONTROL, PRIVATE))
        .json(view)
}
