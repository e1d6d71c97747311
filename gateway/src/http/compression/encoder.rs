//! Bodies that are compressed as they pass.

use super::coding::Coding;
use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    web::Bytes,
};
use brotli::CompressorWriter;
use flate2::{Compression, write::GzEncoder};
use std::{
    error::Error,
    io::{self, Write},
    pin::Pin,
    task::{Context, Poll, ready},
};

/// 0-11; a cheap level. What it costs, and what it saves, stands in `docs/benchmarks.md`.
const BROTLI_QUALITY: u32 = 4;
/// The window of brotli is 2 to the power of this, bytes: most answers are smaller.
const BROTLI_WINDOW: u32 = 18;
/// Bytes that brotli collects before it compresses.
const BROTLI_BUFFER: usize = 16 * 1024;

/// An encoder that writes to memory. It is never flushed before the end.
enum Encoder {
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Gzip(GzEncoder<Vec<u8>>),
}

impl Encoder {
    fn new(coding: Coding) -> Self {
        let output = Vec::new();
        match coding {
            Coding::Brotli => {
                let writer = CompressorWriter::new(output, BROTLI_BUFFER, BROTLI_QUALITY, BROTLI_WINDOW);
                Self::Brotli(Box::new(writer))
            }
            Coding::Gzip => Self::Gzip(GzEncoder::new(output, Compression::fast())),
        }
    }

    /// Takes a part; gives what is compressed by now.
    fn push(&mut self, part: &[u8]) -> io::Result<Vec<u8>> {
        let output = match self {
            Self::Brotli(writer) => {
                writer.write_all(part)?;
                writer.get_mut()
            }
            Self::Gzip(writer) => {
                writer.write_all(part)?;
                writer.get_mut()
            }
        };
        Ok(std::mem::take(output))
    }

    /// The rest.
    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Brotli(writer) => Ok(writer.into_inner()),
            Self::Gzip(writer) => writer.finish(),
        }
    }
}

/// See the module. A search of 90 KB takes half a millisecond, so it is not handed to another thread.
pub(super) struct CompressedBody {
    body: BoxBody,
    /// `None` after the end.
    encoder: Option<Encoder>,
}

impl CompressedBody {
    pub(super) fn new(body: BoxBody, coding: Coding) -> Self {
        Self { body, encoder: Some(Encoder::new(coding)) }
    }
}

impl MessageBody for CompressedBody {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        while self.encoder.is_some() {
            let compressed = match ready!(Pin::new(&mut self.body).poll_next(context)) {
                Some(Ok(part)) => self.encoder.as_mut().map(|encoder| encoder.push(&part)),
                // The client sees that the end is missing.
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => self.encoder.take().map(Encoder::finish),
            };
            match compressed {
                Some(Ok(bytes)) if !bytes.is_empty() => return Poll::Ready(Some(Ok(bytes.into()))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                _ => {}
            }
        }
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::{self, BodyStream};
    use futures_util::stream;
    use std::io::Read;

    fn plain(coding: Coding, compressed: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        match coding {
            Coding::Brotli => brotli::Decompressor::new(compressed, 4096).read_to_end(&mut plain),
            Coding::Gzip => flate2::read::GzDecoder::new(compressed).read_to_end(&mut plain),
        }
        .unwrap();
        plain
    }

    #[actix_web::test]
    async fn what_is_decoded_is_what_was_encoded() {
        for coding in Coding::ALL {
            for (parts, length) in [(1, 1), (1, 2000), (7, 999), (40, 4096), (2, 300_000)] {
                let part = move |number: usize| -> Bytes {
                    (0..length).map(|at| u8::try_from((at * at / 7 + number) % 97).unwrap()).collect()
                };
                let whole: Vec<u8> = (0..parts).flat_map(part).collect();
                let pieces = stream::iter((0..parts).map(move |number| Ok::<_, io::Error>(part(number))));
                let body = BoxBody::new(BodyStream::new(pieces));
                let compressed = body::to_bytes(CompressedBody::new(body, coding)).await.unwrap();
                assert_eq!(plain(coding, &compressed), whole, "{coding:?} {parts} {length}");
            }
        }
    }

    #[actix_web::test]
    async fn a_body_that_breaks_off_has_no_end() {
        let parts = [Ok(Bytes::from(vec![b'x'; 5000])), Err(io::Error::other("gone"))];
        let body = BoxBody::new(BodyStream::new(stream::iter(parts)));
        assert!(body::to_bytes(CompressedBody::new(body, Coding::Gzip)).await.is_err());
    }
}
