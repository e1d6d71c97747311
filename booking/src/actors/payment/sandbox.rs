//! The sandbox provider: decides by the token, and keeps a durable log of its own.
//!
//! | token | what happens |
//! |---|---|
//! | `tok_visa` | authorised |
//! | `tok_declined` | declined |
//! | `tok_slow` | authorised after 3 seconds |
//! | `tok_timeout` | authorised, but the answer never comes |
//!
//! The log is written in batches, each durable before its callers get their answers. So an answer holds through any
//! crash, as a real provider's does.

use super::batch_linger::linger;
use crate::store::sandbox_operations::{self, Kind, Operation};
use booking_engine::{
    ledger::gathering::{GATHER, Gathering},
    ports::{PaymentProvider, ProviderError, ProviderReply},
    saga::step::ProviderDecision,
};
use diesel_async::AsyncPgConnection;
use shared::{
    db::{DatabaseConfig, Pool},
    ids::{PaymentId, RefundId},
    supervisor::{WorkerEnd, supervise},
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    time::{Instant, timeout, timeout_at},
};
use uuid::Uuid;

/// Operations that wait for the log; further callers wait themselves.
const QUEUE: usize = 1024;
/// Operations in one statement.
const BATCH: usize = 256;
/// How long a batch without an authorisation waits for one: no traveller waits for the other operations.
const RIDE: Duration = Duration::from_millis(20);
/// How long the database has for opening the log's connection, and for a statement.
const LOG_TIMEOUT: Duration = Duration::from_secs(2);
const SILENT: &str = "the database is silent";

/// See the module. Clones share the log.
#[derive(Clone)]
pub(crate) struct Sandbox {
    pool: Pool,
    log: mpsc::Sender<Waiting>,
}

impl Sandbox {
    /// A sandbox whose log is in this database. Its writer runs on the present arbiter; one that has died
    /// is restarted, and its callers get an error: the outcome is unknown.
    pub(crate) fn start(database: DatabaseConfig, pool: Pool) -> Self {
        let (log, operations) = mpsc::channel(QUEUE);
        let operations = Arc::new(Mutex::new(operations));
        supervise("booking", "sandbox log", move || write(database.clone(), operations.clone()));
        Self { pool, log }
    }

    /// Logs an operation. For an authorisation that is logged now: whether it was accepted.
    async fn log(
        &self,
        kind: Kind,
        payment: PaymentId,
        subject: Uuid,
        amount: i64,
        accepted: bool,
    ) -> Result<Option<bool>, ProviderError> {
        let stopped = || ProviderError("the sandbox is stopped".to_owned());
        let (done, logged) = oneshot::channel();
        let operation = Operation { payment: payment.0, kind, subject, amount, accepted };
        self.log.send((operation, done)).await.map_err(|_| stopped())?;
        logged.await.map_err(|_| stopped())?
    }

    async fn record(
        &self,
        kind: Kind,
        payment: PaymentId,
        subject: Uuid,
        amount: i64,
    ) -> Result<(), ProviderError> {
        self.log(kind, payment, subject, amount, true).await.map(drop)
    }

    /// What the log says of a payment.
    async fn decided(&self, payment: PaymentId) -> Result<Option<ProviderDecision>, ProviderError> {
        let failed = |error: &dyn std::fmt::Display| ProviderError(error.to_string());
        let mut connection = self.pool.get().await.map_err(|error| failed(&error))?;
        let found = sandbox_operations::authorisation(&mut connection, payment.0).await;
        Ok(found.map_err(|error| failed(&error))?.map(decision))
    }
}

fn decision(accepted: bool) -> ProviderDecision {
    if accepted { ProviderDecision::Authorised } else { ProviderDecision::Declined }
}

type Waiting = (Operation, oneshot::Sender<Result<Option<bool>, ProviderError>>);

/// Whether a traveller waits for it.
fn is_awaited((operation, _): &Waiting) -> bool {
    operation.kind == Kind::Authorise
}

/// Writes the log until the sandbox is gone.
async fn write(database: DatabaseConfig, operations: Arc<Mutex<mpsc::Receiver<Waiting>>>) -> WorkerEnd {
    let mut operations = operations.lock().await;
    let mut connection = None;
    let mut batch = Vec::new();
    let mut gathering = Gathering::default();
    while operations.recv_many(&mut batch, BATCH).await > 0 {
        if !batch.iter().any(is_awaited) {
            linger(&mut operations, &mut batch, (BATCH, RIDE), is_awaited).await;
        }
        gather(&mut operations, &mut batch, &mut gathering).await;
        let (entries, waiting): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        let logged = log(&mut connection, &database, &entries).await;
        for (operation, waiter) in entries.iter().zip(waiting) {
            let authorised = logged.as_ref().map(|authorised| authorised.get(&operation.payment).copied());
            let result = authorised.map_err(|error| ProviderError(error.clone()));
            // An error means that nobody waits any longer.
            let _ = waiter.send(result);
        }
    }
    WorkerEnd::Done
}

/// The payments of one batch of the ledger come here one after the other: each waits a moment for the others, if there
/// were some lately.
async fn gather(
    operations: &mut mpsc::Receiver<Waiting>,
    batch: &mut Vec<Waiting>,
    gathering: &mut Gathering,
) {
    let awaited = |batch: &[Waiting]| batch.iter().filter(|operation| is_awaited(operation)).count();
    if awaited(batch) == 0 {
        return;
    }
    let deadline = Instant::now() + GATHER * 3;
    while batch.len() < BATCH && gathering.waits(awaited(batch)) {
        let until = deadline.min(Instant::now() + GATHER);
        let Ok(Some(next)) = timeout_at(until, operations.recv()).await else { break };
        batch.push(next);
    }
    gathering.began(awaited(batch));
}

/// Stores entries; gives the decisions of the authorisations that are new. A dead connection is replaced: a repeated
/// operation has no further effect.
async fn log(
    connection: &mut Option<AsyncPgConnection>,
    database: &DatabaseConfig,
    entries: &[Operation],
) -> Result<HashMap<Uuid, bool>, String> {
    if let Some(mut open) = connection.take() {
        match log_on(&mut open, entries).await {
            Ok(logged) => {
                *connection = Some(open);
                return Ok(logged);
            }
            Err(error) => tracing::warn!(%error, "The sandbox has lost the connection of its log"),
        }
    }
    let opened = timeout(LOG_TIMEOUT, database.connect()).await.map_err(|_| SILENT.to_owned())?;
    let mut fresh = opened.map_err(|error| error.to_string())?;
    let logged = log_on(&mut fresh, entries).await?;
    *connection = Some(fresh);
    Ok(logged)
}

async fn log_on(
    connection: &mut AsyncPgConnection,
    entries: &[Operation],
) -> Result<HashMap<Uuid, bool>, String> {
    let logged = timeout(LOG_TIMEOUT, sandbox_operations::log(connection, entries)).await;
    logged.map_err(|_| SILENT.to_owned())?.map_err(|error| error.to_string())
}

impl PaymentProvider for Sandbox {
    fn knows(&self, token: &str) -> bool {
        matches!(token, "tok_visa" | "tok_declined" | "tok_slow" | "tok_timeout")
    }

    fn answers(&self) -> ProviderReply<'_, ()> {
        Box::pin(async move {
            // A pooled connection proves nothing: its other end may be gone.
            match self.pool.is_healthy().await {
                true => Ok(()),
                false => Err(ProviderError("the sandbox has no database".to_owned())),
            }
        })
    }

    fn authorise(
        &self,
        payment: PaymentId,
        amount: i64,
        token: String,
    ) -> ProviderReply<'_, ProviderDecision> {
        Box::pin(async move {
            // Logged first: a caller that does not wait for a slow answer finds the decision later.
            let accepted = token != "tok_declined";
            let logged = self.log(Kind::Authorise, payment, payment.0, amount, accepted).await?;
            match token.as_str() {
                "tok_slow" => tokio::time::sleep(Duration::from_secs(3)).await,
                "tok_timeout" => std::future::pending().await,
                _ => {}
            }
            match logged {
                Some(accepted) => Ok(decision(accepted)),
                // Asked before: the first answer counts.
                None => {
                    let decided = self.decided(payment).await?;
                    decided.ok_or_else(|| ProviderError("the sandbox has lost an entry".to_owned()))
                }
            }
        })
    }

    fn find(&self, payment: PaymentId) -> ProviderReply<'_, Option<ProviderDecision>> {
        Box::pin(self.decided(payment))
    }

    fn capture(&self, payment: PaymentId, amount: i64) -> ProviderReply<'_, ()> {
        Box::pin(self.record(Kind::Capture, payment, payment.0, amount))
    }

    fn void(&self, payment: PaymentId, amount: i64) -> ProviderReply<'_, ()> {
        Box::pin(self.record(Kind::Void, payment, payment.0, amount))
    }

    fn refund(&self, payment: PaymentId, refund: RefundId, amount: i64) -> ProviderReply<'_, ()> {
        Box::pin(self.record(Kind::Refund, payment, refund.0, amount))
    }
}
