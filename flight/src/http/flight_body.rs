//! The bodies of the writes of flights.

use shared::{
    auth::Permission,
    fare::FlightFare,
    flight_time::LocalMinute,
    http::{FromJson, JsonReader},
    iata::{AirportCode, FlightNumber, Registration},
};
use utoipa::ToSchema;

/// Fares of a flight: four cabins of three brands.
pub(super) const FARES: std::ops::RangeInclusive<usize> = 1..=12;

/// A flight that is to be made.
#[derive(Debug, Clone, ToSchema)]
#[schema(as = NewFlight)]
pub(crate) struct NewFlightBody {
    /// Of a known airline; unique for the origin and the local date.
    pub(crate) flight_number: FlightNumber,
    /// From where.
    pub(crate) origin: AirportCode,
    /// To where.
    pub(crate) destination: AirportCode,
    /// Local to the origin.
    #[schema(value_type = String, example = "2026-12-01T10:30")]
    pub(crate) departure_local: LocalMinute,
    /// Local to the destination.
    #[schema(value_type = String, example = "2026-12-01T12:45")]
    pub(crate) arrival_local: LocalMinute,
    /// Free at that time.
    pub(crate) airplane: Registration,
    /// At least one; each cabin and brand once.
    pub(crate) fares: Vec<FlightFare>,
}

impl FromJson for NewFlightBody {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let flight_number = object.required("flight_number");
        let origin: Option<AirportCode> = object.required("origin");
        let destination = object.required("destination");
        if origin.is_some() && origin == destination {
            object.error("destination", "must be another airport than the origin");
        }
        let departure_local = object.required("departure_local");
        let arrival_local = object.required("arrival_local");
        let airplane = object.required("airplane");
        let fares = object.list("fares", FARES, read_fare);
        Some(Self {
            flight_number: flight_number?,
            origin: origin?,
            destination: destination?,
            departure_local: departure_local?,
            arrival_local: arrival_local?,
            airplane: airplane?,
            fares: fares?,
        })
    }
}

pub(super) fn read_fare(object: &mut JsonReader<'_>) -> Option<FlightFare> {
    let (cabin, brand, base_price) =
        (object.required("cabin"), object.required("brand"), object.required("base_price"));
    Some(FlightFare { cabin: cabin?, brand: brand?, base_price: base_price? })
}

/// What may change of a flight (JSON Merge Patch).
#[derive(Debug, Clone, ToSchema)]
#[schema(as = FlightPatch)]
pub(crate) struct FlightPatchBody {
    /// Local to the origin.
    #[schema(value_type = Option<String>, example = "2026-12-01T10:30")]
    pub(crate) departure_local: Option<LocalMinute>,
    /// Local to the destination.
    #[schema(value_type = Option<String>, example = "2026-12-01T12:45")]
    pub(crate) arrival_local: Option<LocalMinute>,
    /// Another airplane with the same seats.
    pub(crate) airplane: Option<Registration>,
    /// All fares: those that are not named go.
    pub(crate) fares: Option<Vec<FlightFare>>,
}

impl FlightPatchBody {
    /// The permissions that the change needs.
    pub(crate) fn permissions(&self) -> impl Iterator<Item = Permission> {
        let plans = self.departure_local.is_some() || self.arrival_local.is_some() || self.airplane.is_some();
        let needed =
            [plans.then_some(Permission::FlightWrite), self.fares.is_some().then_some(Permission::FareWrite)];
        needed.into_iter().flatten()
    }
}

impl FromJson for FlightPatchBody {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        for key in ["id", "flight_number", "origin", "destination"] {
            object.immutable(key);
        }
        let departure_local = object.patch_required("departure_local");
        let arrival_local = object.patch_required("arrival_local");
        let airplane = object.patch_required("airplane");
        // A list is replaced as a whole, so it is read like that of a new flight where it is sent.
        let fares = if object.has("fares") { Some(object.list("fares", FARES, read_fare)?) } else { None };
        Some(Self { departure_local, arrival_local, airplane, fares })
    }
}
