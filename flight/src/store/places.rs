//! Places: airports and cities together.

use super::{
    SearchPatterns, parsed,
    schema::{airports, cities},
};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;
use shared::iata::{CityCode, CountryCode};
use std::collections::HashSet;
use utoipa::ToSchema;

/// What a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlaceKind {
    /// An airport.
    Airport,
    /// A city, with all of its airports.
    City,
}

/// Somewhere to fly from or to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Place {
    /// What it is.
    pub kind: PlaceKind,
    /// Its code.
    #[schema(example = "LHR")]
    pub code: String,
    /// Its name.
    pub name: String,
    /// The city that it is or serves.
    pub city: CityCode,
    /// The country that it is in.
    pub country: CountryCode,
}

/// Those of these codes that name an airport or a city.
///
/// # Errors
/// Those of the database.
pub async fn known(connection: &mut AsyncPgConnection, codes: &[&str]) -> QueryResult<HashSet<String>> {
    let airports: Vec<String> =
        airports::table.filter(airports::iata.eq_any(codes)).select(airports::iata).load(connection).await?;
    let cities: Vec<String> =
        cities::table.filter(cities::code.eq_any(codes)).select(cities::code).load(connection).await?;
    Ok(airports.into_iter().chain(cities).collect())
}

#[derive(QueryableByName)]
struct PlaceRow {
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    code: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    city: String,
    #[diesel(sql_type = Text)]
    country: String,
}

/// Places for what somebody has typed so far: first those with that code, then those whose code
/// starts with it, then those whose name, or whose city's name, contains it; cities before airports. Names are
/// compared in their folded form, so that accents and capitals make no difference.
///
/// # Errors
/// Those of the database.
pub async fn search(connection: &mut AsyncPgConnection, text: &str, limit: i64) -> QueryResult<Vec<Place>> {
    let SearchPatterns { whole_key, key, name, name_start } = SearchPatterns::new(text);
    let rows: Vec<PlaceRow> = diesel::sql_query(
        "SELECT kind, code, name, city, country FROM ( \
           SELECT 'city' AS kind, code, name, code AS city, country, folded_name, folded_name AS folded_city_name \
           FROM cities \
           UNION ALL \
           SELECT 'airport', iata, airports.name, city, airports.country, airports.folded_name, cities.folded_name \
           FROM airports JOIN cities ON cities.code = airports.city \
         ) AS place \
         WHERE code LIKE $1 OR folded_name LIKE $2 OR folded_city_name LIKE $2 \
         ORDER BY code <> $3, code NOT LIKE $1, folded_name NOT LIKE $4, kind = 'airport', code \
         LIMIT $5",
    )
    .bind::<Text, _>(key)
    .bind::<Text, _>(name)
    .bind::<Text, _>(whole_key)
    .bind::<Text, _>(name_start)
    .bind::<BigInt, _>(limit)
    .load(connection)
    .await?;
    let place = |row: PlaceRow| {
        Ok(Place {
            kind: if row.kind == "city" { PlaceKind::City } else { PlaceKind::Airport },
            code: row.code,
            name: row.name,
            city: parsed(&row.city)?,
            country: parsed(&row.country)?,
        })
    };
    rows.into_iter().map(place).collect()
}
