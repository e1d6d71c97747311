//! The bodies of disruptions.

use shared::{
    flight_time::LocalMinute,
    http::{FromJson, JsonReader},
    iata::Registration,
};
use std::ops::RangeInclusive;
use utoipa::ToSchema;

/// Characters of a reason: it stands in letters.
const REASON: RangeInclusive<usize> = 1..=500;

/// New times of a flight.
#[derive(Debug, Clone, ToSchema)]
#[schema(as = FlightDelay)]
pub(crate) struct DelayBody {
    /// Local to the origin; not before the planned departure.
    #[schema(value_type = String, example = "2026-12-01T12:30")]
    pub(crate) departure_local: LocalMinute,
    /// Local to the destination.
    #[schema(value_type = String, example = "2026-12-01T14:45")]
    pub(crate) arrival_local: LocalMinute,
    /// Why, for travellers.
    #[schema(min_length = 1, max_length = 500)]
    pub(crate) reason: String,
    /// `true` changes nothing and answers with the impact.
    #[schema(value_type = Option<bool>)]
    pub(crate) dry_run: bool,
}

impl FromJson for DelayBody {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let departure_local = object.required("departure_local");
        let arrival_local = object.required("arrival_local");
        let reason = object.text("reason", REASON);
        let dry_run = object.optional("dry_run").unwrap_or_default();
        Some(Self {
            departure_local: departure_local?,
            arrival_local: arrival_local?,
            reason: reason?,
            dry_run,
        })
    }
}

/// Why a flight does not take place.
#[derive(Debug, Clone, ToSchema)]
#[schema(as = FlightCancellation)]
pub(crate) struct CancellationBody {
    /// Why, for travellers.
    #[schema(min_length = 1, max_length = 500)]
    pub(crate) reason: String,
    /// `true` changes nothing and answers with the impact.
    #[schema(value_type = Option<bool>)]
    pub(crate) dry_run: bool,
}

impl FromJson for CancellationBody {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let reason = object.text("reason", REASON);
        let dry_run = object.optional("dry_run").unwrap_or_default();
        Some(Self { reason: reason?, dry_run })
    }
}

/// Another airplane for a flight.
#[derive(Debug, Clone, ToSchema)]
#[schema(as = EquipmentChange)]
pub(crate) struct EquipmentBody {
    /// Of any type, free at that time.
    pub(crate) airplane: Registration,
    /// `true` changes nothing and answers with the impact.
    #[schema(value_type = Option<bool>)]
    pub(crate) dry_run: bool,
}

impl FromJson for EquipmentBody {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let airplane = object.required("airplane");
        let dry_run = object.optional("dry_run").unwrap_or_default();
        Some(Self { airplane: airplane?, dry_run })
    }
}
