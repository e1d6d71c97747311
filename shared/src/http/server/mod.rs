//! The HTTP server of a service.
//!
//! actix-web's own `HttpServer` answers what it cannot parse with a bare status, and lets nobody in between. Here its
//! parts are put together with a connection of ours ([`ClientConnection`]), which makes problems of these answers.

mod connection;
mod connection_end;
mod refusal;
mod request_line;

use crate::threads::{self, Priority};
use actix_http::{HttpService, Protocol, Request, Response, error::DispatchError};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::{
    Error,
    body::MessageBody,
    dev::{AppConfig, Server, ServerHandle},
    rt::net::TcpStream,
};
use connection::ClientConnection;
pub use connection_end::ConnectionEnd;
use socket2::{Domain, Protocol as Transport, SockRef, Socket, Type};
use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// How long what was sent may stay unacknowledged, or the other end's window closed. Without it a client that
/// never reads would keep its connection, and a stream's place, for ever, because the server waits for it to
/// become writable.
const STALL: Duration = Duration::from_secs(20);

/// How long a connection that ends may take to take what was written.
const DISCONNECT: Duration = Duration::from_secs(1);

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// How a service's server behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerSettings {
    /// The service: the prefix of its threads' names.
    pub(crate) service: &'static str,
    /// Where it listens; port 0 takes a free one.
    pub(crate) address: SocketAddr,
    /// Threads that serve.
    pub(crate) workers: usize,
    /// How long a client may take to send its headers.
    pub(crate) request_head: Duration,
    /// How long a connection may stay idle.
    pub(crate) keep_alive: Duration,
}

impl ServerSettings {
    /// For a service behind the gateway, which keeps no connection idle for longer than 3 seconds.
    #[must_use]
    pub(crate) fn behind_gateway(service: &'static str, address: SocketAddr, workers: usize) -> Self {
        let five_seconds = Duration::from_secs(5);
        Self { service, address, workers, request_head: five_seconds, keep_alive: five_seconds }
    }
}

/// Binds, and serves an application on the present arbiter; gives the bound address. `app` makes the application of
/// each thread.
///
/// # Errors
/// Those of binding.
pub(crate) fn serve<F, I, S, B>(settings: ServerSettings, app: F) -> io::Result<(SocketAddr, ServerHandle)>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let listener = listen(settings.address)?;
    let address = listener.local_addr()?;
    let builder = Server::build().workers(settings.workers).disable_signals();
    let shutdown = builder.graceful_shutdown_signal();
    let (prefix, started) = (threads::prefix(settings.service), Arc::new(AtomicUsize::new(0)));
    // Called once by each thread of the server.
    let builder = builder.listen("http", listener, move || {
        let number = started.fetch_add(1, Ordering::Relaxed);
        threads::enter(&format!("{prefix}-http-{number}"), Priority::Requests);
        let shutdown = shutdown.clone();
        let app = app().into_factory().map_err(|error| error.into().error_response());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let shutdown = shutdown.clone();
                async move { shutdown.notified().await }
            })
            .keep_alive(settings.keep_alive)
            .client_request_timeout(settings.request_head)
            .client_disconnect_timeout(DISCONNECT)
            .local_addr(address)
            .on_connect_ext(|connection: &ClientConnection, data| drop(data.insert(connection.end())))
            .finish(map_config(app, |()| AppConfig::default()));
        fn_service(accept).and_then(http)
    })?;
    let server = builder.run();
    let handle = server.handle();
    actix_rt::spawn(server);
    Ok((address, handle))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Transport::TCP))?;
    // A service that starts again need not wait for the connections of the one before.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A connection, just accepted.
async fn accept(
    stream: TcpStream,
) -> Result<(ClientConnection, Protocol, Option<SocketAddr>), DispatchError> {
    let socket = SockRef::from(&stream);
    let bounded = socket.set_tcp_nodelay(true).and_then(|()| socket.set_tcp_user_timeout(Some(STALL)));
    if let Err(error) = bounded {
        tracing::debug!(%error, "A connection has no bound on stalls");
    }
    let peer = stream.peer_addr().ok();
    Ok((ClientConnection::new(stream), Protocol::Http1, peer))
}
