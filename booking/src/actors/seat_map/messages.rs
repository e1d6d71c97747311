//! The messages to a feed, and the address that takes them.

use actix::prelude::*;
use booking_engine::inventory::flight::Flight;
use bytes::Bytes;
use shared::{db::DbError, events::SeatsState};
use std::sync::Arc;
use tokio::sync::mpsc;

/// A change of a flight.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) enum FlightUpdate {
    /// The seats after a commit, of this instance or another.
    Seats(Arc<SeatsState>),
    /// The seats may have changed: the feed reads them.
    Invalidated,
    /// The flight itself changed.
    Flight(Flight),
}

/// Asks for a place among the readers.
#[derive(Message)]
#[rtype(result = "Result<Joined, NotJoined>")]
pub(super) struct JoinFeed {
    /// The version that the reader has seen last.
    pub(super) seen: Option<i64>,
}

/// A place among the readers.
#[derive(Debug)]
pub(super) struct Joined {
    /// The event that brings the reader to the present version.
    pub(super) first: Option<Bytes>,
    /// The events after it.
    pub(super) events: mpsc::Receiver<Bytes>,
}

/// Why there is no place.
#[derive(Debug, Clone)]
pub(super) enum NotJoined {
    Unknown,
    Failed(Arc<DbError>),
}

/// Ends the feed and all of its streams.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct EndFeed;

/// The address of a feed, for those that need not know the actor behind it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct FeedAddress {
    pub(super) joins: Recipient<JoinFeed>,
    updates: Recipient<FlightUpdate>,
    pub(super) ends: Recipient<EndFeed>,
}

impl FeedAddress {
    pub(super) fn of<A>(feed: Addr<A>) -> Self
    where
        A: Actor<Context = Context<A>> + Handler<JoinFeed> + Handler<FlightUpdate> + Handler<EndFeed>,
    {
        Self { joins: feed.clone().recipient(), updates: feed.clone().recipient(), ends: feed.recipient() }
    }

    /// Whether the feed is alive.
    pub(super) fn connected(&self) -> bool {
        self.updates.connected()
    }

    /// Sends a change to the feed. A fresh address always gets one message in. An error means that the feed has
    /// died; it starts again from the database.
    pub(super) fn update(&self, update: FlightUpdate) {
        let _ = self.updates.clone().try_send(update);
    }

    /// Ends the feed. An error means that it has ended by itself.
    pub(super) fn end(&self) {
        let _ = self.ends.clone().try_send(EndFeed);
    }
}
