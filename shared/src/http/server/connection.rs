//! A client's connection: what the server writes bare to say that it cannot parse a request leaves as a problem.

use super::{ConnectionEnd, refusal::Bare, request_line::RequestLine};
use actix_web::rt::net::TcpStream;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    runtime::Handle,
    time::timeout,
};

/// How long a refused connection is read on, and how many bytes: a client that sends 10 MB of headers gets its answer.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 16 << 20;

/// See the module.
pub(super) struct ClientConnection {
    /// `None` once the end is left to [`linger`].
    stream: Option<TcpStream>,
    line: RequestLine,
    /// After a refusal: what of it is still to be written. The server writes nothing more then.
    refusal: Option<Vec<u8>>,
    end: ConnectionEnd,
}

impl ClientConnection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream: Some(stream),
            line: RequestLine::default(),
            refusal: None,
            end: ConnectionEnd::default(),
        }
    }

    /// What the requests of the connection learn of its end by.
    pub(super) fn end(&self) -> ConnectionEnd {
        self.end.clone()
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Writes what is left of a refusal.
    fn poll_refusal(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let (Some(left), Some(stream)) = (&mut self.refusal, &mut self.stream)
            && !left.is_empty()
        {
            let written = ready!(Pin::new(stream).poll_write(context, left))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            left.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for ClientConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(self.stream()?.poll_read(context, buffer));
        if read.is_err() || (buffer.filled().len() == before && buffer.remaining() > 0) {
            self.end.tell();
        }
        read?;
        self.line.read(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.refusal.is_some() {
            // Nothing follows a refusal.
            return Poll::Ready(Ok(bytes.len()));
        }
        let Some(bare) = Bare::find(bytes) else {
            self.line = RequestLine::default();
            return self.stream()?.poll_write(context, bytes);
        };
        let mut refusal = bytes[..bare.begins].to_vec();
        refusal.extend_from_slice(bare.problem(&self.line).as_bytes());
        self.refusal = Some(refusal);
        // What does not leave at once is kept, so to the server all is written.
        match self.poll_refusal(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_refusal(context))?;
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_refusal(context))?;
        self.stream()?.poll_shutdown(context)
    }
}

impl Drop for ClientConnection {
    /// The server drops a connection as soon as it has refused it. A client that is still sending would then get
    /// a reset, which discards the answer on its way; so the connection is read on for a moment.
    fn drop(&mut self) {
        self.end.tell();
        if let (Some(refusal), Some(stream)) = (self.refusal.take(), self.stream.take())
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(timeout(LINGER, linger(stream, refusal)));
        }
    }
}

/// Says what is left to say, and reads until the client has ended, too.
async fn linger(mut stream: TcpStream, refusal: Vec<u8>) -> io::Result<()> {
    stream.write_all(&refusal).await?;
    stream.shutdown().await?;
    let mut rest = stream.take(LINGER_BYTES);
    let mut junk = [0; 4096];
    while rest.read(&mut junk).await? > 0 {}
    Ok(())
}
