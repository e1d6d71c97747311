//! The actors of the flight service.
//!
//! ```text
//!   bus, queue of this instance --> CatalogueFeed --Apply, Reload--> Catalogue --watch--> search
//!   (flight.*, seats.changed)                                          ^    |
//!   admin requests, after their commit ------------Apply---------------+    +--> PostgreSQL (loads)
//!
//!   bus, work queue of the service --> SeatsFeed --Keep--> AvailabilityFeed --> PostgreSQL
//!   (seats.changed)                        |
//!                                          +--Apply, after the commit--> Catalogue
//!
//!   SeatsFeed, when its queue is connected --Resync--> SeatsResync --> booking, PostgreSQL
//!   (and an interval)                                       +--Apply, after the commit--> Catalogue
//!
//!   admin requests, after their commit ---Look--->   Places --watch--> places
//!   notifications, and an interval                      |
//!                                                       +--> PostgreSQL (loads)
//!
//!   admin requests, after a change of a schedule --Wake--> ScheduleKeeper --Apply, after each commit--> Catalogue
//!                                                            |
//!                                                            +--> PostgreSQL (schedules, flights), relay
//!
//!   start, and an interval --> withdrawal keeper --Apply, after each commit--> Catalogue
//!                                   |
//!                                   +--> PostgreSQL (withdrawals, flights), relay
//!
//! admin requests, after a change of reference data --Wake--> Republisher --> PostgreSQL (flights), relay
//! ```
//!
//! Nobody asks back, so the graph has no cycle. Search reads the catalogue's last published index and
//! never waits for its mailbox; so it is with the places. `app::start` spawns Catalogue, Places, AvailabilityFeed, SeatsResync and then
//! subscribes the feeds. A [`SupervisedActor`](shared::supervisor::SupervisedActor) holds each actor: one that has died is made anew
//! with nothing of its memory, and the catalogue then loads itself from the database.

pub mod availability_feed;
pub mod catalogue;
pub mod catalogue_feed;
mod newest;
pub mod places;
pub mod republisher;
pub mod schedule_keeper;
pub(crate) mod seats_resync;
mod synchronisation;
pub(crate) mod withdrawal_keeper;
