//! Seat layouts. The id is given here. While airplanes or flights use a layout, its geometry and its type stay as they
//! are: another geometry becomes the next version of its name, to which airplanes are moved one by one.

use super::{handlers, resource::Resource};
use crate::{
    domain::reference::{AircraftType, SeatLayout, check_plan},
    error::Conflict,
    store::{
        ReferenceTable, RowLock,
        seat_layouts::{next_version, user},
    },
};
use diesel_async::AsyncPgConnection;
use shared::{
    http::{FieldError, FromJson, JsonReader, Problem},
    iata::AircraftTypeCode,
    ids::SeatLayoutId,
    money::Currency,
    seat::{CabinSection, SeatDesignator, SeatPlan},
};
use std::collections::HashSet;
use utoipa::ToSchema;

handlers!(
    SeatLayout,
    SeatLayout,
    SeatLayoutPatch,
    ["In use, it stays; this is its next version"],
    "a seat layout",
    "seat layouts",
    "/api/v1/seat-layouts",
    "/api/v1/seat-layouts/{key}",
    "/api/v1/admin/seat-layouts",
    "/api/v1/admin/seat-layouts/{key}"
);

/// The most sections of a plan.
const SECTIONS: usize = 20;

fn read_section(object: &mut JsonReader<'_>) -> Option<CabinSection> {
    let (cabin, rows, columns) =
        (object.required("cabin"), object.required("rows"), object.required("columns"));
    Some(CabinSection { cabin: cabin?, rows: rows?, columns: columns? })
}

/// Notes what the parts of a plan say against each other.
fn checked(object: &mut JsonReader<'_>, plan: SeatPlan) -> Option<SeatPlan> {
    let errors = check_plan(&plan);
    if errors.is_empty() {
        return Some(plan);
    }
    object.note(errors);
    None
}

impl FromJson for SeatLayout {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let name = object.text("name", 1..=100);
        let aircraft_type = object.required("aircraft_type");
        let cabins = object.list("cabins", 1..=SECTIONS, read_section);
        let exit_rows = object.optional("exit_rows").unwrap_or_default();
        let blocked_seats = object.optional("blocked_seats").unwrap_or_default();
        let plan = checked(object, SeatPlan { cabins: cabins?, exit_rows, blocked_seats });
        Some(Self {
            id: SeatLayoutId::new(),
            name: name?,
            version: 1,
            aircraft_type: aircraft_type?,
            plan: plan?,
        })
    }
}

/// What may change of a layout. In use, another geometry makes its next version, and the type stays.
#[derive(Debug, Clone, ToSchema)]
pub(in crate::http) struct SeatLayoutPatch {
    name: Option<String>,
    aircraft_type: Option<AircraftTypeCode>,
    cabins: Option<Vec<CabinSection>>,
    exit_rows: Option<Vec<u8>>,
    #[schema(value_type = Option<Vec<String>>)]
    blocked_seats: Option<Vec<SeatDesignator>>,
}

impl FromJson for SeatLayoutPatch {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        object.immutable("id");
        object.immutable("version");
        let name = object.patch_text("name", 1..=100);
        let aircraft_type = object.patch_required("aircraft_type");
        let cabins = if object.has("cabins") {
            Some(object.list("cabins", 1..=SECTIONS, read_section)?)
        } else {
            None
        };
        let exit_rows = object.patch_required("exit_rows");
        let blocked_seats = object.patch_required("blocked_seats");
        Some(Self { name, aircraft_type, cabins, exit_rows, blocked_seats })
    }
}

impl Resource for SeatLayout {
    type Change = SeatLayoutPatch;
    type View = SeatLayout;
    const COLLECTION: &'static str = "seat-layouts";
    const KIND: &'static str = "seat_layout";

    fn view(&self, _: Currency) -> SeatLayout {
        self.clone()
    }

    fn changed(&self, change: SeatLayoutPatch) -> Result<Self, Vec<FieldError>> {
        let plan = SeatPlan {
            cabins: change.cabins.unwrap_or_else(|| self.plan.cabins.clone()),
            exit_rows: change.exit_rows.unwrap_or_else(|| self.plan.exit_rows.clone()),
            blocked_seats: change.blocked_seats.unwrap_or_else(|| self.plan.blocked_seats.clone()),
        };
        let errors = check_plan(&plan);
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            id: self.id,
            name: change.name.unwrap_or_else(|| self.name.clone()),
            version: self.version,
            aircraft_type: change.aircraft_type.unwrap_or_else(|| self.aircraft_type.clone()),
            plan,
        })
    }

    async fn unknown_references(
        rows: &[Self],
        connection: &mut AsyncPgConnection,
    ) -> Result<Vec<(usize, FieldError)>, Problem> {
        let named: HashSet<AircraftTypeCode> = rows.iter().map(|row| row.aircraft_type.clone()).collect();
        let named: Vec<AircraftTypeCode> = named.into_iter().collect();
        let known = AircraftType::find_many(connection, &named, RowLock::Unlocked).await?;
        let known: HashSet<AircraftTypeCode> = known.into_iter().map(|kind| kind.value.code).collect();
        let unknown = rows.iter().enumerate().filter(|(_, row)| !known.contains(&row.aircraft_type));
        let error = || FieldError::at("/aircraft_type", "is no type that is known");
        Ok(unknown.map(|(at, _)| (at, error())).collect())
    }

    async fn check_use(
        before: &Self,
        after: &Self,
        connection: &mut AsyncPgConnection,
    ) -> Result<Option<Conflict>, Problem> {
        if before.aircraft_type == after.aircraft_type {
            return Ok(None);
        }
        let by = user(connection, before.id).await?;
        Ok(by.map(|by| Conflict::InUse { field: "aircraft_type", by }))
    }

    async fn successor(
        before: &Self,
        after: &Self,
        connection: &mut AsyncPgConnection,
    ) -> Result<Option<Self>, Problem> {
        if before.plan == after.plan || user(connection, before.id).await?.is_none() {
            return Ok(None);
        }
        let version = next_version(connection, &after.name).await?;
        Ok(Some(Self { id: SeatLayoutId::new(), version, ..after.clone() }))
    }
}
