//! Pure rules of the gateway: no I/O, no actix, no diesel.

pub mod email;
pub mod locale;
pub mod openapi;
pub mod password;
pub mod refresh_token;
pub mod route_check;
pub mod routes;
pub mod signing_key;
pub mod user;
