//! Pure rules of the gateway: no I/O, no actix, no diesel.

pub(crate) mod api_key;
pub(crate) mod audited_user;
pub(crate) mod client_device;
mod common_passwords;
pub(crate) mod fair_queue;
pub(crate) mod known_device;
pub(crate) mod limits;
pub(crate) mod locale;
pub(crate) mod login_bounds;
pub(crate) mod login_email;
pub(crate) mod one_time_token;
pub(crate) mod openapi_merge;
pub(crate) mod password;
mod pseudorandom;
pub(crate) mod queue_ticket;
pub(crate) mod refresh_token;
pub(crate) mod rendezvous;
pub(crate) mod requested_flight;
pub(crate) mod role;
pub(crate) mod route_class;
pub(crate) mod routing_table;
pub(crate) mod routing_table_check;
pub(crate) mod session;
pub(crate) mod signing_key;
pub(crate) mod totp;
pub(crate) mod user;
pub(crate) mod waiting_room;
