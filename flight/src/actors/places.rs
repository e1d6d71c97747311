//! The keeper of the places: the index of airports and cities that people type names of.
//!
//! Invariant: the published index has the places that the database had when the last look began. Looks begin after each write of this
//! instance, at each notification of another one, and at intervals, so that a notification that was lost is made good.

use crate::{
    domain::places::PlaceIndex,
    store::places::{self, PlacesHash},
};
use actix::prelude::*;
use diesel::result::Error;
use shared::{
    db::{
        DatabaseConfig, DbError, Pool,
        notifications::{self, Listener, ListenerEvent},
    },
    supervisor::{AskError, Lifeline, SupervisedActor},
};
use std::{mem, sync::Arc, time::Duration};
use tokio::sync::{oneshot, watch};

/// Looks whether places have changed; the answer comes when those are published that a look found which began later.
#[derive(Message)]
#[rtype(result = "()")]
struct LookAtPlaces {
    /// Whether other instances are to look, too.
    announce: bool,
}

type PlacesSender = watch::Sender<Option<Arc<PlaceIndex>>>;

/// The actor that owns the index.
struct PlacesKeeper {
    pool: Pool,
    database: DatabaseConfig,
    published: Arc<PlacesSender>,
    /// The hash of the published places.
    hash: Option<PlacesHash>,
    looking: bool,
    /// Requests that wait for the next look.
    waiting: Vec<oneshot::Sender<()>>,
    /// Whether the next look is to be announced.
    announce: bool,
    listener: Option<Listener>,
    _lifeline: Lifeline,
}

/// How often the database is asked whether places have changed without a notification.
const INTERVAL: Duration = Duration::from_secs(30);
/// The pause after a look that failed.
const RETRY: Duration = Duration::from_secs(1);

impl Actor for PlacesKeeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // Requests that write reference data wait for it; they are few.
        ctx.set_mailbox_capacity(256);
        // Weak: the listener belongs to the actor and must not keep it alive.
        let keeper = ctx.address().downgrade();
        self.listener =
            Some(Listener::start(&self.database, places::channel(&self.database.schema), move |event| {
                if event != ListenerEvent::Deaf
                    && let Some(keeper) = keeper.upgrade()
                {
                    // Where the mailbox is full, looks are waiting.
                    let _ = keeper.try_send(LookAtPlaces { announce: false });
                }
            }));
        ctx.run_interval(INTERVAL, |keeper, ctx| keeper.look(ctx));
        self.look(ctx);
    }
}

impl PlacesKeeper {
    /// Looks in the background, once at a time.
    fn look(&mut self, ctx: &mut Context<Self>) {
        if self.looking {
            return;
        }
        self.looking = true;
        let waiting = mem::take(&mut self.waiting);
        let channel = mem::take(&mut self.announce).then(|| places::channel(&self.database.schema));
        let look = look_and_announce(self.pool.clone(), self.hash, channel);
        // Interleaves with other messages: they are waiting for the next look.
        ctx.spawn(look.into_actor(self).map(|found, keeper, ctx| {
            keeper.looking = false;
            match found {
                Ok(found) => keeper.publish(found),
                Err(error) => {
                    tracing::warn!(error.message = %error, "The places could not be read; tried again soon");
                    ctx.run_later(RETRY, Self::look);
                }
            }
            for one in waiting {
                // An error means that it does not wait any more.
                let _ = one.send(());
            }
            if !keeper.waiting.is_empty() {
                keeper.look(ctx);
            }
        }));
    }

    fn publish(&mut self, found: Option<(PlacesHash, PlaceIndex)>) {
        if let Some((hash, index)) = found {
            tracing::info!(places.number = index.len(), "The places are loaded");
            self.hash = Some(hash);
            self.published.send_replace(Some(Arc::new(index)));
        }
    }
}

/// The places, where they are others than the known ones.
async fn look_and_announce(
    pool: Pool,
    known: Option<PlacesHash>,
    channel: Option<String>,
) -> Result<Option<(PlacesHash, PlaceIndex)>, DbError> {
    let mut connection = pool.get().await?;
    if let Some(channel) = channel {
        // What is announced is committed. Without the notification the others look at their next interval.
        notifications::notify(&connection, channel).await?;
    }
    // The hash first: what changes between the two is found by the next look.
    let hash = places::hash(&mut connection).await?;
    if known == Some(hash) {
        return Ok(None);
    }
    let places = places::all(&mut connection).await?;
    drop(connection);
    // Thousands of names take a while to sort, and this thread follows sales.
    let built = tokio::task::spawn_blocking(move || PlaceIndex::new(places)).await;
    let built = built.map_err(|error| DbError::Unavailable(Box::new(error)))?;
    let index = built.map_err(|error| Error::DeserializationError(Box::new(error)))?;
    Ok(Some((hash, index)))
}

impl Handler<LookAtPlaces> for PlacesKeeper {
    type Result = ResponseFuture<()>;

    /// Atomic, but for the answer: it only starts a look.
    fn handle(&mut self, LookAtPlaces { announce }: LookAtPlaces, ctx: &mut Context<Self>) -> Self::Result {
        let (done, looked) = oneshot::channel();
        self.waiting.push(done);
        self.announce |= announce;
        self.look(ctx);
        Box::pin(async move {
            // An error means that the actor has died: the next one looks anew.
            let _ = looked.await;
        })
    }
}

/// A cloneable handle of the keeper.
#[derive(Clone)]
pub struct PlacesHandle {
    actor: SupervisedActor<PlacesKeeper>,
    published: watch::Receiver<Option<Arc<PlaceIndex>>>,
}

impl PlacesHandle {
    /// Starts the keeper on the present arbiter; it begins to load. It listens on a connection of its own.
    #[must_use]
    pub fn start(pool: Pool, database: &DatabaseConfig) -> Self {
        let (sender, published) = watch::channel(None);
        let (sender, database) = (Arc::new(sender), database.clone());
        let actor = SupervisedActor::start("flight", "places", move |lifeline| PlacesKeeper {
            pool: pool.clone(),
            database: database.clone(),
            published: sender.clone(),
            hash: None,
            looking: false,
            waiting: Vec::new(),
            announce: false,
            listener: None,
            _lifeline: lifeline,
        });
        Self { actor, published }
    }

    /// The places; nothing before they were loaded once.
    #[must_use]
    pub fn index(&self) -> Option<Arc<PlaceIndex>> {
        self.published.borrow().clone()
    }

    /// Ready when an index is published that this is true of.
    pub async fn wait_for(&self, is_it: impl Fn(&PlaceIndex) -> bool) {
        // An error means that the keeper is gone for good: there is nothing to wait for.
        drop(self.published.clone().wait_for(|index| index.as_deref().is_some_and(&is_it)).await);
    }

    /// Looks whether places have changed; ready when they are published.
    ///
    /// # Errors
    /// [`AskError`]; then the interval makes up for it.
    pub async fn look(&self) -> Result<(), AskError> {
        self.actor.ask(LookAtPlaces { announce: false }).await
    }

    /// To be told after the commit of a change of places: this instance publishes it before this is ready, the others
    /// soon after.
    ///
    /// # Errors
    /// [`AskError`]; then the interval makes up for it.
    pub async fn changed(&self) -> Result<(), AskError> {
        self.actor.ask(LookAtPlaces { announce: true }).await
    }
}
