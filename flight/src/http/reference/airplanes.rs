//! Airplanes.

use super::{Resource, handlers};
use crate::{
    domain::reference::{AircraftType, Airline, Airplane, SeatLayout},
    error::Conflict,
    store::{ReferenceTable, flights::airplane_is_in_use},
};
use diesel_async::AsyncPgConnection;
use shared::{
    http::{FieldError, FromJson, JsonReader},
    iata::{AircraftTypeCode, AirlineCode},
    ids::SeatLayoutId,
    money::Currency,
};
use utoipa::ToSchema;

handlers!(
    Airplane,
    Airplane,
    AirplanePatch,
    [],
    "an airplane",
    "airplanes",
    "/api/v1/airplanes",
    "/api/v1/airplanes/{key}",
    "/api/v1/admin/airplanes",
    "/api/v1/admin/airplanes/{key}"
);

impl FromJson for Airplane {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let registration = object.required("registration");
        let airline = object.required("airline");
        let aircraft_type = object.required("aircraft_type");
        let seat_layout_id = object.required("seat_layout_id");
        Some(Self {
            registration: registration?,
            airline: airline?,
            aircraft_type: aircraft_type?,
            seat_layout_id: seat_layout_id?,
        })
    }
}

/// What may change of an airplane. Its type and seats not while it has flights ahead.
#[derive(Debug, Clone, ToSchema)]
pub(in crate::http) struct AirplanePatch {
    airline: Option<AirlineCode>,
    aircraft_type: Option<AircraftTypeCode>,
    seat_layout_id: Option<SeatLayoutId>,
}

impl FromJson for AirplanePatch {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        object.immutable("registration");
        let airline = object.patch_required("airline");
        let aircraft_type = object.patch_required("aircraft_type");
        let seat_layout_id = object.patch_required("seat_layout_id");
        Some(Self { airline, aircraft_type, seat_layout_id })
    }
}

impl Resource for Airplane {
    type Change = AirplanePatch;
    type View = Airplane;
    const COLLECTION: &'static str = "airplanes";
    const KIND: &'static str = "airplane";

    fn view(&self, _: Currency) -> Airplane {
        self.clone()
    }

    fn changed(&self, change: AirplanePatch) -> Result<Self, Vec<FieldError>> {
        Ok(Self {
            registration: self.registration.clone(),
            airline: change.airline.unwrap_or_else(|| self.airline.clone()),
            aircraft_type: change.aircraft_type.unwrap_or_else(|| self.aircraft_type.clone()),
            seat_layout_id: change.seat_layout_id.unwrap_or(self.seat_layout_id),
        })
    }

    async fn unknown_references(
        &self,
        connection: &mut AsyncPgConnection,
    ) -> Result<Vec<FieldError>, shared::http::Problem> {
        let mut errors = Vec::new();
        if Airline::find(connection, &self.airline).await?.is_none() {
            errors.push(FieldError::at("/airline", "is no airline that is known"));
        }
        if AircraftType::find(connection, &self.aircraft_type).await?.is_none() {
            errors.push(FieldError::at("/aircraft_type", "is no type that is known"));
        }
        match SeatLayout::find(connection, &self.seat_layout_id).await? {
            None => errors.push(FieldError::at("/seat_layout_id", "is no seat layout that is known")),
            Some(layout) if layout.value.aircraft_type != self.aircraft_type => {
                errors.push(FieldError::at("/seat_layout_id", "is a layout of another type"));
            }
            Some(_) => {}
        }
        Ok(errors)
    }

    async fn check_use(
        before: &Self,
        after: &Self,
        connection: &mut AsyncPgConnection,
    ) -> Result<(), shared::http::Problem> {
        let other_type = before.aircraft_type != after.aircraft_type;
        let other_seats = before.seat_layout_id != after.seat_layout_id;
        if (other_type || other_seats) && airplane_is_in_use(connection, &before.registration).await? {
            let field = if other_type { "aircraft_type" } else { "seat_layout_id" };
            return Err(Conflict::InUse { field, by: "flights" }.into());
        }
        Ok(())
    }
}
