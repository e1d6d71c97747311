//! A port that takes no connection and refuses none.

use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// A port whose queue of connections is full: the system drops what comes, as a firewall does.
pub struct UnansweredPort {
    address: SocketAddr,
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl UnansweredPort {
    /// Takes a port and fills its queue.
    ///
    /// # Panics
    /// When no port can be had, or its queue cannot be filled.
    pub async fn start() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a port");
        let address = socket.local_addr().expect("a bound socket has an address");
        // Linux takes one connection more than the backlog says.
        let listener = socket.listen(0).expect("a port that is ours");
        let queued = vec![TcpStream::connect(address).await.expect("a place in the queue")];
        Self { address, _listener: listener, _queued: queued }
    }

    /// Where it does not answer: `smtp://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }
}
