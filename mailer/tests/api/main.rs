//! The mailer over real HTTP, PostgreSQL and SMTP.

mod accounts;
mod admin;
mod audit;
mod bad_input;
mod bookings;
mod configuration;
mod dead_letters;
mod delivery;
mod earlier_letters;
mod erasure;
mod letters;
mod mailer_fixture;
mod repeated_confirmations;
mod schema;
mod version;
