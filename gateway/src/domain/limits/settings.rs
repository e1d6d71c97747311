//! How much each class of route allows one client.

use crate::domain::route_class::RouteClass;
use serde::Deserialize;

/// Limits by class. Each holds for an address, for an account and for an API key by itself; 0 lifts it.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct LimitSettings {
    /// `GATEWAY_RATE_READ_PER_MINUTE`: reading, and what is not in the routing table.
    pub rate_read_per_minute: u32,
    /// `GATEWAY_RATE_SEARCH_PER_MINUTE`: searches, places, price calendars.
    pub rate_search_per_minute: u32,
    /// `GATEWAY_RATE_WRITE_PER_MINUTE`: bookings, payments, changes of one's own data.
    pub rate_write_per_minute: u32,
    /// `GATEWAY_RATE_AUTH_PER_MINUTE`: sessions and credentials.
    pub rate_auth_per_minute: u32,
    /// `GATEWAY_RATE_LOGIN_PER_MINUTE`: logins.
    pub rate_login_per_minute: u32,
    /// `GATEWAY_RATE_REGISTER_PER_MINUTE`: new accounts.
    pub rate_register_per_minute: u32,
    /// `GATEWAY_RATE_STREAM_PER_MINUTE`: streams of events that are opened.
    pub rate_stream_per_minute: u32,
    /// `GATEWAY_RATE_ADMIN_PER_MINUTE`: what staff do.
    pub rate_admin_per_minute: u32,

    /// `GATEWAY_CONCURRENT_READ`: requests of that class that are answered at once; and so on.
    pub concurrent_read: u32,
    /// `GATEWAY_CONCURRENT_SEARCH`.
    pub concurrent_search: u32,
    /// `GATEWAY_CONCURRENT_WRITE`.
    pub concurrent_write: u32,
    /// `GATEWAY_CONCURRENT_AUTH`.
    pub concurrent_auth: u32,
    /// `GATEWAY_CONCURRENT_LOGIN`.
    pub concurrent_login: u32,
    /// `GATEWAY_CONCURRENT_REGISTER`.
    pub concurrent_register: u32,
    /// `GATEWAY_CONCURRENT_ADMIN`.
    pub concurrent_admin: u32,
}

impl Default for LimitSettings {
    /// The one place of the defaults.
    fn default() -> Self {
        Self {
            rate_read_per_minute: 1200,
            rate_search_per_minute: 600,
            rate_write_per_minute: 600,
            rate_auth_per_minute: 300,
            rate_login_per_minute: 120,
            rate_register_per_minute: 60,
            rate_stream_per_minute: 300,
            rate_admin_per_minute: 1200,
            concurrent_read: 16,
            concurrent_search: 8,
            concurrent_write: 32,
            concurrent_auth: 32,
            concurrent_login: 32,
            concurrent_register: 32,
            concurrent_admin: 32,
        }
    }
}

/// The limits of one class; 0 stands for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClassLimits {
    pub(super) per_minute: u32,
    pub(super) at_once: u32,
}

impl LimitSettings {
    /// No limits, for benchmarks.
    #[must_use]
    pub fn lifted() -> Self {
        Self {
            rate_read_per_minute: 0,
            rate_search_per_minute: 0,
            rate_write_per_minute: 0,
            rate_auth_per_minute: 0,
            rate_login_per_minute: 0,
            rate_register_per_minute: 0,
            rate_stream_per_minute: 0,
            rate_admin_per_minute: 0,
            concurrent_read: 0,
            concurrent_search: 0,
            concurrent_write: 0,
            concurrent_auth: 0,
            concurrent_login: 0,
            concurrent_register: 0,
            concurrent_admin: 0,
        }
    }

    /// The limits of a class.
    pub(super) fn of(&self, class: RouteClass) -> ClassLimits {
        let (per_minute, at_once) = match class {
            RouteClass::Read => (self.rate_read_per_minute, self.concurrent_read),
            RouteClass::Search => (self.rate_search_per_minute, self.concurrent_search),
            RouteClass::Write => (self.rate_write_per_minute, self.concurrent_write),
            RouteClass::Auth => (self.rate_auth_per_minute, self.concurrent_auth),
            RouteClass::Login => (self.rate_login_per_minute, self.concurrent_login),
            RouteClass::Register => (self.rate_register_per_minute, self.concurrent_register),
            // Open streams have a limit of their own, which counts them to their end (`EventStreamLimit`).
            RouteClass::Stream => (self.rate_stream_per_minute, 0),
            RouteClass::Admin => (self.rate_admin_per_minute, self.concurrent_admin),
        };
        ClassLimits { per_minute, at_once }
    }
}
