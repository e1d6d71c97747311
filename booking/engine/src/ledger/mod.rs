//! The ledger: group commit of commands.
//!
//! Commands that arrive while a transaction runs form the next one: one durable commit for many bookings. Answers are
//! given after the commit.
//!
//! | file | content |
//! |---|---|
//! | [`command`] | commands, outcomes |
//! | [`admission`] | the limit on claims on their way |
//! | [`queue`] | the commands that wait for the next batch, and its bounds |
//! | [`gathering`] | when a batch waits for company |
//! | [`process`] | batch by batch: transactions, errors, lost answers |
//! | [`staff`] | who of the staff gives a command, and its record for the audit log |
//! | `sub_batch` | the commands of one transaction, and their fate when it fails |
//! | [`decide`] | the order of the decisions of one transaction |
//! | [`decision`] | what a batch has decided |
//! | `keys`, `transitions`, `claims`, [`amendments`] | parts of the decisions |
//! | `payments`, `cancellations`, `airline`, `expiry` | parts of transitions |
//! | [`equipment`] | the bookings of a flight follow it to another airplane, outside of a batch |
//! | [`work`] | the read and the changed state of one transaction |
//! | `occupancy` | seats and passenger keys, as the commands leave them |
//! | `write_set_builder`, [`write_set`] | the rows and events that it writes |
//! | [`snapshot`] | its locks, and the rows that it reads under them |
//! | [`rows`] | rows of the tables, and the rows of a booking |
//! | [`cache`] | the state that a ledger keeps between transactions |

pub mod admission;
mod airline;
pub mod amendments;
pub mod cache;
mod cancellations;
mod claims;
pub mod command;
pub mod decide;
pub mod decision;
pub mod equipment;
mod expiry;
pub mod gathering;
mod keys;
mod occupancy;
mod payments;
pub mod process;
pub mod queue;
pub mod rows;
pub mod snapshot;
pub mod staff;
mod sub_batch;
mod transitions;
pub mod work;
pub mod write_set;
mod write_set_builder;
