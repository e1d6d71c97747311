//! Stored forms that follow from rules of the program: folded names, and names of time zones. Earlier releases had
//! other rules, so each start brings what they wrote into the form of today.

use super::{column, flights};
use crate::domain::folding::fold;
use diesel::{
    QueryResult, QueryableByName,
    sql_types::{Array, Text},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use shared::time_zones;

/// The tables with names that searches look for, and their keys.
const NAMED: [(&str, &str); 5] = [
    ("cities", "code"),
    ("airports", "iata"),
    ("airlines", "code"),
    ("aircraft_types", "code"),
    ("seat_layouts", "id"),
];

/// What a zone becomes whose name no database has, but the host of an earlier release had: `localtime`.
const OF_NO_PLACE: &str = "UTC";

/// Brings everything into the form of today. Flights whose airport gets another name of its zone are told anew: the
/// first ones here, all others by the republisher.
///
/// Instances that start at once wait for each other.
///
/// # Errors
/// Those of the database; then nothing was changed.
pub async fn renew(connection: &mut AsyncPgConnection) -> QueryResult<()> {
    connection
        .transaction(async |connection: &mut AsyncPgConnection| {
            // The number is arbitrary but fixed.
            diesel::sql_query("SELECT pg_advisory_xact_lock(4717, hashtext(current_schema()))")
                .execute(connection)
                .await?;
            rename_zones(connection).await?;
            for (table, key) in NAMED {
                fold_names(connection, table, key).await?;
            }
            Ok(())
        })
        .await
}

#[derive(QueryableByName)]
struct StoredName {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    folded_name: String,
}

async fn fold_names(connection: &mut AsyncPgConnection, table: &str, key: &str) -> QueryResult<()> {
    let read = format!("SELECT {key}::text AS key, name, folded_name FROM {table}");
    let rows: Vec<StoredName> = diesel::sql_query(read).load(connection).await?;
    let stale: Vec<(StoredName, String)> = rows
        .into_iter()
        .filter_map(|row| {
            let folded = fold(&row.name);
            (folded != row.folded_name).then_some((row, folded))
        })
        .collect();
    if stale.is_empty() {
        return Ok(());
    }
    // By the name too: a row that was renamed meanwhile has the folded form of its new name.
    let write = format!(
        "UPDATE {table} SET folded_name = new.folded_name FROM unnest($1, $2, $3) AS new (key, name, folded_name) \
         WHERE {table}.{key}::text = new.key AND {table}.name = new.name"
    );
    diesel::sql_query(write)
        .bind::<Array<Text>, _>(column(&stale, |(row, _)| row.key.as_str()))
        .bind::<Array<Text>, _>(column(&stale, |(row, _)| row.name.as_str()))
        .bind::<Array<Text>, _>(column(&stale, |(_, folded)| folded.as_str()))
        .execute(connection)
        .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct StoredZone {
    #[diesel(sql_type = Text)]
    time_zone: String,
}

#[derive(QueryableByName)]
struct TouchedKey {
    #[diesel(sql_type = Text)]
    key: String,
}

async fn rename_zones(connection: &mut AsyncPgConnection) -> QueryResult<()> {
    let mut airports = Vec::new();
    for (table, key) in [("cities", "code"), ("airports", "iata")] {
        let read = format!("SELECT DISTINCT time_zone FROM {table}");
        let zones: Vec<StoredZone> = diesel::sql_query(read).load(connection).await?;
        for StoredZone { time_zone } in zones {
            let name = zone_of_today(&time_zone);
            if name == time_zone {
                continue;
            }
            let write = format!(
                "UPDATE {table} SET time_zone = $2, version = version + 1 WHERE time_zone = $1 RETURNING {key} AS key"
            );
            let renamed: Vec<TouchedKey> = diesel::sql_query(write)
                .bind::<Text, _>(&time_zone)
                .bind::<Text, _>(name)
                .get_results(connection)
                .await?;
            for TouchedKey { key } in renamed {
                tracing::warn!(
                    place.code = key,
                    zone.before = time_zone,
                    zone.after = name,
                    "A time zone was renamed"
                );
                if table == "airports" {
                    airports.push(key);
                }
            }
        }
    }
    // After all of them: a flight can be read only when the zones of both of its ends are known.
    let renamed = airports.iter().map(|airport| Ok(flights::Naming::Airport(super::parsed(airport)?)));
    let renamed: Vec<_> = renamed.collect::<QueryResult<_>>()?;
    flights::republish(connection, &renamed).await.map(drop)
}

/// The canonical name of a stored zone, which an earlier release may have taken from the files of its host.
fn zone_of_today(stored: &str) -> &'static str {
    let name = ["posix/", "right/"].iter().find_map(|folder| stored.strip_prefix(folder)).unwrap_or(stored);
    time_zones::canonical_name(name).unwrap_or(OF_NO_PLACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_of_a_host_get_the_name_that_the_program_has() {
        for (stored, today) in [
            ("Europe/Paris", "Europe/Paris"),
            ("europe/paris", "Europe/Paris"),
            ("posix/Asia/Kolkata", "Asia/Kolkata"),
            ("right/America/New_York", "America/New_York"),
            ("localtime", "UTC"),
            ("Factory", "UTC"),
        ] {
            assert_eq!(zone_of_today(stored), today);
        }
    }
}
