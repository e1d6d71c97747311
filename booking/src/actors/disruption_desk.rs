//! `DisruptionDesk`: has the bookings of a flight follow what the airline did to it. Cancelled flights:
//! their bookings are cancelled and paid back in full. Other times: their bookings show them, and the bus
//! is told.
//!
//! The change is stored with the flight's new state, and forgotten when all bookings have followed. Each
//! step can be repeated without effect, so any number of desks may work on the same change, and one that
//! dies leaves nothing undone.

use super::{
    ledger::{Command, Ledgers},
    payment::PaymentDesk,
};
use crate::store::disruptions::{self, Pending};
use actix::prelude::*;
use booking_engine::booking::disruption::Disruption;
use futures_util::{StreamExt, stream};
use shared::{
    db::{DbError, Pool},
    ids::BookingId,
};
use std::time::Duration;

/// Changes read at once.
const CHANGES: i64 = 64;
/// Bookings that follow at the same time: they share the ledger's transactions.
const CONCURRENCY: usize = 64;

/// A change was stored.
#[derive(Message)]
#[rtype(result = "()")]
struct Nudge;

/// See the module.
struct Desk {
    pool: Pool,
    /// Between looks.
    interval: Duration,
    ledgers: Ledgers,
    payments: PaymentDesk,
    working: bool,
    /// Somebody told of a change while it worked.
    again: bool,
}

/// A cloneable handle of the desk.
#[derive(Clone)]
pub(crate) struct DisruptionDesk(Addr<Desk>);

impl DisruptionDesk {
    /// Starts the desk on the present arbiter; it begins with what others have left undone.
    pub(crate) fn start(pool: Pool, ledgers: Ledgers, payments: PaymentDesk, interval: Duration) -> Self {
        Self(Desk { pool, interval, ledgers, payments, working: false, again: false }.start())
    }

    /// Flights may have changed.
    pub(crate) fn nudge(&self) {
        // A full mailbox loses it; the desk also looks by itself.
        let _ = self.0.try_send(Nudge);
    }
}

impl Desk {
    fn work(&mut self, ctx: &mut Context<Self>) {
        if self.pool.is_closed() {
            ctx.stop();
            return;
        }
        if self.working {
            self.again = true;
            return;
        }
        self.working = true;
        let (pool, ledgers) = (self.pool.clone(), self.ledgers.clone());
        let task = actix::spawn(async move { follow_all(&pool, &ledgers).await });
        // Interleaves: a change that is told meanwhile is looked at afterwards.
        ctx.spawn(task.into_actor(self).map(|followed, desk, ctx| {
            desk.working = false;
            match followed {
                Ok(Ok(0)) => {}
                Ok(Ok(_)) => desk.payments.nudge(),
                // The service stops; what is left is found again.
                Ok(Err(_)) if desk.pool.is_closed() => {}
                Ok(Err(error)) => tracing::warn!(%error, "Bookings could not follow their flights"),
                Err(error) => tracing::error!(%error, "Following flights panicked"),
            }
            if std::mem::take(&mut desk.again) {
                desk.work(ctx);
            }
        }));
    }
}

/// Has all bookings follow the changes that are stored; gives how many bookings were asked to.
async fn follow_all(pool: &Pool, ledgers: &Ledgers) -> Result<usize, DbError> {
    let (mut count, mut after) = (0, None);
    loop {
        let changes = {
            let connection = pool.get().await?;
            disruptions::pending(&connection, after, CHANGES).await?
        };
        let Some(last) = changes.last() else { return Ok(count) };
        // Those that failed stay; they keep nobody behind them waiting.
        after = Some(last.flight);
        for change in changes {
            count += follow(pool, ledgers, change).await?;
        }
    }
}

async fn follow(pool: &Pool, ledgers: &Ledgers, change: Pending) -> Result<usize, DbError> {
    let bookings = {
        let connection = pool.get().await?;
        disruptions::bookings_on(&connection, change.flight).await?
    };
    let count = bookings.len();
    let commands = bookings.into_iter().map(|booking| command(change, booking));
    // The ledger of the changed flight: its batches then lock it once for all.
    let followed = stream::iter(commands)
        .map(|command| ledgers.submit(change.flight, command))
        .buffer_unordered(CONCURRENCY)
        .filter(|answer| std::future::ready(answer.is_ok()))
        .count()
        .await;
    tracing::info!(
        flight.id = %change.flight, flight.version = change.version, bookings.count = count, bookings.followed = followed,
        "Bookings follow a change of their flight"
    );
    // What failed is found again at the next look.
    if followed == count {
        let connection = pool.get().await?;
        disruptions::done(&connection, change).await?;
    }
    Ok(count)
}

fn command(Pending { flight, version, kind }: Pending, booking: BookingId) -> Command {
    match kind {
        Disruption::Cancelled => Command::CancelByAirline { booking, flight },
        Disruption::Rescheduled => Command::Reschedule { booking, flight, version },
    }
}

impl Actor for Desk {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.work(ctx);
        ctx.run_interval(self.interval, Self::work);
    }
}

impl Handler<Nudge> for Desk {
    type Result = ();

    fn handle(&mut self, _: Nudge, ctx: &mut Context<Self>) {
        self.work(ctx);
    }
}
