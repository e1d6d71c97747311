//! Whether a `schema.rs` says what the database has.
//!
//! `./dev schema` writes those files with diesel's own program, which takes minutes to build and needs libpq. So tests
//! compare what it has written with the catalogue of a migrated database: tables, primary keys, columns in their
//! order, types, and what may be null. (What else stands in the files, `joinable!` and the like, cannot be wrong
//! silently: queries that rely on it would not compile.)

use diesel::{
    QueryableByName,
    sql_types::{Bool, Nullable, SmallInt, Text},
};
use diesel_async::RunQueryDsl;
use shared::db::DatabaseConfig;
use std::collections::BTreeMap;

/// How diesel's program begins what it writes.
const HEADER: &str = "// @generated automatically by Diesel CLI.";

/// The tables of the schema that the connection looks in first, without diesel's own.
const CATALOGUE: &str = "
    SELECT c.relname::text AS table_name, a.attname::text AS column_name, t.typname::text AS type_name,
           a.attnotnull AS required, k.position::int2 AS key_position
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    LEFT JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, position) ON k.attnum = a.attnum
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
      AND c.relname <> '__diesel_schema_migrations'
    ORDER BY c.relname, a.attnum";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = Text)]
    type_name: String,
    #[diesel(sql_type = Bool)]
    required: bool,
    #[diesel(sql_type = Nullable<SmallInt>)]
    key_position: Option<i16>,
}

/// A table: the columns of its primary key, and all columns with their types.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    key: Vec<String>,
    columns: Vec<(String, String)>,
}

type Tables = BTreeMap<String, Table>;

/// How the texts of `schema.rs` files together differ from the schema of this access; empty where they do not.
///
/// # Panics
/// When the database cannot be read.
pub async fn schema_differences(config: &DatabaseConfig, texts: &[&str]) -> Vec<String> {
    let mut differences = Vec::new();
    let mut written = Tables::new();
    for text in texts {
        if !text.starts_with(HEADER) {
            differences.push("a file was not written by ./dev schema".to_owned());
        }
        for (name, table) in parse(text) {
            if written.get(&name).is_some_and(|other| *other != table) {
                differences.push(format!("the files have two different tables {name}"));
            }
            written.insert(name, table);
        }
    }
    let stored = read(config).await;
    for name in written.keys().filter(|name| !stored.contains_key(*name)) {
        differences.push(format!("there is no table {name} in the database"));
    }
    for (name, table) in stored {
        match written.get(&name) {
            Some(other) if *other == table => {}
            other => differences.push(format!("{name} is {table:?} in the database, written is {other:?}")),
        }
    }
    differences
}

async fn read(config: &DatabaseConfig) -> Tables {
    let mut connection = config.connect().await.expect("the test's database answers");
    let rows: Vec<Row> = diesel::sql_query(CATALOGUE).load(&mut connection).await.expect("the catalogue");
    let mut tables = Tables::new();
    let mut keys = BTreeMap::<String, BTreeMap<i16, String>>::new();
    for row in rows {
        if let Some(position) = row.key_position {
            keys.entry(row.table_name.clone()).or_default().insert(position, row.column_name.clone());
        }
        let plain = diesel_type(&row.type_name);
        let column = if row.required { plain } else { format!("Nullable<{plain}>") };
        tables.entry(row.table_name).or_default().columns.push((row.column_name, column));
    }
    for (name, key) in keys {
        tables.entry(name).or_default().key = key.into_values().collect();
    }
    tables
}

/// diesel's name of a type: that of the server with a capital. Arrays have an underscore there.
fn diesel_type(name: &str) -> String {
    match name.strip_prefix('_') {
        Some(element) => format!("Array<{}>", diesel_type(element)),
        None => name[..1].to_uppercase() + &name[1..],
    }
}

/// The tables of a file. Whether elements of an array may be null is no matter of the database.
fn parse(text: &str) -> Tables {
    let mut tables = Tables::new();
    let mut current: Option<(String, Table)> = None;
    let mut sql_name = None;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("#[sql_name = \"").and_then(|rest| rest.strip_suffix("\"]")) {
            sql_name = Some(name.to_owned());
        } else if let Some((name, rest)) = line.strip_suffix(") {").and_then(|line| line.split_once(" (")) {
            let key = rest.split(", ").map(str::to_owned).collect();
            current = Some((name.to_owned(), Table { key, columns: Vec::new() }));
        } else if let Some((name, column)) =
            line.strip_suffix(',').and_then(|line| line.split_once(" -> ")).filter(|_| current.is_some())
        {
            let name = sql_name.take().unwrap_or_else(|| name.to_owned());
            let column = match column.split_once("Array<Nullable<") {
                Some((before, rest)) => format!("{before}Array<{}", rest.replacen('>', "", 1)),
                None => column.to_owned(),
            };
            if let Some((_, table)) = &mut current {
                table.columns.push((name, column));
            }
        } else if line == "}" {
            tables.extend(current.take());
        }
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_the_catalogue_is() {
        let text = "diesel::table! {\n    seats (flight_id, seat) {\n        flight_id -> Uuid,\n        \
                    #[sql_name = \"type\"]\n        type_ -> Nullable<Array<Nullable<Int2>>>,\n    }\n}\n";
        let column = |name: &str, of: &str| (name.to_owned(), of.to_owned());
        let seats = Table {
            key: vec!["flight_id".to_owned(), "seat".to_owned()],
            columns: vec![column("flight_id", "Uuid"), column("type", "Nullable<Array<Int2>>")],
        };
        assert_eq!(parse(text), BTreeMap::from([("seats".to_owned(), seats)]));
        assert_eq!(diesel_type("_int2"), "Array<Int2>");
        assert_eq!(diesel_type("timestamptz"), "Timestamptz");
    }
}
