//! The gateway over real HTTP and PostgreSQL, with small servers in the place of the other services.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admin_roles;
mod admin_users;
mod api_keys;
mod audit;
mod cors;
mod device_alerts;
mod documentation;
mod email_verification;
mod fake_people;
mod fake_service;
mod gateway_fixture;
mod limits;
mod lock_out;
mod login_storms;
mod observability;
mod operations;
mod own_data;
mod own_sessions;
mod password_reset;
mod profile;
mod proxy;
mod proxy_bodies;
mod registration;
mod revocations;
mod schema;
mod security_headers;
mod sessions;
mod signing_keys;
mod streams;
mod tokens;
mod totp;
mod user_roles;
mod version;
mod waiting_room;
