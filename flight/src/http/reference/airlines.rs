//! Airlines.

use super::{handlers, resource::Resource};
use crate::{domain::reference::Airline, store::flights::Naming};
use shared::{
    http::{FieldError, FromJson, JsonReader},
    iata::AccountingCode,
    money::Currency,
};
use utoipa::ToSchema;

handlers!(
    Airline,
    Airline,
    AirlinePatch,
    [],
    "an airline",
    "airlines",
    "/api/v1/airlines",
    "/api/v1/airlines/{key}",
    "/api/v1/admin/airlines",
    "/api/v1/admin/airlines/{key}"
);

impl FromJson for Airline {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let code = object.required("code");
        let name = object.text("name", 1..=100);
        let accounting_code = object.required("accounting_code");
        Some(Self { code: code?, name: name?, accounting_code: accounting_code? })
    }
}

/// What may change of an airline.
#[derive(Debug, Clone, ToSchema)]
pub(in crate::http) struct AirlinePatch {
    name: Option<String>,
    accounting_code: Option<AccountingCode>,
}

impl FromJson for AirlinePatch {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        object.immutable("code");
        let name = object.patch_text("name", 1..=100);
        let accounting_code = object.patch_required("accounting_code");
        Some(Self { name, accounting_code })
    }
}

impl Resource for Airline {
    type Change = AirlinePatch;
    type View = Airline;
    const COLLECTION: &'static str = "airlines";
    const KIND: &'static str = "airline";

    fn view(&self, _: Currency) -> Airline {
        self.clone()
    }

    fn changed(&self, change: AirlinePatch) -> Result<Self, Vec<FieldError>> {
        Ok(Self {
            code: self.code.clone(),
            name: change.name.unwrap_or_else(|| self.name.clone()),
            accounting_code: change.accounting_code.unwrap_or_else(|| self.accounting_code.clone()),
        })
    }

    fn renamed(before: &Self, after: &Self) -> Option<Naming> {
        (before != after).then(|| Naming::Airline(after.code.clone()))
    }
}
