//! Flights: how they are read and written.

mod board;
mod disrupt;
mod parts;
mod read;
mod republishing;
mod rotation;
mod scheduled;
mod versions;
mod write;

pub use board::{BoardFilter, board};
pub use disrupt::{OtherAirplane, cancel, change_airplane, delay, plan_of, renew};
pub use read::{
    FlightFilter, airplane_is_in_use, airport_is_in_use, find, find_many, is_taken, list, lock, with_seats,
};
pub use republishing::{Naming, republish, republish_next};
pub use rotation::{fits, lock_airplanes, planned_elsewhere, planned_times, rotation, turnarounds};
pub use scheduled::{ScheduleLink, ScheduledDate, forget_removed, former, link, lock_by_number, of_schedule};
pub use versions::{DeparturePlace, versions_behind};
pub use write::{FlightChange, NewFlight, delete, hold_references, insert, insert_fitted, update};

/// The service as the source of events.
pub(crate) const SOURCE: &str = "flight";
