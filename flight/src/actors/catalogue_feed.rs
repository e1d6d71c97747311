//! What this instance hears of flights and seats, for its catalogue.

use super::{
    catalogue::{CatalogueChange, CatalogueHandle},
    newest::read_newest,
};
use crate::store::availability::taken;
use futures_util::future::BoxFuture;
use shared::{
    bus::{Delivery, Disposition, Handler, Subscription},
    events::{Event, EventType, SeatsState, UndecodableEvent},
};

/// The queue of this instance: every instance must hear everything.
#[must_use]
pub fn subscription() -> Subscription {
    let types = [
        EventType::FlightPublished,
        EventType::FlightChanged,
        EventType::FlightCancelled,
        EventType::SeatsChanged,
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
        for read in read_newest(batch, change) {
            match read {
                Ok(change) => {
                    changes.extend(change);
                    dispositions.push(Disposition::Ack);
                }
                Err(error) => dispositions.push(Disposition::DeadLetter(error.to_string())),
            }
        }
        if let Err(error) = self.catalogue.apply(changes).await {
            dispositions
                .iter_mut()
                .filter(|one| **one == Disposition::Ack)
                .for_each(|one| *one = Disposition::Pause(error.to_string()));
        }
        dispositions
    }
}

fn change(event: &Event) -> Result<CatalogueChange, UndecodableEvent> {
    if event.kind == EventType::SeatsChanged {
        let state: SeatsState = event.data()?;
        return Ok(CatalogueChange::Seats(state.flight_id, taken(&state)));
    }
    Ok(CatalogueChange::Published(Box::new(event.data()?)))
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
