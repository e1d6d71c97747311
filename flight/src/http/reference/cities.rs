//! Cities.

use super::{handlers, resource::Resource};
use crate::{
    domain::reference::{City, check_time_zone},
    store::flights::Naming,
};
use shared::{
    http::{FieldError, FromJson, JsonReader},
    iata::CountryCode,
    money::Currency,
};
use utoipa::ToSchema;

handlers!(
    City,
    City,
    CityPatch,
    [],
    "a city",
    "cities",
    "/api/v1/cities",
    "/api/v1/cities/{key}",
    "/api/v1/admin/cities",
    "/api/v1/admin/cities/{key}"
);

/// Reads a zone that must be known.
pub(crate) fn read_time_zone(object: &mut JsonReader<'_>, zone: Option<String>) -> Option<String> {
    let zone = zone?;
    match check_time_zone(&zone) {
        Ok(()) => Some(zone),
        Err(error) => {
            object.error("time_zone", error);
            None
        }
    }
}

impl FromJson for City {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let code = object.required("code");
        let name = object.text("name", 1..=100);
        let country = object.required("country");
        let zone = object.text("time_zone", 1..=64);
        let time_zone = read_time_zone(object, zone);
        Some(Self { code: code?, name: name?, country: country?, time_zone: time_zone? })
    }
}

/// What may change of a city.
#[derive(Debug, Clone, ToSchema)]
pub(in crate::http) struct CityPatch {
    name: Option<String>,
    country: Option<CountryCode>,
    time_zone: Option<String>,
}

impl FromJson for CityPatch {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        object.immutable("code");
        let name = object.patch_text("name", 1..=100);
        let country = object.patch_required("country");
        let zone = object.patch_text("time_zone", 1..=64);
        let time_zone = read_time_zone(object, zone);
        Some(Self { name, country, time_zone })
    }
}

impl Resource for City {
    type Change = CityPatch;
    type View = City;
    const COLLECTION: &'static str = "cities";
    const KIND: &'static str = "city";
    const IS_PLACE: bool = true;

    fn view(&self, _: Currency) -> City {
        self.clone()
    }

    fn changed(&self, change: CityPatch) -> Result<Self, Vec<FieldError>> {
        let CityPatch { name, country, time_zone } = change;
        Ok(Self {
            code: self.code.clone(),
            name: name.unwrap_or_else(|| self.name.clone()),
            country: country.unwrap_or_else(|| self.country.clone()),
            time_zone: time_zone.unwrap_or_else(|| self.time_zone.clone()),
        })
    }

    fn renamed(before: &Self, after: &Self) -> Option<Naming> {
        (before.name != after.name).then(|| Naming::City(after.code.clone()))
    }
}
