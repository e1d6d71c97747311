//! The engine's ports on an instance of the service.

mod background;
mod bus;
mod flight_inventory;
mod instance_ports;
mod ledger_queue;
mod payments;
mod provider_calls;
mod request_log;
mod settlement_store;

pub(crate) use background::start;
pub(crate) use instance_ports::{InstanceClock, InstancePorts, SeededIds};
pub(crate) use ledger_queue::kill_ledger;
