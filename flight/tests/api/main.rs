//! The service over real HTTP and PostgreSQL, each test with a database of its own.

mod audit;
mod boards;
mod catalogue;
mod demo;
mod disruptions;
mod flights;
mod imports;
mod operations;
mod permissions;
mod places;
mod played_booking;
mod races;
mod reference;
mod rotation;
mod schedule_keeper;
mod schedules;
mod schema;
mod search;
mod service;
mod store;
mod time_zones;
mod version;
mod world;
