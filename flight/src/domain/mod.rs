//! The rules of the timetable: pure, without I/O.

pub mod availability;
pub mod board;
pub mod conditions;
pub mod csv_table;
pub mod delay;
pub mod flight;
pub mod folding;
pub mod import;
pub mod knock_on;
pub mod parts;
pub mod places;
pub mod planning;
pub mod reference;
pub mod rotation;
#[cfg(test)]
mod sample;
pub mod schedule;
pub mod schedule_generation;
pub mod schedule_rules;
pub mod search;
pub mod timetable;
