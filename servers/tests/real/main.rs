//! The servers and the program of this crate, started for real.

mod common;
mod postgres;
mod private_servers;
mod rabbitmq;
