//! The routes of a kind of data: its import and its export.

use super::{
    background::BackgroundImport,
    csv_body::CsvBody,
    export,
    progress::ImportProgress,
    run::{ImportOrder, run},
    table::CsvTable,
};
use crate::{
    domain::import::{ImportReport, ImportStatus, ImportTally, count_lines},
    http::{CommittedChanges, cache_control::PRIVATE},
    store::imports,
};
use actix_web::{HttpResponse, http::header, web};
use shared::{
    auth::{AuditAuthor, Caller},
    db::Pool,
    http::{FieldError, Problem, QueryParameters, input::MOST_ERRORS},
    ids::ImportId,
    money::Currency,
};

/// Imports a file.
pub(in crate::http) async fn import<T: CsvTable>(
    (author, caller): (&AuditAuthor, &Caller),
    mut parameters: QueryParameters,
    body: CsvBody,
    (pool, changes): (web::Data<Pool>, web::Data<CommittedChanges>),
    currency: Currency,
) -> Result<HttpResponse, Problem> {
    let dry_run = parameters.optional("dry_run").unwrap_or(false);
    parameters.finish()?;
    let CsvBody { file, prefers_async, slot } = body;
    let report = ImportReport {
        id: None,
        collection: T::COLLECTION.to_owned(),
        status: ImportStatus::Running,
        dry_run,
        lines_read: 0,
        lines_total: count_lines(&file),
        created: 0,
        changed: 0,
        unchanged: 0,
        errors: Vec::new(),
    };
    if prefers_async {
        let id = ImportId::new();
        imports::begin(&mut *pool.get().await?, &report, id).await?;
        let (author, caller) = (author.clone(), caller.clone());
        let import = BackgroundImport { id, file, dry_run, author, caller, currency, pool, changes, slot };
        actix_web::rt::spawn(import.run::<T>());
        return Ok(HttpResponse::Accepted()
            .insert_header((header::LOCATION, format!("/api/v1/admin/imports/{id}")))
            .insert_header(("preference-applied", "respond-async"))
            .insert_header((header::CACHE_CONTROL, PRIVATE))
            .json(ImportReport { id: Some(id), ..report }));
    }
    let order = ImportOrder { file: &file, dry_run, author, caller, currency, id: None };
    let tally = run::<T>(&pool, &order, &ImportProgress::default()).await?;
    drop(slot);
    if !dry_run && !tally.errors.is_empty() {
        return Err(refusal(tally));
    }
    if !dry_run {
        changes.imported(T::FOLLOWER).await;
    }
    let ImportTally { counts, errors } = tally;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(ImportReport {
        status: if errors.is_empty() { ImportStatus::Completed } else { ImportStatus::Failed },
        lines_read: counts.lines_read,
        created: counts.created,
        changed: counts.changed,
        unchanged: counts.unchanged,
        errors,
        ..report
    }))
}

/// Bad lines, by pointers such as `/lines/3/name`.
fn refusal(tally: ImportTally) -> Problem {
    let errors = tally.errors.into_iter().take(MOST_ERRORS).map(|error| {
        let field = error.field.map(|field| format!("/{field}")).unwrap_or_default();
        FieldError::at(format!("/lines/{}{field}", error.line.unwrap_or_default()), error.message)
    });
    Problem::validation(errors.collect())
}

/// Exports all rows.
pub(in crate::http) async fn export_all<T: CsvTable>(
    parameters: QueryParameters,
    pool: web::Data<Pool>,
    currency: Currency,
) -> Result<HttpResponse, Problem> {
    parameters.finish()?;
    export::respond::<T>(&pool, currency).await
}

/// The import and the export of a kind, with their documentation, in a module of this name. The short form is that of
/// reference data; the long one names the tag, the extractors with what they demand, and what is particular to the files.
macro_rules! transfers {
    ($module:ident, $type:ty, $several:literal, $import:literal, $export:literal) => {
        transfers!(
            $module, $type, $several, $import, $export, "reference data",
            import by ReferenceWriter [("bearer" = ["reference:write"])],
            export by ReferenceExporter [("bearer" = ["reference:write"])],
            ""
        );
    };
    (
        $module:ident, $type:ty, $several:literal, $import:literal, $export:literal, $tag:literal,
        import by $importer:ident [$($may_import:tt),+], export by $exporter:ident [$($may_export:tt),+],
        $particular:literal
    ) => {
        pub(crate) mod $module {
            use super::*;
            use crate::{
                domain::import::ImportReport,
                http::{
                    CommittedChanges, SaleCurrency,
                    imports::{CsvBody, handlers},
                    permitted::{$exporter, $importer},
                },
            };
            use actix_web::{HttpResponse, web};
            use shared::{
                db::Pool,
                http::{Problem, QueryParameters},
            };

            #[utoipa::path(
                post, path = $import, summary = concat!("Import ", $several),
                description = concat!(
                    "From a file whose first line names the columns, in any order; commas or semicolons, UTF-8, 32 MiB at most. \
                     A row makes the one of its key what it says, or makes it; rows that the file lacks stay. All or nothing. ",
                    $particular,
                    "With `Prefer: respond-async` (RFC 7240) the answer does not wait for the end."
                ),
                tag = $tag,
                security($($may_import),+),
                params(("dry_run" = Option<bool>, Query, description = "Change nothing, and tell what would be changed, and every bad line")),
                request_body(content = String, content_type = "text/csv"),
                responses(
                    (status = 200, description = "What was changed, or would be", body = ImportReport),
                    (status = 202, description = "It has begun: `Location` tells how far it is", body = ImportReport),
                    (status = 409, description = "`conflict`: others have written what the file names meanwhile"),
                )
            )]
            pub(crate) async fn import(
                staff: $importer,
                parameters: QueryParameters,
                body: CsvBody,
                pool: web::Data<Pool>,
                changes: web::Data<CommittedChanges>,
                currency: web::Data<SaleCurrency>,
            ) -> Result<HttpResponse, Problem> {
                let caller = (staff.author(), &*staff);
                handlers::import::<$type>(caller, parameters, body, (pool, changes), currency.0).await
            }

            #[utoipa::path(
                get, path = $export, summary = concat!("Export ", $several),
                description = "As a file that an import reads. A text that a spreadsheet would take for a formula has an apostrophe in front.",
                tag = $tag,
                security($($may_export),+),
                responses(
                    (status = 200, description = "All rows, by key", body = String, content_type = "text/csv"),
                )
            )]
            pub(crate) async fn export(
                _: $exporter,
                parameters: QueryParameters,
                pool: web::Data<Pool>,
                currency: web::Data<SaleCurrency>,
            ) -> Result<HttpResponse, Problem> {
                handlers::export_all::<$type>(parameters, pool, currency.0).await
            }
        }
    };
}
pub(in crate::http) use transfers;
