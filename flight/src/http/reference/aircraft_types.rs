//! Types of aircraft.

use super::{handlers, resource::Resource};
use crate::{
    domain::reference::{AircraftType, check_icao_type},
    store::flights::Naming,
};
use shared::{
    http::{FieldError, FromJson, JsonReader},
    money::Currency,
};
use utoipa::ToSchema;

handlers!(
    AircraftType,
    AircraftType,
    AircraftTypePatch,
    [],
    "an aircraft type",
    "aircraft types",
    "/api/v1/aircraft-types",
    "/api/v1/aircraft-types/{key}",
    "/api/v1/admin/aircraft-types",
    "/api/v1/admin/aircraft-types/{key}"
);

fn read_icao(object: &mut JsonReader<'_>, icao: Option<String>) -> Option<String> {
    let icao = icao?;
    match check_icao_type(&icao) {
        Ok(()) => Some(icao),
        Err(message) => {
            object.error("icao", message);
            None
        }
    }
}

impl FromJson for AircraftType {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let code = object.required("code");
        let icao = object.required("icao");
        let icao = read_icao(object, icao);
        let name = object.text("name", 1..=100);
        Some(Self { code: code?, icao: icao?, name: name? })
    }
}

/// What may change of a type.
#[derive(Debug, Clone, ToSchema)]
pub(in crate::http) struct AircraftTypePatch {
    icao: Option<String>,
    name: Option<String>,
}

impl FromJson for AircraftTypePatch {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        object.immutable("code");
        let icao = object.patch_required("icao");
        let icao = read_icao(object, icao);
        let name = object.patch_text("name", 1..=100);
        Some(Self { icao, name })
    }
}

impl Resource for AircraftType {
    type Change = AircraftTypePatch;
    type View = AircraftType;
    const COLLECTION: &'static str = "aircraft-types";
    const KIND: &'static str = "aircraft_type";

    fn view(&self, _: Currency) -> AircraftType {
        self.clone()
    }

    fn changed(&self, change: AircraftTypePatch) -> Result<Self, Vec<FieldError>> {
        Ok(Self {
            code: self.code.clone(),
            icao: change.icao.unwrap_or_else(|| self.icao.clone()),
            name: change.name.unwrap_or_else(|| self.name.clone()),
        })
    }

    fn renamed(before: &Self, after: &Self) -> Option<Naming> {
        (before.name != after.name).then(|| Naming::AircraftType(after.code.clone()))
    }
}
