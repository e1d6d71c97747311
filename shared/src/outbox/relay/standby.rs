//! Relays of several instances: which one is active, and what the others tell it.

use super::{actor::Relay, handle::RelayHandle};
use crate::{
    db::{
        Fault,
        notifications::{self, Listener, ListenerEvent},
    },
    outbox::pending,
};
use actix::prelude::*;
use diesel_async::AsyncPgConnection;
use std::{
    mem::replace,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::Instant;

/// How often a relay that stands by tries to become active.
const STANDBY: Duration = Duration::from_secs(1);
/// The same while somebody waits for the outbox to be empty.
const AWAITED: Duration = Duration::from_millis(250);
/// Between two notifications at least.
const NOTIFY_PAUSE: Duration = Duration::from_millis(10);

/// The channel on which relays of a schema hear of commits.
fn channel(schema: &str) -> String {
    format!("outbox_{schema}")
}

impl Relay {
    /// Tries to become the active relay. One that stands by also looks whether the outbox is empty,
    /// when somebody waits for that.
    pub(super) fn compete(&mut self, ctx: &mut Context<Self>) {
        let awaited = self.progress.is_awaited();
        self.progress.cover();
        let query = async move |connection: &mut AsyncPgConnection| {
            let locked = pending::try_lock(connection).await?;
            let empty = !locked && awaited && pending::is_empty(connection).await?;
            Ok((locked, empty))
        };
        self.query(ctx, query, |relay, (locked, empty), ctx| {
            relay.database_backoff.reset();
            if empty {
                relay.progress.empty();
            }
            if locked {
                relay.become_active(ctx);
            } else {
                let again = if relay.progress.is_awaited() { AWAITED } else { STANDBY };
                let next = ctx.run_later(again, |relay, ctx| {
                    if !relay.active && relay.connection.is_some() && relay.stopping.is_empty() {
                        relay.compete(ctx);
                    }
                });
                // A drain may have come before its time.
                if let Some(former) = relay.standby.replace(next) {
                    ctx.cancel_future(former);
                }
            }
        });
    }

    fn become_active(&mut self, ctx: &mut Context<Self>) {
        tracing::info!(outbox.source = self.source, "The outbox relay is active");
        self.active = true;
        self.unsent = false;
        self.progress.look(true);
        let handle = RelayHandle::new(&ctx.address(), self.nudged.clone(), self.bus.clone());
        let listening = Arc::clone(&self.listening);
        let tell = move |event| {
            listening.store(event != ListenerEvent::Deaf, Ordering::Release);
            handle.nudge();
        };
        self.listener = Some(Listener::start(&self.config, channel(&self.config.schema), tell));
    }

    /// Ends what only the active relay has.
    pub(super) fn become_inactive(&mut self) {
        self.active = false;
        self.listener = None;
        self.listening.store(false, Ordering::Release);
        // Another relay may have been active before this one knew it.
        self.unsent = true;
    }

    /// Tells the active relay of commits that this relay was nudged for.
    pub(super) fn notify_active(&mut self, ctx: &mut Context<Self>) {
        if !self.unsent || !self.notifies || self.connection.is_none() {
            return;
        }
        let wait = self.notified_at.map_or(Duration::ZERO, |at| NOTIFY_PAUSE.saturating_sub(at.elapsed()));
        if !wait.is_zero() {
            if !replace(&mut self.notify_waits, true) {
                ctx.run_later(wait, |relay, ctx| {
                    relay.notify_waits = false;
                    relay.go_on(ctx);
                });
            }
            return;
        }
        self.unsent = false;
        self.notified_at = Some(Instant::now());
        let channel = channel(&self.config.schema);
        let query =
            async move |connection: &mut AsyncPgConnection| match notifications::notify(connection, channel)
                .await
            {
                Err(error) if Fault::of(&error) == Fault::Other => Ok(Some(error)),
                answer => answer.map(|()| None),
            };
        self.query(ctx, query, |relay, refused, _| {
            if let Some(error) = refused {
                tracing::warn!(
                    outbox.source = relay.source, %error,
                    "The database takes no notifications: the active relay finds commits of this instance by polling"
                );
                relay.notifies = false;
            }
        });
    }

    /// Plans the next look at the outbox without a nudge, anew where the listener has begun or ceased to hear.
    pub(super) fn plan_look(&mut self, ctx: &mut Context<Self>) {
        self.looks_as_listening = self.listening.load(Ordering::Acquire);
        let deaf = self.active && !self.looks_as_listening;
        let pause = if deaf { self.intervals.deaf } else { self.intervals.listening };
        let next = ctx.run_later(pause, |relay, ctx| {
            relay.look = None;
            relay.progress.look(true);
            relay.go_on(ctx);
            relay.plan_look(ctx);
        });
        if let Some(former) = self.look.replace(next) {
            ctx.cancel_future(former);
        }
    }
}
