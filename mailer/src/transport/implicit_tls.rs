//! TLS from the first byte of a connection.
//!
//! lettre connects such a socket itself and leaves Nagle's algorithm on: the end of each mail then waits some 40 ms for
//! the acknowledgement of the mail. So the socket is ours, and lettre speaks over the encrypted stream.

use lettre::transport::smtp::client::AsyncTokioStream;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, InvalidDnsNameError, ServerName},
};
use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Why TLS cannot be set up for a host.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImplicitTlsError {
    /// Its name is none.
    #[error("the host's name is not valid")]
    Name(#[from] InvalidDnsNameError),
    /// A certificate of an authority is none.
    #[error("a certificate cannot be used")]
    Certificate(#[from] rustls::Error),
}

/// How a host is connected to.
#[derive(Clone)]
pub(super) struct ImplicitTls {
    connector: TlsConnector,
    host: ServerName<'static>,
}

impl ImplicitTls {
    /// For a host whose certificate one of these authorities has signed, or one that browsers trust.
    pub(super) fn new(
        host: String,
        authorities: &[CertificateDer<'static>],
    ) -> Result<Self, ImplicitTlsError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for authority in authorities {
            roots.add(authority.clone())?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), host: host.try_into()? })
    }

    /// Encrypts a connection.
    pub(super) async fn encrypt(&self, stream: TcpStream) -> io::Result<EncryptedStream> {
        Ok(EncryptedStream(self.connector.connect(self.host.clone(), stream).await?))
    }
}

/// An encrypted connection.
#[derive(Debug)]
pub(super) struct EncryptedStream(TlsStream<TcpStream>);

impl AsyncTokioStream for EncryptedStream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

impl AsyncRead for EncryptedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for EncryptedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
