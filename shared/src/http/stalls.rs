//! Connections whose other end takes nothing any more.

use actix_web::{dev::Extensions, rt::net::TcpStream};
use socket2::SockRef;
use std::{any::Any, time::Duration};

/// How long what was sent may stay unacknowledged, or the other end's window closed.
const STALL: Duration = Duration::from_secs(20);

/// For `HttpServer::on_connect`: has the system cut a connection that took nothing of what was sent for
/// 20 seconds. Without it a client that never reads would keep its connection, and a stream's place,
/// for ever, because the server waits for it to become writable.
pub fn bound_stalls(connection: &dyn Any, _: &mut Extensions) {
    if let Some(stream) = connection.downcast_ref::<TcpStream>()
        && let Err(error) = SockRef::from(stream).set_tcp_user_timeout(Some(STALL))
    {
        tracing::debug!(%error, "A connection has no bound on stalls");
    }
}
