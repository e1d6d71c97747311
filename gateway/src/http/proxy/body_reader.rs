//! Reads the body of an answer from its connection, part by part, and gives the connection back at its end.

use super::{
    answer_head::AnswerFraming,
    connection::{ConnectionPool, UpstreamConnection},
};
use actix_web::web::{Bytes, BytesMut};
use std::{io, net::SocketAddr};

/// Bytes of a chunk's size line, and of all trailers, at most.
const LONGEST_LINE: usize = 8 * 1024;

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// So many bytes, and no more.
    Bytes(u64),
    /// Bytes until the connection ends.
    UntilClose,
    /// The line with the size of a chunk.
    ChunkSize,
    /// So many bytes of a chunk.
    Chunk(u64),
    /// The end of the line behind a chunk.
    ChunkEnd,
    /// Trailers, and the empty line behind them.
    Trailers,
    /// Nothing.
    End,
}

/// A step of reading.
enum Step {
    Part(Bytes),
    /// More must be read first.
    More,
    End,
}

/// See the module.
pub(super) struct BodyReader {
    connection: Option<UpstreamConnection>,
    expected: Expected,
    /// Where the connection goes at the end of the body; `None` where it is closed.
    kept: Option<(ConnectionPool, SocketAddr)>,
}

impl BodyReader {
    /// A reader of a body whose head was just read. `kept` is the pool, if the connection takes another request.
    pub(super) fn new(
        connection: UpstreamConnection,
        framing: AnswerFraming,
        kept: Option<(ConnectionPool, SocketAddr)>,
    ) -> Self {
        let expected = match framing {
            AnswerFraming::None | AnswerFraming::Length(0) => Expected::End,
            AnswerFraming::Length(length) => Expected::Bytes(length),
            AnswerFraming::Chunked => Expected::ChunkSize,
            AnswerFraming::UntilClose => Expected::UntilClose,
        };
        let mut reader = Self { connection: Some(connection), expected, kept };
        if expected == Expected::End {
            reader.end();
        }
        reader
    }

    /// The whole body, where its last byte has come with the head: most answers are small.
    pub(super) fn whole(&mut self) -> Option<Bytes> {
        let connection = self.connection.as_mut();
        match self.expected {
            Expected::End => Some(Bytes::new()),
            Expected::Bytes(length) => {
                let buffer = &mut connection?.buffer;
                let length = usize::try_from(length).ok().filter(|length| *length <= buffer.len())?;
                let body = buffer.split_to(length).freeze();
                self.end();
                Some(body)
            }
            _ => None,
        }
    }

    /// The next part; `None` at the end.
    ///
    /// # Errors
    /// Those of the connection; `UnexpectedEof` and `InvalidData` where the body is not complete or not valid.
    pub(super) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            let Some(connection) = &mut self.connection else { return Ok(None) };
            match step(&mut self.expected, &mut connection.buffer)? {
                Step::Part(part) => {
                    if self.expected == Expected::End {
                        self.end();
                    }
                    return Ok(Some(part));
                }
                Step::End => {
                    self.end();
                    return Ok(None);
                }
                Step::More if connection.read_more().await? => {}
                Step::More if self.expected == Expected::UntilClose => {
                    self.connection = None;
                    return Ok(None);
                }
                Step::More => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    fn end(&mut self) {
        self.expected = Expected::End;
        if let (Some(connection), Some((pool, socket))) = (self.connection.take(), self.kept.take()) {
            pool.keep(socket, connection);
        }
    }
}

/// Takes what it can out of the buffer.
fn step(expected: &mut Expected, buffer: &mut BytesMut) -> io::Result<Step> {
    loop {
        match *expected {
            Expected::End => return Ok(Step::End),
            Expected::UntilClose if buffer.is_empty() => return Ok(Step::More),
            Expected::UntilClose => return Ok(Step::Part(buffer.split().freeze())),
            Expected::Bytes(_) | Expected::Chunk(_) if buffer.is_empty() => return Ok(Step::More),
            Expected::Bytes(left) => {
                let (part, left) = part(buffer, left);
                *expected = if left == 0 { Expected::End } else { Expected::Bytes(left) };
                return Ok(Step::Part(part));
            }
            Expected::Chunk(left) => {
                let (part, left) = part(buffer, left);
                *expected = if left == 0 { Expected::ChunkEnd } else { Expected::Chunk(left) };
                return Ok(Step::Part(part));
            }
            Expected::ChunkSize => {
                let Some(line) = line(buffer)? else { return Ok(Step::More) };
                let size = chunk_size(&line).ok_or(io::ErrorKind::InvalidData)?;
                *expected = if size == 0 { Expected::Trailers } else { Expected::Chunk(size) };
            }
            Expected::ChunkEnd => {
                let Some(line) = line(buffer)? else { return Ok(Step::More) };
                if !line.is_empty() {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                *expected = Expected::ChunkSize;
            }
            Expected::Trailers => {
                let Some(line) = line(buffer)? else { return Ok(Step::More) };
                if line.is_empty() {
                    *expected = Expected::End;
                }
            }
        }
    }
}

/// As many of the bytes that are left as the buffer has, and how many are left then.
fn part(buffer: &mut BytesMut, left: u64) -> (Bytes, u64) {
    let taken = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
    (buffer.split_to(taken).freeze(), left - taken as u64)
}

/// The next line, without its end; `None` where it is not complete.
fn line(buffer: &mut BytesMut) -> io::Result<Option<Bytes>> {
    let Some(end) = buffer.iter().take(LONGEST_LINE).position(|byte| *byte == b'\n') else {
        return if buffer.len() < LONGEST_LINE { Ok(None) } else { Err(io::ErrorKind::InvalidData.into()) };
    };
    let line = buffer.split_to(end + 1).freeze();
    match line.strip_suffix(b"\r\n") {
        Some(text) => Ok(Some(line.slice_ref(text))),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// The size of a chunk; extensions behind it are passed over.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?.trim_ascii();
    let is_hex = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    u64::from_str_radix(str::from_utf8(digits).ok().filter(|_| is_hex)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a reader makes of bytes that come in these pieces, and what it leaves.
    fn read(mut expected: Expected, pieces: &[&[u8]]) -> io::Result<(Vec<u8>, Expected, Vec<u8>)> {
        let (mut buffer, mut body) = (BytesMut::new(), Vec::new());
        for piece in pieces {
            buffer.extend_from_slice(piece);
            while let Step::Part(part) = step(&mut expected, &mut buffer)? {
                body.extend_from_slice(&part);
            }
        }
        Ok((body, expected, buffer.to_vec()))
    }

    #[test]
    fn a_body_ends_where_it_says() {
        let (body, expected, rest) = read(Expected::Bytes(5), &[b"hel", b"lo, next"]).unwrap();
        assert_eq!(
            (body.as_slice(), expected, rest.as_slice()),
            (&b"hello"[..], Expected::End, &b", next"[..])
        );
        let (body, expected, _) = read(Expected::UntilClose, &[b"hel", b"lo"]).unwrap();
        assert_eq!((body.as_slice(), expected), (&b"hello"[..], Expected::UntilClose));
    }

    const CHUNKS: &[u8] = b"3\r\nhel\r\nA;x=\"y\"\r\nlo, worlds\r\n0\r\ntrailer: 1\r\n\r\nHTTP";

    #[test]
    fn what_is_no_chunk_is_an_error() {
        for junk in [
            &b"\r\n"[..],
            b"x\r\n",
            b"-1\r\n",
            b"+1\r\nx\r\n",
            b"0x1\r\nx\r\n",
            b"1\nx\r\n",
            b"1\r\nxy\r\n",
            b"10000000000000000\r\n",
            &[b'1'; LONGEST_LINE],
        ] {
            let read = read(Expected::ChunkSize, &[junk]);
            assert_eq!(read.err().map(|error| error.kind()), Some(io::ErrorKind::InvalidData), "{junk:?}");
        }
    }

    proptest! {
        #[test]
        fn chunks_are_the_same_in_whatever_pieces_they_come(at in proptest::collection::vec(0..CHUNKS.len(), 0..5)) {
            let mut at = at;
            at.extend([0, CHUNKS.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &CHUNKS[pair[0]..pair[1]]).collect();
            let (body, expected, rest) = read(Expected::ChunkSize, &pieces).unwrap();
            prop_assert_eq!((body.as_slice(), expected), (&b"hello, worlds"[..], Expected::End));
            prop_assert_eq!(rest.as_slice(), &b"HTTP"[..]);
        }
    }
}
