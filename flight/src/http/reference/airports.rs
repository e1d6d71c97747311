//! Airports.

use super::{Resource, cities::read_time_zone, handlers};
use crate::{
    domain::reference::{Airport, City, DepartureTaxes},
    error::Conflict,
    store::{
        ReferenceTable,
        flights::{Naming, airport_is_in_use},
    },
};
use diesel_async::AsyncPgConnection;
use shared::{
    http::{FieldError, FromJson, JsonReader, Patch},
    iata::{CityCode, CountryCode, IcaoAirportCode},
};
use std::ops::RangeInclusive;
use utoipa::ToSchema;

handlers!(
    Airport,
    AirportPatch,
    "an airport",
    "airports",
    "/api/v1/airports",
    "/api/v1/airports/{key}",
    "/api/v1/admin/airports",
    "/api/v1/admin/airports/{key}"
);

const LATITUDES: RangeInclusive<f64> = -90.0..=90.0;
const LONGITUDES: RangeInclusive<f64> = -180.0..=180.0;
/// The longest minimum connection: a day.
const CONNECTION: RangeInclusive<u16> = 1..=1440;

/// Checks a value that was read against its bounds.
fn within<T: PartialOrd + std::fmt::Display>(
    object: &mut JsonReader<'_>,
    name: &str,
    value: Option<T>,
    bounds: &RangeInclusive<T>,
) -> Option<T> {
    let value = value?;
    if bounds.contains(&value) {
        return Some(value);
    }
    object.error(name, format!("must be from {} to {}", bounds.start(), bounds.end()));
    None
}

impl FromJson for Airport {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let iata = object.required("iata");
        let icao = object.optional("icao");
        let name = object.text("name", 1..=100);
        let city = object.required("city");
        let country = object.required("country");
        let zone = object.text("time_zone", 1..=64);
        let time_zone = read_time_zone(object, zone);
        let latitude = object.required("latitude");
        let latitude = within(object, "latitude", latitude, &LATITUDES);
        let longitude = object.required("longitude");
        let longitude = within(object, "longitude", longitude, &LONGITUDES);
        let minutes = object.optional("min_connection_minutes");
        let min_connection_minutes = within(object, "min_connection_minutes", minutes, &CONNECTION);
        Some(Self {
            iata: iata?,
            icao,
            name: name?,
            city: city?,
            country: country?,
            time_zone: time_zone?,
            latitude: latitude?,
            longitude: longitude?,
            min_connection_minutes,
            taxes: DepartureTaxes::default(),
        })
    }
}

/// What may change of an airport; `icao` and `min_connection_minutes` may be removed.
#[derive(Debug, Clone, ToSchema)]
pub(in crate::http) struct AirportPatch {
    #[schema(value_type = Option<IcaoAirportCode>)]
    icao: Patch<IcaoAirportCode>,
    name: Option<String>,
    city: Option<CityCode>,
    country: Option<CountryCode>,
    /// Not while flights are planned here.
    time_zone: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    #[schema(value_type = Option<u16>)]
    min_connection_minutes: Patch<u16>,
}

impl FromJson for AirportPatch {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        object.immutable("iata");
        let icao = object.patch("icao");
        let name = object.patch_text("name", 1..=100);
        let city = object.patch_required("city");
        let country = object.patch_required("country");
        let zone = object.patch_text("time_zone", 1..=64);
        let time_zone = read_time_zone(object, zone);
        let latitude = object.patch_required("latitude");
        let latitude = within(object, "latitude", latitude, &LATITUDES);
        let longitude = object.patch_required("longitude");
        let longitude = within(object, "longitude", longitude, &LONGITUDES);
        let min_connection_minutes = match object.patch("min_connection_minutes") {
            Patch::Set(minutes) => within(object, "min_connection_minutes", Some(minutes), &CONNECTION)
                .map_or(Patch::Keep, Patch::Set),
            other => other,
        };
        Some(Self { icao, name, city, country, time_zone, latitude, longitude, min_connection_minutes })
    }
}

impl Resource for Airport {
    type Change = AirportPatch;
    const COLLECTION: &'static str = "airports";
    const KIND: &'static str = "airport";
    const IS_PLACE: bool = true;

    fn changed(&self, change: AirportPatch) -> Result<Self, Vec<FieldError>> {
        Ok(Self {
            iata: self.iata.clone(),
            icao: change.icao.apply(self.icao.clone()),
            name: change.name.unwrap_or_else(|| self.name.clone()),
            city: change.city.unwrap_or_else(|| self.city.clone()),
            country: change.country.unwrap_or_else(|| self.country.clone()),
            time_zone: change.time_zone.unwrap_or_else(|| self.time_zone.clone()),
            latitude: change.latitude.unwrap_or(self.latitude),
            longitude: change.longitude.unwrap_or(self.longitude),
            min_connection_minutes: change.min_connection_minutes.apply(self.min_connection_minutes),
            taxes: self.taxes,
        })
    }

    async fn unknown_references(
        &self,
        connection: &mut AsyncPgConnection,
    ) -> Result<Vec<FieldError>, shared::http::Problem> {
        let known = City::find(connection, &self.city).await?.is_some();
        Ok(if known { vec![] } else { vec![FieldError::at("/city", "is no city that is known")] })
    }

    async fn check_use(
        before: &Self,
        after: &Self,
        connection: &mut AsyncPgConnection,
    ) -> Result<(), shared::http::Problem> {
        // Other clocks would move the flights that are on sale.
        if before.time_zone != after.time_zone && airport_is_in_use(connection, &before.iata).await? {
            return Err(Conflict::InUse { field: "time_zone", by: "flights" }.into());
        }
        Ok(())
    }

    fn naming(&self) -> Option<Naming> {
        Some(Naming::Airport(self.iata.clone()))
    }
}
