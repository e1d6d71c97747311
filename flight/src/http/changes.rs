//! What is done after flights were changed and committed.

use crate::{
    actors::{
        catalogue::{CatalogueChange, CatalogueHandle},
        places::PlacesHandle,
        republisher::RepublisherHandle,
        schedule_keeper::ScheduleKeeperHandle,
    },
    domain::flight::Flight,
};
use shared::outbox::RelayHandle;

/// Tells the relay, and this instance's catalogue, places, schedule keeper and republisher, of committed changes.
pub(crate) struct CommittedChanges {
    relay: RelayHandle,
    catalogue: CatalogueHandle,
    places: PlacesHandle,
    keeper: ScheduleKeeperHandle,
    republisher: RepublisherHandle,
}

/// Which actor of this instance has to hear of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImportFollower {
    /// None.
    Nobody,
    /// That of the places.
    Places,
    /// The schedule keeper.
    Keeper,
}

impl CommittedChanges {
    /// To these actors.
    #[must_use]
    pub(crate) fn new(
        relay: RelayHandle,
        catalogue: CatalogueHandle,
        places: PlacesHandle,
        (keeper, republisher): (ScheduleKeeperHandle, RepublisherHandle),
    ) -> Self {
        Self { relay, catalogue, places, keeper, republisher }
    }

    /// After an import, whose flights come over the bus: they may be as many as there are.
    pub(crate) async fn imported(&self, follower: ImportFollower) {
        self.relay.nudge();
        self.republisher.nudge();
        match follower {
            ImportFollower::Nobody => {}
            ImportFollower::Places => self.places_changed().await,
            ImportFollower::Keeper => self.keeper.nudge(),
        }
    }

    /// After a write of schedules: their flights are generated soon.
    pub(crate) fn schedules_changed(&self) {
        self.relay.nudge();
        self.keeper.nudge();
    }

    /// Has the flights told anew that carry changed reference data, where the transaction of the change has not told all of them.
    pub(crate) fn reference_data_changed(&self) {
        self.republisher.nudge();
    }

    /// Ready when this instance finds the cities and airports as they are now.
    pub(crate) async fn places_changed(&self) {
        if let Err(error) = self.places.changed().await {
            tracing::warn!(error.message = %error, "Changed places are found only after the next look");
        }
    }

    /// Ready when this instance's search shows them; others hear of them over the bus. Without flights it tells the
    /// relay alone: every write of staff has an audit record to publish.
    pub(crate) async fn committed(&self, flights: Vec<Flight>) {
        self.relay.nudge();
        if flights.is_empty() {
            return;
        }
        let changes = flights.into_iter().map(|flight| CatalogueChange::Flight(Box::new(flight))).collect();
        if let Err(error) = self.catalogue.apply(changes).await {
            // The change itself is committed, and the bus tells the catalogue again.
            tracing::warn!(error.message = %error, "The catalogue did not take a change in at once");
        }
    }
}
