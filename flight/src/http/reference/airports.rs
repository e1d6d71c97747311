//! Airports.

use super::{
    cities::read_time_zone,
    handlers,
    resource::{ReadIn, Resource},
};
use crate::{
    domain::reference::{Airport, City, DepartureTaxes},
    error::Conflict,
    store::{
        ReferenceTable, RowLock,
        flights::{Naming, airport_is_in_use},
    },
};
use diesel_async::AsyncPgConnection;
use serde::Serialize;
use shared::{
    http::{FieldError, JsonReader, Patch, Problem},
    iata::{AirportCode, CityCode, CountryCode, IcaoAirportCode},
    money::{Currency, Money},
};
use std::{collections::HashSet, ops::RangeInclusive};
use utoipa::ToSchema;

handlers!(
    Airport,
    AirportView,
    AirportPatch,
    [],
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

/// The highest tax, in minor units: beyond every fare, and far from the end of the numbers.
const HIGHEST_TAX: i64 = 10_000_000;

/// An airport, as the contract shows it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Airport)]
pub(in crate::http) struct AirportView {
    /// Its location identifier.
    iata: AirportCode,
    /// Its ICAO location indicator, where it has one.
    icao: Option<IcaoAirportCode>,
    /// Its name.
    name: String,
    /// The city that it serves.
    city: CityCode,
    /// The country that it is in.
    country: CountryCode,
    /// Its IANA time zone: the one of the times of its flights.
    #[schema(example = "Europe/London")]
    time_zone: String,
    /// Degrees north, -90 to 90.
    latitude: f64,
    /// Degrees east, -180 to 180.
    longitude: f64,
    /// The shortest connection here; null where the general rule holds.
    min_connection_minutes: Option<u16>,
    /// What each seat that departs to an airport of the same country is taxed; null for the default.
    domestic_tax: Option<Money>,
    /// What each seat that departs to another country is taxed; null for the default.
    international_tax: Option<Money>,
}

impl AirportView {
    fn new(airport: &Airport, currency: Currency) -> Self {
        let money = |minor: Option<i64>| minor.map(|minor| Money::new(minor, currency));
        Self {
            iata: airport.iata.clone(),
            icao: airport.icao.clone(),
            name: airport.name.clone(),
            city: airport.city.clone(),
            country: airport.country.clone(),
            time_zone: airport.time_zone.clone(),
            latitude: airport.latitude,
            longitude: airport.longitude,
            min_connection_minutes: airport.min_connection_minutes,
            domestic_tax: money(airport.taxes.domestic),
            international_tax: money(airport.taxes.international),
        }
    }
}

/// Checks a tax that was read; gives its minor units of the sale currency.
fn check_tax(object: &mut JsonReader<'_>, name: &str, tax: Money, currency: Currency) -> Option<i64> {
    if tax.currency != currency {
        object.error(name, format!("must be in {currency}"));
    } else if !(0..=HIGHEST_TAX).contains(&tax.minor) {
        object.error(name, format!("must be from 0 to {}", Money::new(HIGHEST_TAX, currency).amount()));
    } else {
        return Some(tax.minor);
    }
    None
}

fn read_tax(object: &mut JsonReader<'_>, name: &str, currency: Currency) -> Option<i64> {
    let tax = object.optional(name)?;
    check_tax(object, name, tax, currency)
}

fn read_tax_patch(object: &mut JsonReader<'_>, name: &str, currency: Currency) -> Patch<i64> {
    match object.patch(name) {
        Patch::Set(tax) => check_tax(object, name, tax, currency).map_or(Patch::Keep, Patch::Set),
        Patch::Remove => Patch::Remove,
        Patch::Keep => Patch::Keep,
    }
}

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

impl ReadIn for Airport {
    fn read_in(object: &mut JsonReader<'_>, currency: Currency) -> Option<Self> {
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
        let taxes = DepartureTaxes {
            domestic: read_tax(object, "domestic_tax", currency),
            international: read_tax(object, "international_tax", currency),
        };
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
            taxes,
        })
    }
}

/// What may change of an airport; `icao`, `min_connection_minutes` and the taxes may be removed.
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
    #[schema(value_type = Option<Money>)]
    domestic_tax: Patch<i64>,
    #[schema(value_type = Option<Money>)]
    international_tax: Patch<i64>,
}

impl ReadIn for AirportPatch {
    fn read_in(object: &mut JsonReader<'_>, currency: Currency) -> Option<Self> {
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
        let domestic_tax = read_tax_patch(object, "domestic_tax", currency);
        let international_tax = read_tax_patch(object, "international_tax", currency);
        Some(Self {
            icao,
            name,
            city,
            country,
            time_zone,
            latitude,
            longitude,
            min_connection_minutes,
            domestic_tax,
            international_tax,
        })
    }
}

impl Resource for Airport {
    type Change = AirportPatch;
    type View = AirportView;
    const COLLECTION: &'static str = "airports";
    const KIND: &'static str = "airport";
    const IS_PLACE: bool = true;

    fn view(&self, currency: Currency) -> AirportView {
        AirportView::new(self, currency)
    }

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
            taxes: DepartureTaxes {
                domestic: change.domestic_tax.apply(self.taxes.domestic),
                international: change.international_tax.apply(self.taxes.international),
            },
        })
    }

    async fn unknown_references(
        rows: &[Self],
        connection: &mut AsyncPgConnection,
    ) -> Result<Vec<(usize, FieldError)>, Problem> {
        let named: HashSet<CityCode> = rows.iter().map(|row| row.city.clone()).collect();
        let named: Vec<CityCode> = named.into_iter().collect();
        let known = City::find_many(connection, &named, RowLock::Unlocked).await?;
        let known: HashSet<CityCode> = known.into_iter().map(|city| city.value.code).collect();
        let unknown = rows.iter().enumerate().filter(|(_, row)| !known.contains(&row.city));
        Ok(unknown.map(|(at, _)| (at, FieldError::at("/city", "is no city that is known"))).collect())
    }

    async fn check_use(
        before: &Self,
        after: &Self,
        connection: &mut AsyncPgConnection,
    ) -> Result<Option<Conflict>, Problem> {
        // Other clocks would move the flights that are on sale.
        if before.time_zone != after.time_zone && airport_is_in_use(connection, &before.iata).await? {
            return Ok(Some(Conflict::InUse { field: "time_zone", by: "flights" }));
        }
        Ok(None)
    }

    /// The index hears of shortest connections in another way.
    fn renamed(before: &Self, after: &Self) -> Option<Naming> {
        let carried = |airport: &Self| {
            let Self { name, city, country, time_zone, taxes, .. } = airport.clone();
            (name, city, country, time_zone, taxes)
        };
        (carried(before) != carried(after)).then(|| Naming::Airport(after.iata.clone()))
    }
}
