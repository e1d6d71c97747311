//! The availability feed: keeps the newest seats of each flight in the database, and then tells the
//! catalogue of this instance: what waited in the work queue while the instance was away, its own queue
//! never had.
//!
//! Invariant: a message is acknowledged only after its state, or a newer one of its flight, is
//! committed.

use super::{
    catalogue::{CatalogueChange, CatalogueHandle},
    newest::read_newest,
    seats_resync::SeatsResyncHandle,
};
use crate::store::availability;
use actix::prelude::*;
use futures_util::future::BoxFuture;
use shared::{
    bus::{Delivery, Disposition, Subscription, queues},
    db::{DbError, Pool},
    events::SeatsState,
    supervisor::{AskError, Lifeline, SupervisedActor},
};
use std::{sync::Arc, time::Duration};

/// The work queue that the instances of the service share.
#[must_use]
pub fn subscription() -> Subscription {
    // One statement and commit per batch.
    Subscription::of(&queues::FLIGHT_AVAILABILITY).batch(1024).pace(PACE)
}

/// From one write to the next, at least: many sales are written with one commit. Search does not wait for the table: the
/// catalogue of each instance hears of every change by its own queue.
const PACE: Duration = Duration::from_millis(50);

/// Keeps the states that are newer than the stored ones.
#[derive(Message)]
#[rtype(result = "Result<(), DbError>")]
struct Keep(Vec<Arc<SeatsState>>);

/// The actor that writes the table.
struct AvailabilityFeed {
    pool: Pool,
    _lifeline: Lifeline,
}

impl Actor for AvailabilityFeed {
    type Context = Context<Self>;
}

impl Handler<Keep> for AvailabilityFeed {
    type Result = ResponseFuture<Result<(), DbError>>;

    /// Interleaves: the statement itself compares versions.
    fn handle(&mut self, Keep(states): Keep, _: &mut Context<Self>) -> Self::Result {
        let pool = self.pool.clone();
        Box::pin(async move {
            let mut connection = pool.get().await?;
            availability::keep_newest(&mut connection, &states).await?;
            Ok(())
        })
    }
}

/// Why states were not kept.
#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Database(#[from] DbError),
}

impl KeepError {
    /// Whether no message at all could be kept now, so that trying the next one is in vain.
    fn concerns_all(&self) -> bool {
        match self {
            Self::Ask(_) => true,
            Self::Database(error) => error.is_outage(),
        }
    }
}

/// Hears of seats and asks the actor to keep them.
pub struct SeatsFeed {
    actor: SupervisedActor<AvailabilityFeed>,
    catalogue: CatalogueHandle,
    resync: Option<SeatsResyncHandle>,
}

impl SeatsFeed {
    /// Starts the actor on the present arbiter; this catalogue hears what was kept.
    #[must_use]
    pub fn start(pool: Pool, catalogue: CatalogueHandle) -> Self {
        let make = move |lifeline| AvailabilityFeed { pool: pool.clone(), _lifeline: lifeline };
        let actor = SupervisedActor::start("flight", "availability feed", make);
        Self { actor, catalogue, resync: None }
    }

    /// The same, which asks booking for what it may have missed whenever its queue is connected anew, or a message cannot be
    /// read.
    #[must_use]
    pub(crate) fn with_resync(self, resync: SeatsResyncHandle) -> Self {
        Self { resync: Some(resync), ..self }
    }

    async fn keep(&self, states: Vec<Arc<SeatsState>>) -> Result<(), KeepError> {
        if states.is_empty() {
            return Ok(());
        }
        let changes =
            states.iter().map(|state| CatalogueChange::Seats(state.flight_id, availability::taken(state)));
        let changes = changes.collect();
        self.actor.ask(Keep(states)).await??;
        if let Err(error) = self.catalogue.apply(changes).await {
            // They are in the table, where the catalogue looks again and again.
            tracing::warn!(error.message = %error, "The catalogue did not take seats in at once");
        }
        Ok(())
    }

    async fn work_in(&self, batch: &[Delivery]) -> Vec<Disposition> {
        let read = read_newest(batch, |event| event.data::<SeatsState>().map(Arc::new));
        let good: Vec<_> = read.iter().filter_map(|state| state.as_ref().ok()?.clone()).collect();
        let kept = self.keep(good).await;
        let mut dispositions = Vec::with_capacity(read.len());
        for (delivery, state) in batch.iter().zip(read) {
            dispositions.push(match (state, &kept) {
                (Err(error), _) => Disposition::DeadLetter(error.to_string()),
                (Ok(_), Ok(())) => Disposition::Ack,
                (Ok(_), Err(error)) if error.concerns_all() => Disposition::Pause(error.to_string()),
                // One state of the batch is at fault: try each alone, to find it.
                (Ok(_), Err(_)) => self.keep_alone(delivery).await,
            });
        }
        if dispositions.iter().any(|one| matches!(one, Disposition::DeadLetter(_))) {
            self.ask_for_resync().await;
        }
        dispositions
    }

    /// Has the seats compared with booking's: a message is missing.
    async fn ask_for_resync(&self) {
        let Some(resync) = &self.resync else { return };
        if let Err(error) = resync.ask().await {
            tracing::warn!(error.message = %error, "Seats could not be told to be compared with booking's");
        }
    }

    async fn keep_alone(&self, delivery: &Delivery) -> Disposition {
        let state = match delivery.event.data::<SeatsState>() {
            Ok(state) => Arc::new(state),
            Err(error) => return Disposition::DeadLetter(error.to_string()),
        };
        match self.keep(vec![state]).await {
            Ok(()) => Disposition::Ack,
            Err(error) if error.concerns_all() => Disposition::Pause(error.to_string()),
            Err(error) => Disposition::Retry(error.to_string()),
        }
    }
}

impl shared::bus::Handler for SeatsFeed {
    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Disposition>> {
        Box::pin(self.work_in(batch))
    }

    /// The queue keeps what comes while nobody listens, but it may have been lost with the broker, or the table with a
    /// database.
    fn connected(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.ask_for_resync())
    }
}
