//! Connections to instances of services, and those that wait for the next request.

use actix_web::web::BytesMut;
use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    io,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// How long an idle connection is kept. Services close idle ones after 5 seconds at least, so a request never
/// takes a connection that its service is just closing.
const IDLE: Duration = Duration::from_secs(3);
/// How often connections to all instances are looked over.
const PRUNING: Duration = Duration::from_secs(1);
/// Bytes that are read at once at least.
const READ_AHEAD: usize = 8 * 1024;

/// A connection to an instance.
pub(super) struct UpstreamConnection {
    stream: TcpStream,
    /// What was read and not yet used.
    pub(super) buffer: BytesMut,
}

impl UpstreamConnection {
    async fn open(socket: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(socket).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: BytesMut::new() })
    }

    /// Sends bytes.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Reads more into the buffer; returns whether the connection is still open.
    pub(super) async fn read_more(&mut self) -> io::Result<bool> {
        self.buffer.reserve(READ_AHEAD);
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }

    /// Whether it can take a request: the other side has neither closed it nor sent what nobody asked for.
    fn is_usable(&self) -> bool {
        let mut byte = [0];
        self.buffer.is_empty()
            && matches!(self.stream.try_read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// The idle connections of one thread. Clones share them.
#[derive(Clone, Default)]
pub(super) struct ConnectionPool(Rc<IdleConnections>);

#[derive(Default)]
struct IdleConnections {
    /// By instance, the one that was used last at the end.
    idle: RefCell<HashMap<SocketAddr, VecDeque<(Instant, UpstreamConnection)>>>,
    pruned: Cell<Option<Instant>>,
}

impl ConnectionPool {
    /// An idle connection to an instance, else a new one.
    pub(super) async fn connect(&self, socket: SocketAddr) -> io::Result<UpstreamConnection> {
        match self.take(socket) {
            Some(connection) => Ok(connection),
            None => UpstreamConnection::open(socket).await,
        }
    }

    /// The connection that was used last is the least likely to be closed meanwhile.
    fn take(&self, socket: SocketAddr) -> Option<UpstreamConnection> {
        let mut idle = self.0.idle.borrow_mut();
        let connections = idle.get_mut(&socket)?;
        while let Some((since, connection)) = connections.pop_back() {
            if since.elapsed() < IDLE && connection.is_usable() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(super) fn keep(&self, socket: SocketAddr, connection: UpstreamConnection) {
        if !connection.buffer.is_empty() {
            return;
        }
        let now = Instant::now();
        self.prune(now);
        self.0.idle.borrow_mut().entry(socket).or_default().push_back((now, connection));
    }

    /// Closes what has been idle for too long, also of instances that have gone.
    fn prune(&self, now: Instant) {
        if self.0.pruned.get().is_some_and(|pruned| now - pruned < PRUNING) {
            return;
        }
        self.0.pruned.set(Some(now));
        self.0.idle.borrow_mut().retain(|_, connections| {
            while connections.front().is_some_and(|(since, _)| now - *since >= IDLE) {
                connections.pop_front();
            }
            !connections.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = listener.local_addr().unwrap();
        (listener, socket)
    }

    #[actix_web::test]
    async fn a_connection_is_used_again_until_the_other_side_closes_it() {
        let (listener, socket) = listener().await;
        let pool = ConnectionPool::default();
        let first = pool.connect(socket).await.unwrap();
        let (served, _) = listener.accept().await.unwrap();
        let port = first.stream.local_addr().unwrap();
        pool.keep(socket, first);
        let again = pool.connect(socket).await.unwrap();
        assert_eq!(again.stream.local_addr().unwrap(), port);
        pool.keep(socket, again);
        drop(served);
        // The end of the connection is seen when the thread looks at its sockets.
        let idle = pool.take(socket);
        if let Some(mut idle) = idle {
            assert!(!idle.read_more().await.unwrap());
            pool.keep(socket, idle);
        }
        let new = pool.connect(socket).await.unwrap();
        assert_ne!(new.stream.local_addr().unwrap(), port);
    }

    #[actix_web::test]
    async fn a_connection_with_an_unasked_answer_or_a_long_rest_is_not_used_again() {
        let (_listener, socket) = listener().await;
        let pool = ConnectionPool::default();
        let mut odd = pool.connect(socket).await.unwrap();
        odd.buffer.extend_from_slice(b"HTTP/1.1 200 OK");
        pool.keep(socket, odd);
        assert!(pool.0.idle.borrow().is_empty());
        let rested = pool.connect(socket).await.unwrap();
        let long_ago = Instant::now().checked_sub(IDLE).unwrap();
        pool.0.idle.borrow_mut().entry(socket).or_default().push_back((long_ago, rested));
        assert!(pool.take(socket).is_none());
        let rested = pool.connect(socket).await.unwrap();
        pool.0.idle.borrow_mut().entry(socket).or_default().push_back((long_ago, rested));
        pool.prune(Instant::now());
        assert!(pool.0.idle.borrow().is_empty(), "an instance that nobody asks keeps no connection");
    }
}
