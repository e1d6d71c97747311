//! The values and the events that services share: parsed at the edge, and free of any input or output.
//!
//! | module | what it holds |
//! |---|---|
//! | [`ids`], [`money`], [`iata`], [`seat`], [`fare`], [`fare_conditions`], [`flight_time`], [`calendar_date`] | the newtypes of the domain |
//! | [`time_zones`] | the time-zone database that the program carries |
//! | [`email`], [`person_name`] | addresses and names of people: their grammar, and when two are the same |
//! | [`locale`] | languages of users and letters |
//! | [`patch`] | a member of a JSON Merge Patch |
//! | [`events`] | the CloudEvents envelope and the data of each event type |
//! | [`redaction`] | which members of a document are masked |
//! | [`trace`], [`error_chain`] | the W3C trace context; errors in logs |
//!
//! What decides about bookings depends on this crate alone. `shared` offers its modules together with what needs a
//! network, a database or an actor.

pub mod calendar_date;
pub mod email;
pub mod error_chain;
pub mod events;
pub mod fare;
pub mod fare_conditions;
pub mod flight_time;
pub mod iata;
pub mod ids;
pub mod locale;
pub mod money;
pub mod patch;
pub mod person_name;
pub mod redaction;
pub mod seat;
pub mod time_zones;
pub mod trace;
