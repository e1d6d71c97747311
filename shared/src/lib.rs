//! What two or more Aerobus services really share.
//!
//! | module | what it holds |
//! |---|---|
//! | [`bus`] | the message bus behind two carriers: AMQP (RabbitMQ) and in-process |
//! | [`outbox`] | events written in the transaction of their change, their relay, dead letters; the former inbox |
//! | [`http`] | the problem envelope, strict extractors, pages, entity tags, request ids, health |
//! | [`auth`] | tokens, permissions, the JWKS key set, service tokens |
//! | [`db`] | pools, migrations, schemas and roles |
//! | [`config`] | the parts of configuration that every service has |
//! | [`telemetry`] | logs, trace context, metrics |
//! | [`operations`] | what a service tells the gateway of itself: its status, its dead letters |
//! | [`service`] | a running service: its address, its graceful stop |
//! | [`supervisor`] | workers and actors that are started again when they have died |
//! | [`threads`] | names and priorities of threads |
//! | [`ticker`] | work that is repeated at intervals and on demand |
//! | [`shared_types`] | its modules are offered here, too |
//! | [`release`] | the version of the program and of its time-zone data, and `--version` |

pub mod auth;
pub mod bus;
pub mod config;
pub mod db;
pub mod http;
pub mod operations;
pub mod outbox;
pub mod release;
pub mod service;
pub mod supervisor;
pub mod telemetry;
pub mod threads;
pub mod ticker;

pub use shared_types::{
    calendar_date, email, error_chain, events, fare, fare_conditions, flight_time, iata, ids, locale, money,
    person_name, redaction, seat, time_zones, trace,
};
