//! The client of a request: what its network is, for limits that are its own.
//!
//! Set where a request may come to wait among others, and found in the request's own task. Messages to actors do not
//! carry it.

use shared::http::network_of;
use std::net::{IpAddr, Ipv4Addr};

tokio::task_local! {
    static CURRENT: IpAddr;
}

/// Runs what is done for a request of a client with this address.
pub(crate) async fn scope<T>(address: IpAddr, work: impl Future<Output = T>) -> T {
    CURRENT.scope(network_of(address), work).await
}

/// The network of the present request's client. Work of our own has an address that no client has.
pub(crate) fn network() -> IpAddr {
    CURRENT.try_with(|network| *network).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}
