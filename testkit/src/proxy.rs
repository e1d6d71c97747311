//! A TCP proxy in front of the broker, which can be cut, reopened and stalled without the broker that
//! other tests use.

use std::sync::Arc;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// What the proxy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Connections break, new ones too.
    Cut,
    /// Connections stay, and nothing that the broker says gets through.
    Stalled,
    /// Connections stay, and nothing that clients say gets through.
    Unheard,
}

/// A proxy, alive as long as its runtime.
pub struct BrokerProxy {
    url: String,
    state: Arc<watch::Sender<State>>,
}

impl BrokerProxy {
    /// A proxy to the broker of the tests, open or cut.
    ///
    /// # Panics
    /// Outside of `./dev test`.
    pub async fn start(open: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut url: url::Url = crate::amqp_url().parse().expect("the URL of the tests");
        let broker = format!("{}:{}", url.host_str().expect("a host"), url.port().unwrap_or(5672));
        let port = listener.local_addr().expect("an address").port();
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(port)).expect("a port");
        let state = Arc::new(watch::Sender::new(if open { State::Open } else { State::Cut }));
        tokio::spawn(accept(listener, broker, state.clone()));
        Self { url: url.into(), state }
    }

    /// Where clients connect to.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Breaks all connections, and those to come.
    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// Lets everything through.
    pub fn open(&self) {
        self.state.send_replace(State::Open);
    }

    /// Holds back what the broker says.
    pub fn stall(&self) {
        self.state.send_replace(State::Stalled);
    }

    /// Holds back what clients say: their acknowledgements too.
    pub fn stall_clients(&self) {
        self.state.send_replace(State::Unheard);
    }
}

async fn accept(listener: TcpListener, broker: String, state: Arc<watch::Sender<State>>) {
    while let Ok((client, _)) = listener.accept().await {
        if *state.borrow() != State::Cut {
            tokio::spawn(forward(client, broker.clone(), state.subscribe()));
        }
    }
}

async fn forward(client: TcpStream, broker: String, mut state: watch::Receiver<State>) {
    let broker = TcpStream::connect(broker).await.expect("the broker of the tests answers");
    let ((from_client, to_client), (from_broker, to_broker)) = (client.into_split(), broker.into_split());
    let gate = state.clone();
    tokio::select! {
        () = pump(from_client, to_broker, (gate.clone(), State::Unheard)) => {}
        () = pump(from_broker, to_client, (gate, State::Stalled)) => {}
        _ = state.wait_for(|state| *state == State::Cut) => {}
    }
}

/// Passes on what comes, but not in one state.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    (mut state, closed): (watch::Receiver<State>, State),
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if state.wait_for(|state| *state != closed).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
