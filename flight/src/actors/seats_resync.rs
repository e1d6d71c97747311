//! Compares the stored seats with booking's own: a message that is lost, or a table that was emptied, leaves a gap that
//! the next sale of the flight would mend, and this mends at once.
//!
//! Invariant: after a pass, each flight of this service has the seats that booking had when the pass began, or newer
//! ones.

use super::catalogue::{CatalogueChange, CatalogueHandle};
use crate::{
    booking::BookingError,
    booking_seats::{FLIGHTS, SeatsClient},
    store::availability,
};
use actix::prelude::*;
use shared::{
    db::{DbError, Pool},
    events::SeatsState,
    supervisor::{AskError, Lifeline, SupervisedActor},
};
use std::{
    rc::Rc,
    time::{Duration, Instant},
};

/// Messages may have been missed: a pass that begins later must come to its end.
#[derive(Message)]
#[rtype(result = "()")]
struct Resync;

/// From one pass to the next where nobody asks, the shortest and the longest pause: a lost message is not always noticed, and has to
/// be made good for within a minute. Catalogues of other instances look at the table each 45 seconds.
const PAUSE: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(600));
/// A pause takes so many times as long as the pass before it: passes over many flights cost booking a fiftieth of a core.
const PAUSE_OF_PASS: u32 = 50;
/// The pauses after a pass that failed, the first and the longest: booking may start later than this service.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The actor that compares.
struct SeatsResync {
    pool: Pool,
    catalogue: CatalogueHandle,
    booking: Rc<SeatsClient>,
    running: bool,
    /// Whether another one was asked for since the one that runs began.
    again: bool,
    retry: Duration,
    next: Option<SpawnHandle>,
    _lifeline: Lifeline,
}

/// Why a pass failed.
#[derive(Debug, thiserror::Error)]
enum ResyncError {
    #[error(transparent)]
    Booking(#[from] BookingError),
    #[error(transparent)]
    Database(#[from] DbError),
    #[error(transparent)]
    Catalogue(#[from] AskError),
}

impl Actor for SeatsResync {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.run_after(PAUSE.0, ctx);
    }
}

impl SeatsResync {
    fn run(&mut self, ctx: &mut Context<Self>) {
        if self.running {
            self.again = true;
            return;
        }
        self.running = true;
        let begun = Instant::now();
        let pass = compare(self.pool.clone(), self.catalogue.clone(), self.booking.clone());
        // Interleaves with other messages.
        ctx.spawn(pass.into_actor(self).map(move |result, resync, ctx| {
            resync.running = false;
            match result {
                Ok(mended) => {
                    resync.passed(mended);
                    resync.run_after(pause_after(begun.elapsed()), ctx);
                }
                Err(error) => {
                    tracing::warn!(error.message = %error, "Seats could not be compared with booking's; tried again");
                    resync.run_after(resync.retry, ctx);
                    resync.retry = (resync.retry * 2).min(RETRY.1);
                }
            }
            if std::mem::take(&mut resync.again) {
                resync.run(ctx);
            }
        }));
    }

    /// Plans the next pass, in the place of one that is planned.
    fn run_after(&mut self, pause: Duration, ctx: &mut Context<Self>) {
        if let Some(former) = self.next.replace(ctx.run_later(pause, Self::run)) {
            ctx.cancel_future(former);
        }
    }

    fn passed(&mut self, mended: u64) {
        self.retry = RETRY.0;
        if mended > 0 {
            metrics::counter!("aerobus_seats_resynced_total").increment(mended);
            tracing::info!(seats.flights = mended, "Seats of flights were behind booking's");
        }
    }
}

/// The pause after a pass that took so long.
fn pause_after(pass: Duration) -> Duration {
    pass.saturating_mul(PAUSE_OF_PASS).clamp(PAUSE.0, PAUSE.1)
}

/// Reads the seats of the flights whose stored version is older than booking's; gives how many flights that were.
async fn compare(
    pool: Pool,
    catalogue: CatalogueHandle,
    booking: Rc<SeatsClient>,
) -> Result<u64, ResyncError> {
    let (mut after, mut mended) = (None, 0);
    loop {
        let page = booking.versions(after).await?;
        let behind = {
            let mut connection = pool.get().await?;
            availability::behind(&mut connection, &page.data).await.map_err(DbError::from)?
        };
        for flights in behind.chunks(FLIGHTS) {
            let states = booking.seats(flights).await?;
            availability::keep_newest(&mut *pool.get().await?, &states).await.map_err(DbError::from)?;
            let change =
                |state: &SeatsState| CatalogueChange::Seats(state.flight_id, availability::taken(state));
            catalogue.apply(states.iter().map(change).collect()).await?;
            mended += u64::try_from(states.len()).unwrap_or(0);
        }
        after = page.next;
        if after.is_none() {
            return Ok(mended);
        }
    }
}

impl Handler<Resync> for SeatsResync {
    type Result = ();

    /// Atomic: it only starts the pass.
    fn handle(&mut self, _: Resync, ctx: &mut Context<Self>) {
        self.run(ctx);
    }
}

/// A cloneable handle of the comparison.
#[derive(Clone)]
pub(crate) struct SeatsResyncHandle(SupervisedActor<SeatsResync>);

impl SeatsResyncHandle {
    /// Starts the actor on the present arbiter. It waits until it is asked.
    #[must_use]
    pub(crate) fn start(
        pool: Pool,
        catalogue: CatalogueHandle,
        client: impl Fn() -> SeatsClient + 'static,
    ) -> Self {
        let make = move |lifeline| SeatsResync {
            pool: pool.clone(),
            catalogue: catalogue.clone(),
            booking: Rc::new(client()),
            running: false,
            again: false,
            retry: RETRY.0,
            next: None,
            _lifeline: lifeline,
        };
        Self(SupervisedActor::start("flight", "seats resync", make))
    }

    /// Asks for a pass; does not wait for it.
    ///
    /// # Errors
    /// [`AskError`]
    pub(crate) async fn ask(&self) -> Result<(), AskError> {
        self.0.ask(Resync).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_follow_each_other_within_a_minute_unless_they_take_a_second() {
        let pause = |millis| pause_after(Duration::from_millis(millis)).as_secs();
        assert_eq!([0, 10, 300, 1000, 2000, 60_000].map(pause), [15, 15, 15, 50, 100, 600]);
    }
}
