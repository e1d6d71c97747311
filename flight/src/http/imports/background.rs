//! An import that nobody waits for. A row tells how far it is; the instance that runs it says every few seconds that it is
//! alive, so that one whose instance has died is seen to have failed.

use super::{
    progress::ImportProgress,
    run::{ImportOrder, run},
    table::CsvTable,
};
use crate::{
    domain::{
        csv_table::LineError,
        import::{ImportReport, ImportStatus, ImportTally},
    },
    http::{CommittedChanges, cache_control::PRIVATE, parameters::NoParameters, permitted::ImportReader},
    store::imports,
};
use actix_web::{
    HttpResponse,
    http::header,
    web::{self, Bytes},
};
use shared::{
    auth::{AuditAuthor, Caller},
    db::{DbError, Pool},
    http::{Code, Id, Problem},
    ids::ImportId,
    money::Currency,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    time::timeout,
};

/// From one sign of life to the next.
const BEAT: Duration = Duration::from_secs(2);

/// Read an import
///
/// One that was sent with `Prefer: respond-async`, within a day.
#[utoipa::path(
    get,
    path = "/api/v1/admin/imports/{id}",
    tag = "reference data",
    security(("bearer" = ["reference:write"]), ("bearer" = ["flight:write"])),
    params(("id" = ImportId, Path)),
    responses(
        (status = 200, description = "How far it is", body = ImportReport),
    )
)]
pub(crate) async fn read(
    _: ImportReader,
    _: NoParameters,
    Id(id): Id<ImportId>,
    pool: web::Data<Pool>,
) -> Result<HttpResponse, Problem> {
    let found = imports::find(&mut *pool.get().await?, id).await?;
    let report = found.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(report))
}

/// An import whose client does not wait.
pub(super) struct BackgroundImport {
    pub(super) id: ImportId,
    pub(super) file: Bytes,
    pub(super) dry_run: bool,
    pub(super) author: AuditAuthor,
    pub(super) caller: Caller,
    pub(super) currency: Currency,
    pub(super) pool: web::Data<Pool>,
    pub(super) changes: web::Data<CommittedChanges>,
    pub(super) slot: OwnedSemaphorePermit,
}

impl BackgroundImport {
    /// Runs it to its end, and notes how it has ended.
    pub(super) async fn run<T: CsvTable>(self) {
        let progress = Arc::new(ImportProgress::default());
        // Ends when it is dropped.
        let (_running, ended) = oneshot::channel();
        actix_web::rt::spawn(beat(self.pool.clone(), self.id, progress.clone(), ended));
        let order = ImportOrder {
            file: &self.file,
            dry_run: self.dry_run,
            author: &self.author,
            caller: &self.caller,
            currency: self.currency,
            id: Some(self.id),
        };
        let (status, tally) = match run::<T>(&self.pool, &order, &progress).await {
            // The transaction has noted its own end.
            Ok(tally) if !self.dry_run && tally.errors.is_empty() => {
                self.changes.imported(T::FOLLOWER).await;
                return;
            }
            Ok(tally) if tally.errors.is_empty() => (ImportStatus::Completed, tally),
            Ok(tally) => (ImportStatus::Failed, tally),
            Err(problem) => {
                let message = format!(
                    "could not be written ({}): nothing was changed, send it again",
                    problem.code().as_str()
                );
                let errors = vec![LineError { line: None, field: None, message }];
                (ImportStatus::Failed, ImportTally { counts: progress.counts(), errors })
            }
        };
        if let Err(error) = self.finish(status, &tally).await {
            // It is shown as failed when nothing was heard of it for a while.
            tracing::warn!(error.message = %error, import.id = %self.id, "The end of an import could not be noted");
        }
        drop(self.slot);
    }

    async fn finish(&self, status: ImportStatus, tally: &ImportTally) -> Result<(), DbError> {
        let mut connection = self.pool.get().await?;
        Ok(imports::finish(&mut connection, self.id, status, tally).await?)
    }
}

/// Says that an import is alive, until it has ended. A statement under way is finished first.
async fn beat(
    pool: web::Data<Pool>,
    id: ImportId,
    progress: Arc<ImportProgress>,
    mut ended: oneshot::Receiver<std::convert::Infallible>,
) {
    while timeout(BEAT, &mut ended).await.is_err() {
        let beaten = async {
            let mut connection = pool.get().await?;
            Ok::<_, DbError>(imports::beat(&mut connection, id, progress.counts()).await?)
        };
        if let Err(error) = beaten.await {
            tracing::warn!(error.message = %error, import.id = %id, "An import could not say that it is alive");
        }
    }
}
