//! What this instance hears of flights and seats, for its catalogue.

use super::{
    catalogue::{CatalogueChange, CatalogueHandle},
    newest::read_newest,
};
use crate::store::availability::taken;
use futures_util::future::BoxFuture;
use shared::{
    bus::{Delivery, Disposition, Handler, Subscription},
    events::{AuditRecord, Event, EventType, SeatsState, UndecodableEvent},
    supervisor::AskError,
};

/// The queue of this instance: every instance must hear everything.
#[must_use]
pub fn subscription() -> Subscription {
    let types = [
        EventType::FlightPublished,
        EventType::FlightChanged,
        EventType::FlightCancelled,
        EventType::SeatsChanged,
        // Nothing else tells of an airport whose shortest connection has changed.
        EventType::AuditRecorded,
    ];
    // One index is published per batch, so large ones keep the catalogue cheap in a rush.
    Subscription::instance("flight.catalogue", &types).batch(256)
}

/// Hands what it hears to the catalogue.
pub struct CatalogueFeed {
    catalogue: CatalogueHandle,
}

impl CatalogueFeed {
    /// A feed of this catalogue.
    #[must_use]
    pub fn new(catalogue: CatalogueHandle) -> Self {
        Self { catalogue }
    }

    async fn work_in(&self, batch: &[Delivery]) -> Vec<Disposition> {
        let mut changes = Vec::new();
        let mut dispositions = Vec::with_capacity(batch.len());
        let mut airports_changed = false;
        for read in read_newest(batch, news) {
            match read {
                Ok(news) => {
                    match news {
                        Some(News::Change(change)) => changes.push(change),
                        Some(News::Airport) => airports_changed = true,
                        Some(News::Nothing) | None => {}
                    }
                    dispositions.push(Disposition::Ack);
                }
                Err(error) => dispositions.push(Disposition::DeadLetter(error.to_string())),
            }
        }
        if let Err(error) = self.take_in(changes, airports_changed).await {
            dispositions
                .iter_mut()
                .filter(|one| **one == Disposition::Ack)
                .for_each(|one| *one = Disposition::Pause(error.to_string()));
        }
        dispositions
    }

    async fn take_in(&self, changes: Vec<CatalogueChange>, airports_changed: bool) -> Result<(), AskError> {
        if airports_changed {
            self.catalogue.refresh_connections().await?;
        }
        if changes.is_empty() { Ok(()) } else { self.catalogue.apply(changes).await }
    }
}

/// What an event tells the catalogue.
enum News {
    Change(CatalogueChange),
    /// An airport was made or changed.
    Airport,
    Nothing,
}

fn news(event: &Event) -> Result<News, UndecodableEvent> {
    match event.kind {
        EventType::SeatsChanged => {
            let state: SeatsState = event.data()?;
            Ok(News::Change(CatalogueChange::Seats(state.flight_id, taken(&state))))
        }
        EventType::AuditRecorded => {
            let record: AuditRecord = event.data()?;
            Ok(if record.subject.starts_with("airport") { News::Airport } else { News::Nothing })
        }
        _ => Ok(News::Change(CatalogueChange::Published(Box::new(event.data()?)))),
    }
}

impl Handler for CatalogueFeed {
    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Disposition>> {
        Box::pin(self.work_in(batch))
    }

    /// What was published while the queue was away is in the database.
    fn connected(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if let Err(error) = self.catalogue.reload().await {
                tracing::warn!(error.message = %error, "The catalogue could not be told to load itself");
            }
        })
    }
}
