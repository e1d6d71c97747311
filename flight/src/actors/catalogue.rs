//! The catalogue: the flights ahead with their seats, as search sees them.
//!
//! Invariant: what it publishes holds, for each flight, the newest version that it was ever told of,
//! by the database or by a message, in whatever order these came.

use crate::{
    domain::{
        availability::TakenSeats,
        flight::Flight,
        parts::SharedParts,
        timetable::{Index, Timetable},
    },
    store::{
        availability,
        flights::{self, FlightFilter},
    },
};
use actix::prelude::*;
use chrono::Utc;
use diesel_async::AsyncPgConnection;
use shared::{
    db::{DbError, Pool},
    events::FlightState,
    ids::FlightId,
    supervisor::{AskError, Lifeline, SupervisedActor},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;

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

/// Loads all flights anew: messages may have been missed.
#[derive(Message)]
#[rtype(result = "()")]
struct ReloadCatalogue;

/// The present index; nothing before the first load.
type IndexSender = watch::Sender<Option<Arc<Index>>>;

/// The actor that owns the index.
struct Catalogue {
    pool: Pool,
    published: Arc<IndexSender>,
    timetable: Timetable,
    parts: SharedParts,
    /// Nothing is published before: half a timetable would hide flights.
    loaded: bool,
    loading: bool,
    /// Messages were missed after the load under way began.
    stale: bool,
    catching_up: bool,
    _lifeline: Lifeline,
}

/// How often flights that have left are forgotten, and seats looked up that no message told.
const PRUNE: Duration = Duration::from_secs(60);
/// From a load to a second look at the seats. What this instance did not hear while it was away may
/// still be in the work queue of the service, and be written to the table only after the load.
const SECOND_LOOK: Duration = Duration::from_secs(5);
/// The pause after a load that failed.
const RETRY: Duration = Duration::from_secs(1);
/// Flights that are loaded at once.
const CHUNK: i64 = 2000;

impl Actor for Catalogue {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // A batch of the feed is one message; requests add a few.
        ctx.set_mailbox_capacity(256);
        ctx.run_interval(PRUNE, |catalogue, ctx| {
            if catalogue.timetable.prune(Utc::now()) > 0 {
                catalogue.publish();
            }
            catalogue.measure();
            catalogue.catch_up(ctx);
        });
        self.load(ctx);
    }
}

/// What a load found.
struct Loaded {
    flights: Vec<(Flight, Option<TakenSeats>)>,
    /// The versions that were known when it began: what of this it did not find is gone, unless it was
    /// told anew meanwhile.
    known: HashMap<FlightId, i64>,
}

impl Catalogue {
    /// Loads in the background; changes that come meanwhile are taken in, and the newest version wins.
    fn load(&mut self, ctx: &mut Context<Self>) {
        if self.loading {
            self.stale = true;
            return;
        }
        self.loading = true;
        let (pool, known) = (self.pool.clone(), self.timetable.flights());
        // Interleaves with other messages.
        ctx.spawn(unaborted(load_all(pool, known)).into_actor(self).map(|result, catalogue, ctx| {
            catalogue.loading = false;
            match result {
                Ok(loaded) => {
                    catalogue.take_over(loaded);
                    ctx.run_later(SECOND_LOOK, Self::catch_up);
                }
                Err(error) => {
                    tracing::warn!(error.message = %error, "The flights could not be loaded; tried again soon");
                    ctx.run_later(RETRY, Self::load);
                }
            }
            if std::mem::take(&mut catalogue.stale) {
                catalogue.load(ctx);
            }
        }));
    }

    fn take_over(&mut self, loaded: Loaded) {
        let Loaded { flights, known } = loaded;
        let found: HashSet<FlightId> = flights.iter().map(|(flight, _)| flight.id).collect();
        for (id, version) in known.into_iter().filter(|(id, _)| !found.contains(id)) {
            self.timetable.forget_version(id, version);
        }
        for (flight, taken) in flights {
            let id = flight.id;
            self.timetable.put(self.parts.share(flight));
            if let Some(taken) = taken {
                self.timetable.put_seats(id, taken);
            }
        }
        self.loaded = true;
        self.publish();
        self.measure();
        tracing::info!(catalogue.flights = found.len(), "The catalogue is loaded");
    }

    /// Looks up in the background which seats the table has in a newer version.
    fn catch_up(&mut self, ctx: &mut Context<Self>) {
        if self.catching_up || !self.loaded {
            return;
        }
        self.catching_up = true;
        let (pool, known) = (self.pool.clone(), self.timetable.seats());
        let look = async move {
            let mut connection = pool.get().await?;
            Ok::<_, DbError>(availability::newer_than(&mut connection, &known).await?)
        };
        // Interleaves with other messages.
        ctx.spawn(look.into_actor(self).map(|result, catalogue, _| {
            catalogue.catching_up = false;
            match result {
                Ok(newer) => {
                    let changes =
                        newer.into_iter().map(|(flight, taken)| CatalogueChange::Seats(flight, taken));
                    catalogue.take_in(changes.collect());
                }
                Err(error) => {
                    tracing::warn!(error.message = %error, "Seats could not be looked up; tried again later");
                }
            }
        }));
    }

    fn take_in(&mut self, changes: Vec<CatalogueChange>) {
        let mut news = false;
        for change in changes {
            news |= match change {
                CatalogueChange::Flight(flight) => self.timetable.put(self.parts.share(*flight)),
                CatalogueChange::Published(state) => self.timetable.put(self.parts.flight(*state)),
                CatalogueChange::Seats(flight, taken) => self.timetable.put_seats(flight, taken),
            };
        }
        if news {
            self.publish();
        }
    }

    fn measure(&self) {
        metrics::gauge!("catalogue_flights").set(self.timetable.len() as f64);
    }

    fn publish(&self) {
        if self.loaded {
            self.published.send_replace(Some(Arc::new(self.timetable.index().clone())));
        }
    }
}

/// Runs a transaction to its end, even where the actor that waits for it dies.
async fn unaborted<T: 'static>(
    work: impl Future<Output = Result<T, DbError>> + 'static,
) -> Result<T, DbError> {
    actix::spawn(work).await.unwrap_or_else(|error| Err(DbError::Unavailable(Box::new(error))))
}

async fn load_all(pool: Pool, known: HashMap<FlightId, i64>) -> Result<Loaded, DbError> {
    let mut connection = pool.get().await?;
    let connection: &mut AsyncPgConnection = &mut connection;
    // One snapshot for all chunks: a flight that is moved meanwhile would else be in none of them.
    let mut transaction = connection.build_transaction().repeatable_read().read_only();
    let flights = transaction
        .run::<_, diesel::result::Error, _>(async |connection: &mut AsyncPgConnection| {
            load_chunks(connection).await
        })
        .await?;
    Ok(Loaded { flights, known })
}

async fn load_chunks(
    connection: &mut AsyncPgConnection,
) -> diesel::QueryResult<Vec<(Flight, Option<TakenSeats>)>> {
    let now = Utc::now();
    let filter = FlightFilter { from: Some(now), ..FlightFilter::default() };
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let chunk = flights::list(connection, &filter, after, CHUNK, now).await?;
        let Some(last) = chunk.last() else { break };
        after = Some((last.departure.at, last.id.0));
        let ids: Vec<_> = chunk.iter().map(|flight| flight.id.0).collect();
        let mut taken = availability::of_flights(connection, &ids).await?;
        all.extend(chunk.into_iter().map(|flight| {
            let taken = taken.remove(&flight.id.0);
            (flight, taken)
        }));
    }
    Ok(all)
}

impl Handler<Apply> for Catalogue {
    type Result = ();

    /// Atomic: it waits for nothing.
    fn handle(&mut self, Apply(changes): Apply, _: &mut Context<Self>) {
        self.take_in(changes);
    }
}

impl Handler<ReloadCatalogue> for Catalogue {
    type Result = ();

    /// Atomic: it only starts the load.
    fn handle(&mut self, _: ReloadCatalogue, ctx: &mut Context<Self>) {
        self.load(ctx);
    }
}

/// A cloneable handle of the catalogue.
#[derive(Clone)]
pub struct CatalogueHandle {
    actor: SupervisedActor<Catalogue>,
    published: watch::Receiver<Option<Arc<Index>>>,
}

impl CatalogueHandle {
    /// Starts the catalogue on the present arbiter; it begins to load.
    #[must_use]
    pub fn start(pool: Pool) -> Self {
        let (sender, published) = watch::channel(None);
        let sender = Arc::new(sender);
        let actor = SupervisedActor::start("flight", "catalogue", move |lifeline| Catalogue {
            pool: pool.clone(),
            published: sender.clone(),
            timetable: Timetable::default(),
            parts: SharedParts::default(),
            loaded: false,
            loading: false,
            stale: false,
            catching_up: false,
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

    /// Makes the catalogue load itself anew, until that succeeds; does not wait for it.
    ///
    /// # Errors
    /// [`AskError`]
    pub async fn reload(&self) -> Result<(), AskError> {
        self.actor.ask(ReloadCatalogue).await
    }
}
