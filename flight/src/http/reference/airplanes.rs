//! Airplanes.

use super::{handlers, resource::Resource};
use crate::{
    domain::reference::{AircraftType, Airline, Airplane, SeatLayout},
    error::Conflict,
    store::{ReferenceTable, RowLock, flights::airplane_is_in_use},
};
use diesel_async::AsyncPgConnection;
use shared::{
    http::{FieldError, FromJson, JsonReader, Problem},
    iata::{AircraftTypeCode, AirlineCode},
    ids::SeatLayoutId,
    money::Currency,
};
use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
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

/// Those of these keys that a table knows, with their data.
async fn known<T: ReferenceTable<Key: Hash + Eq>>(
    connection: &mut AsyncPgConnection,
    keys: impl Iterator<Item = T::Key>,
) -> Result<HashMap<T::Key, T>, Problem> {
    let named: Vec<T::Key> = keys.collect::<HashSet<_>>().into_iter().collect();
    let found = T::find_many(connection, &named, RowLock::Unlocked).await?;
    Ok(found.into_iter().map(|found| (found.value.key(), found.value)).collect())
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
        rows: &[Self],
        connection: &mut AsyncPgConnection,
    ) -> Result<Vec<(usize, FieldError)>, Problem> {
        let airlines = known::<Airline>(connection, rows.iter().map(|row| row.airline.clone())).await?;
        let types =
            known::<AircraftType>(connection, rows.iter().map(|row| row.aircraft_type.clone())).await?;
        let layouts = known::<SeatLayout>(connection, rows.iter().map(|row| row.seat_layout_id)).await?;
        let mut errors = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            if !airlines.contains_key(&row.airline) {
                errors.push((at, FieldError::at("/airline", "is no airline that is known")));
            }
            if !types.contains_key(&row.aircraft_type) {
                errors.push((at, FieldError::at("/aircraft_type", "is no type that is known")));
            }
            match layouts.get(&row.seat_layout_id) {
                None => {
                    errors.push((at, FieldError::at("/seat_layout_id", "is no seat layout that is known")))
                }
                Some(layout) if layout.aircraft_type != row.aircraft_type => {
                    errors.push((at, FieldError::at("/seat_layout_id", "is a layout of another type")));
                }
                Some(_) => {}
            }
        }
        Ok(errors)
    }

    async fn check_use(
        before: &Self,
        after: &Self,
        connection: &mut AsyncPgConnection,
    ) -> Result<Option<Conflict>, Problem> {
        let other_type = before.aircraft_type != after.aircraft_type;
        let other_seats = before.seat_layout_id != after.seat_layout_id;
        if (other_type || other_seats) && airplane_is_in_use(connection, &before.registration).await? {
            let field = if other_type { "aircraft_type" } else { "seat_layout_id" };
            return Ok(Some(Conflict::InUse { field, by: "flights" }));
        }
        Ok(None)
    }
}
