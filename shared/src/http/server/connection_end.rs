//! The end of a client's connection, for work that nobody else would miss.

use tokio_util::sync::CancellationToken;

/// Tells when the client has closed its connection, or its sending half, or the connection broke: data of the connection,
/// [`conn_data`](actix_web::HttpRequest::conn_data). The default never ends.
///
/// A writing request is handled to its end even then; with this it can give up what it only waits for. A client that
/// closes its sending half could still read an answer, but no common client does that, and TCP does not tell the two
/// apart.
#[derive(Debug, Clone, Default)]
pub struct ConnectionEnd(CancellationToken);

impl ConnectionEnd {
    /// Waits for the end; returns at once after it.
    pub async fn ended(&self) {
        self.0.cancelled().await;
    }

    /// Tells all clones.
    pub fn tell(&self) {
        self.0.cancel();
    }
}
