//! All rows of a table as a file.

use super::table::CsvTable;
use crate::http::cache_control::PRIVATE;
use actix_web::{HttpResponse, http::header};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use shared::{
    db::Pool,
    http::{Problem, spreadsheet},
    money::Currency,
};
use std::io;

/// Rows that are read at once.
const PAGE: i64 = 1000;

/// Answers with all rows, as an import reads them.
pub(super) async fn respond<T: CsvTable>(pool: &Pool, currency: Currency) -> Result<HttpResponse, Problem> {
    let mut connection = pool.get().await?;
    let connection: &mut AsyncPgConnection = &mut connection;
    // One snapshot for all pages.
    let mut transaction = connection.build_transaction().repeatable_read().read_only();
    let rows = transaction
        .run::<_, diesel::result::Error, _>(async |connection: &mut AsyncPgConnection| {
            all::<T>(connection).await
        })
        .await?;
    let file = document(&rows, currency).map_err(|error| Problem::internal(&error))?;
    let name = format!("attachment; filename=\"{}.csv\"", T::COLLECTION);
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, PRIVATE))
        .insert_header((header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"))
        .insert_header((header::CONTENT_DISPOSITION, name))
        .body(file))
}

/// The file of these rows.
pub(super) fn document<T: CsvTable>(rows: &[T], currency: Currency) -> io::Result<Vec<u8>> {
    let lines: Vec<Vec<String>> = rows.iter().map(|row| row.fields(currency)).collect();
    let header: Vec<&str> = T::COLUMNS.iter().map(|column| column.name).collect();
    let lines = lines.iter().map(|line| line.iter().map(String::as_str).collect::<Vec<_>>());
    spreadsheet::document(std::iter::once(header).chain(lines))
}

async fn all<T: CsvTable>(connection: &mut AsyncPgConnection) -> QueryResult<Vec<T>> {
    let mut rows: Vec<T> = Vec::new();
    loop {
        let page = T::page(connection, rows.last(), PAGE).await?;
        if page.is_empty() {
            return Ok(rows);
        }
        rows.extend(page);
    }
}
