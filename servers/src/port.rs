//! Free ports on the loopback address.

use std::net::{Ipv4Addr, TcpListener};

use rand::RngExt;

/// A port that nothing listens on at this moment; somebody else may take it before it is used, so starters try again.
///
/// Ports come from below the range that systems use for outgoing connections (Linux from 32768, macOS from 49152). A
/// server that restarts would else find its port taken by somebody's outgoing connection, and a client that knocks at a
/// closed port inside that range can even connect to itself.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = rand::rng().random_range(20_000..32_000);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
