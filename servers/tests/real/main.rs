//! The servers and the program of this crate, started for real.

mod fixture;
mod postgres;
mod private_servers;
mod rabbitmq;
