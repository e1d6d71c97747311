//! The mailer over real HTTP, PostgreSQL and SMTP.

mod admin;
mod bookings;
mod dead_letters;
mod delivery;
mod letters;
mod support;
mod version;
