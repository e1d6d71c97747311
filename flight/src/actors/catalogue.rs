//! The catalogue: the flights ahead with their seats, as search sees them.
//!
//! Invariant: what it publishes holds, for each flight, the newest version that it was ever told of,
//! by the database or by a message, in whatever order these came.

use super::synchronisation::{
    CompareVersions, Compared, TakeMinConnections, TakeStored, read_connections, synchronise,
};
use crate::domain::{
    availability::TakenSeats,
    flight::Flight,
    timetable::{Index, Timetable},
};
use actix::prelude::*;
use chrono::Utc;
use shared::{
    db::Pool,
    events::FlightState,
    ids::FlightId,
    supervisor::{AskError, Lifeline, SupervisedActor},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::{oneshot, watch};

/// Something that became known of a flight.
#[derive(Debug)]
pub enum CatalogueChange {
    /// The flight itself, as the database has it.
    Flight(Box<Flight>),
    /// The flight itself, as an event has published it.
    Published(Box<FlightState>),
    /// The seats that are taken on it.
    Seats(FlightId, TakenSeats),
}

/// Takes changes in and publishes them.
#[derive(Message)]
#[rtype(result = "()")]
struct Apply(Vec<CatalogueChange>);

/// Compares the catalogue with the database: messages may have been missed. Answers when a comparison has ended that
/// began later.
#[derive(Message)]
#[rtype(result = "()")]
struct Synchronise(Option<oneshot::Sender<()>>);

/// Reads the shortest connections of the airports again: some have changed.
#[derive(Message)]
#[rtype(result = "()")]
struct RefreshConnections;

/// The present index; nothing before the first load.
type IndexSender = watch::Sender<Option<Arc<Index>>>;

/// The actor that owns the index.
struct Catalogue {
    pool: Pool,
    published: Arc<IndexSender>,
    timetable: Timetable,
    /// Nothing is published before: half a timetable would hide flights.
    loaded: bool,
    /// Whether a comparison with the database runs.
    comparing: bool,
    /// Those who wait for the comparison that runs.
    waiting: Vec<oneshot::Sender<()>>,
    /// Those who asked for another one since it began; `None` where nobody did.
    next: Option<Vec<oneshot::Sender<()>>>,
    _lifeline: Lifeline,
}

/// How often the catalogue compares itself with the database and forgets the flights that have left. A message that was
/// missed is made up for within a minute, however long the comparison takes.
const COMPARISON: Duration = Duration::from_secs(45);
/// From a comparison that was asked for to a second look. What this instance did not hear while it was away may still be
/// in the work queue of the service, and be written to the table only after the first.
const SECOND_LOOK: Duration = Duration::from_secs(5);
/// The pause after a comparison that failed.
const RETRY: Duration = Duration::from_secs(1);

impl Actor for Catalogue {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // A batch of the feed is one message; requests add a few.
        ctx.set_mailbox_capacity(256);
        ctx.run_interval(COMPARISON, |catalogue, ctx| {
            if catalogue.timetable.prune(Utc::now()) > 0 {
                catalogue.publish();
            }
            catalogue.compare(None, ctx);
        });
        self.compare_twice(None, ctx);
    }
}

impl Catalogue {
    fn compare_twice(&mut self, waiting: Option<oneshot::Sender<()>>, ctx: &mut Context<Self>) {
        self.compare(waiting, ctx);
        ctx.run_later(SECOND_LOOK, |catalogue, ctx| catalogue.compare(None, ctx));
    }

    /// Compares in the background; changes that come meanwhile are taken in, and the newest version wins.
    fn compare(&mut self, waiting: Option<oneshot::Sender<()>>, ctx: &mut Context<Self>) {
        if self.comparing {
            self.next.get_or_insert_default().extend(waiting);
            return;
        }
        self.comparing = true;
        self.waiting.extend(waiting);
        self.timetable.begin_comparison();
        let address = ctx.address();
        let compared = Compared {
            versions: address.clone().recipient(),
            stored: address.clone().recipient(),
            connections: address.recipient(),
        };
        // Interleaves with other messages.
        ctx.spawn(synchronise(self.pool.clone(), compared).into_actor(self).map(|result, catalogue, ctx| {
            catalogue.comparing = false;
            match result {
                Ok(()) => catalogue.end_comparison(),
                Err(error) => {
                    tracing::warn!(error.message = %error, "The catalogue could not be compared with the database; tried again soon");
                    ctx.run_later(RETRY, |catalogue, ctx| catalogue.compare(None, ctx));
                }
            }
            if let Some(waiting) = catalogue.next.take() {
                catalogue.waiting.extend(waiting);
                catalogue.compare(None, ctx);
            }
        }));
    }

    fn end_comparison(&mut self) {
        self.timetable.end_comparison();
        if !self.loaded {
            tracing::info!(catalogue.flights = self.timetable.len(), "The catalogue is loaded");
        }
        self.loaded = true;
        self.publish();
        metrics::gauge!("aerobus_catalogue_flights").set(self.timetable.len() as f64);
        for waiting in self.waiting.drain(..) {
            // The one that asked may have gone.
            let _ = waiting.send(());
        }
    }

    fn publish(&self) {
        if self.loaded {
            self.published.send_replace(Some(Arc::new(self.timetable.index().clone())));
        }
    }
}

impl Handler<Apply> for Catalogue {
    type Result = ();

    /// Atomic: it waits for nothing.
    fn handle(&mut self, Apply(changes): Apply, _: &mut Context<Self>) {
        let mut news = false;
        for change in changes {
            news |= match change {
                CatalogueChange::Flight(flight) => self.timetable.put(&flight),
                CatalogueChange::Published(state) => self.timetable.put(&Flight::from(*state)),
                CatalogueChange::Seats(flight, taken) => self.timetable.put_seats(flight, taken),
            };
        }
        if news {
            self.publish();
        }
    }
}

impl Handler<CompareVersions> for Catalogue {
    type Result = MessageResult<CompareVersions>;

    /// Atomic: it waits for nothing.
    fn handle(&mut self, CompareVersions(stored): CompareVersions, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.timetable.compare(&stored))
    }
}

impl Handler<TakeStored> for Catalogue {
    type Result = ();

    /// Atomic: it waits for nothing. What it takes is published at the end of the comparison.
    fn handle(&mut self, TakeStored { flights, seats }: TakeStored, _: &mut Context<Self>) {
        for flight in &flights {
            self.timetable.put(flight);
        }
        for (flight, taken) in seats {
            self.timetable.put_seats(flight, taken);
        }
    }
}

impl Handler<TakeMinConnections> for Catalogue {
    type Result = ();

    /// Atomic: it waits for nothing.
    fn handle(&mut self, TakeMinConnections(minutes): TakeMinConnections, _: &mut Context<Self>) {
        self.timetable.put_min_connections(minutes);
    }
}

impl Handler<RefreshConnections> for Catalogue {
    type Result = ();

    /// Atomic: it only starts to read. Others interleave with it; where it fails, the next comparison reads them.
    fn handle(&mut self, _: RefreshConnections, ctx: &mut Context<Self>) {
        let read = read_connections(self.pool.clone());
        ctx.spawn(read.into_actor(self).map(|result, catalogue, _| match result {
            Ok(minutes) => {
                if catalogue.timetable.put_min_connections(minutes) {
                    catalogue.publish();
                }
            }
            Err(error) => {
                tracing::warn!(error.message = %error, "Connections could not be read; tried again within a minute");
            }
        }));
    }
}

impl Handler<Synchronise> for Catalogue {
    type Result = ();

    /// Atomic: it only starts the comparison.
    fn handle(&mut self, Synchronise(waiting): Synchronise, ctx: &mut Context<Self>) {
        self.compare_twice(waiting, ctx);
    }
}

/// A cloneable handle of the catalogue.
#[derive(Clone)]
pub struct CatalogueHandle {
    actor: SupervisedActor<Catalogue>,
    published: watch::Receiver<Option<Arc<Index>>>,
}

impl CatalogueHandle {
    /// Starts the catalogue on the present arbiter; it begins to compare itself with the database.
    #[must_use]
    pub fn start(pool: Pool) -> Self {
        let (sender, published) = watch::channel(None);
        let sender = Arc::new(sender);
        let actor = SupervisedActor::start("flight", "catalogue", move |lifeline| Catalogue {
            pool: pool.clone(),
            published: sender.clone(),
            timetable: Timetable::default(),
            loaded: false,
            comparing: false,
            waiting: Vec::new(),
            next: None,
            _lifeline: lifeline,
        });
        Self { actor, published }
    }

    /// The flights ahead, as of now; nothing before they were loaded once.
    #[must_use]
    pub fn index(&self) -> Option<Arc<Index>> {
        self.published.borrow().clone()
    }

    /// Ready when the flights were loaded once.
    pub async fn loaded(&self) {
        // An error means that the catalogue is gone for good: there is nothing to wait for.
        drop(self.published.clone().wait_for(Option::is_some).await);
    }

    /// Takes changes in; ready when they are published.
    ///
    /// # Errors
    /// [`AskError`]; a catalogue that had died loads itself anew, so nothing is lost.
    pub async fn apply(&self, changes: Vec<CatalogueChange>) -> Result<(), AskError> {
        self.actor.ask(Apply(changes)).await
    }

    /// Makes the catalogue read the shortest connections of the airports; does not wait for it.
    ///
    /// # Errors
    /// [`AskError`]
    pub async fn refresh_connections(&self) -> Result<(), AskError> {
        self.actor.ask(RefreshConnections).await
    }

    /// Makes the catalogue compare itself with the database, until that succeeds; does not wait for it.
    ///
    /// # Errors
    /// [`AskError`]
    pub async fn reload(&self) -> Result<(), AskError> {
        self.actor.ask(Synchronise(None)).await
    }

    /// Makes the catalogue compare itself with the database; ready when it has the flights, the seats and the
    /// connections that the database has now.
    ///
    /// # Errors
    /// [`AskError`], also where the catalogue dies meanwhile.
    pub async fn synchronised(&self) -> Result<(), AskError> {
        let (sender, receiver) = oneshot::channel();
        self.actor.ask(Synchronise(Some(sender))).await?;
        receiver.await.map_err(|_| AskError::Stopped)
    }
}
