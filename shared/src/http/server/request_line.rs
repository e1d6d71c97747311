//! The length of the request line that is being read.

/// The longest target that the HTTP parser takes, bytes.
const LONGEST: usize = 65_534;

/// The first line since the last answer. It tells a target that is too long from other requests that cannot be
/// parsed, of which the parser says the same.
#[derive(Debug, Default)]
pub(super) struct RequestLine {
    length: usize,
    /// As much of its beginning as tells a HEAD.
    start: [u8; 5],
    complete: bool,
}

impl RequestLine {
    /// These bytes were read.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        if self.complete {
            return;
        }
        // Empty lines may stand before a request (RFC 9112, 2.2).
        let skipped = match self.length {
            0 => bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count(),
            _ => 0,
        };
        let bytes = &bytes[skipped..];
        let end = memchr::memchr(b'\n', bytes);
        let line = &bytes[..end.unwrap_or(bytes.len())];
        if let Some(room) = self.start.get_mut(self.length..) {
            let copied = room.len().min(line.len());
            room[..copied].copy_from_slice(&line[..copied]);
        }
        self.length += line.len();
        self.complete = end.is_some();
    }

    /// Whether its target is longer than the parser takes.
    pub(super) fn is_too_long(&self) -> bool {
        self.length > LONGEST
    }

    /// Whether an answer to it has no body.
    pub(super) fn is_head(&self) -> bool {
        &self.start == b"HEAD "
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_measured_in_whatever_pieces_it_comes() {
        let target = "x".repeat(LONGEST);
        let whole = format!("\r\n\r\nHEAD /{target} HTTP/1.1\r\nhost: x\r\n\r\n");
        for piece in [1, 3, 1000, whole.len()] {
            let mut line = RequestLine::default();
            whole.as_bytes().chunks(piece).for_each(|piece| line.read(piece));
            assert!(line.is_head() && line.is_too_long(), "{piece}");
            assert_eq!(line.length, "HEAD / HTTP/1.1\r".len() + LONGEST, "{piece}");
        }
        let mut line = RequestLine::default();
        line.read(b"GET / HTTP/1.1\r\nx: ");
        line.read(target.repeat(2).as_bytes());
        assert!(!line.is_head() && !line.is_too_long());
    }
}
