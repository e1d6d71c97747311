//! Places: airports and cities together.

use super::{
    parsed,
    schema::{airports, cities},
};
use crate::domain::places::{Place, PlaceKind};
use diesel::{prelude::*, sql_types::BigInt};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::statement;
use std::collections::HashSet;

/// The channel of [notifications](shared::db::notifications) that places have changed, for the instances of a schema.
#[must_use]
pub fn channel(schema: &str) -> String {
    format!("{schema}.places")
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

/// A hash of all that places have: two that are equal are of the same places, but for a chance of 1 in 2^64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacesHash(i64);

statement! {
    /// The hash of the columns of [`all`].
    HashPlaces {} -> (BigInt,),
    "SELECT coalesce(bit_xor(hashtextextended(place, 0)), 0) FROM ( \
       SELECT concat_ws(chr(31), 'city', code, name, country) AS place FROM cities \
       UNION ALL SELECT concat_ws(chr(31), 'airport', iata, name, city, country) FROM airports \
     ) AS places"
}

/// The hash of all places.
///
/// # Errors
/// Those of the database.
pub async fn hash(connection: &mut AsyncPgConnection) -> QueryResult<PlacesHash> {
    let (hash,): (i64,) = HashPlaces {}.get_result(connection).await?;
    Ok(PlacesHash(hash))
}

/// All cities and airports, in no order.
///
/// # Errors
/// Those of the database.
pub async fn all(connection: &mut AsyncPgConnection) -> QueryResult<Vec<Place>> {
    let cities: Vec<(String, String, String)> =
        cities::table.select((cities::code, cities::name, cities::country)).load(connection).await?;
    let airports: Vec<(String, String, String, String)> = airports::table
        .select((airports::iata, airports::name, airports::city, airports::country))
        .load(connection)
        .await?;
    let cities = cities.into_iter().map(|(code, name, country)| {
        let (city, country) = (parsed(&code)?, parsed(&country)?);
        Ok(Place { kind: PlaceKind::City, code, name, city, country })
    });
    let airports = airports.into_iter().map(|(code, name, city, country)| {
        let (city, country) = (parsed(&city)?, parsed(&country)?);
        Ok(Place { kind: PlaceKind::Airport, code, name, city, country })
    });
    cities.chain(airports).collect()
}
