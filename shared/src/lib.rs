//! What two or more Aerobus services really share.
//!
//! | module | what it holds |
//! |---|---|
//! | [`ids`], [`money`], [`iata`], [`seat`], [`fare`], [`flight_time`], [`calendar_date`] | the newtypes of the domain, parsed at the edge |
//! | [`time_zones`] | the time-zone database that the program carries |
//! | [`email`], [`person_name`] | addresses and names of people: their grammar, and when two are the same |
//! | [`events`] | the CloudEvents envelope and the data of each event type |
//! | [`bus`] | the message bus behind two carriers: AMQP (RabbitMQ) and in-process |
//! | [`outbox`] | events written in the transaction of their change, their relay, the inbox and dead letters |
//! | [`http`] | the problem envelope, strict extractors, pages, entity tags, request ids, health |
//! | [`auth`] | tokens, permissions, the JWKS key set, service tokens |
//! | [`db`] | pools, migrations, schemas and roles |
//! | [`config`] | the parts of configuration that every service has |
//! | [`telemetry`] | logs, trace context, metrics |
//! | [`service`] | a running service: its address, its graceful stop |
//! | [`release`] | the version of the program and of its time-zone data, and `--version` |

pub mod auth;
pub mod bus;
pub mod calendar_date;
pub mod config;
pub mod db;
pub mod email;
pub mod events;
pub mod fare;
pub mod flight_time;
pub mod http;
pub mod iata;
pub mod ids;
pub mod money;
pub mod outbox;
pub mod person_name;
pub mod release;
pub mod seat;
pub mod service;
pub mod telemetry;
pub mod time_zones;
