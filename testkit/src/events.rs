//! A client of Server-Sent Events over real HTTP.

use awc::{ClientResponse, http::StatusCode};
use futures_util::StreamExt;
use serde_json::Value;
use std::time::Duration;

/// How long a part of a stream may take before the test fails. Nothing takes that long when all is well.
const PATIENCE: Duration = Duration::from_secs(30);

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamEvent {
    /// Its type.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Its data, as JSON.
    pub data: Value,
}

/// What stands between two empty lines.
#[derive(Debug)]
enum Block {
    Event(StreamEvent),
    Comment,
    Other,
}

/// A stream of events. Dropping it closes its connection.
pub struct EventStream {
    response: ClientResponse,
    buffer: String,
}

impl EventStream {
    pub(crate) fn new(response: ClientResponse) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        Self { response, buffer: String::new() }
    }

    /// A header of the answer; empty where it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The next event; `None` at the stream's end, however it ends.
    ///
    /// # Panics
    /// When nothing comes for half a minute, or what comes is no event stream.
    pub async fn next(&mut self) -> Option<StreamEvent> {
        loop {
            if let Block::Event(event) = self.block().await? {
                return Some(event);
            }
        }
    }

    /// Waits for a sign of life. Events before it are passed over.
    ///
    /// # Panics
    /// As [`Self::next`], and when the stream ends.
    pub async fn heartbeat(&mut self) {
        while !matches!(self.block().await.expect("the stream goes on"), Block::Comment) {}
    }

    async fn block(&mut self) -> Option<Block> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let block = read(block);
                self.buffer = rest.to_owned();
                return Some(block);
            }
            let part = tokio::time::timeout(PATIENCE, self.response.next());
            let part = part.await.expect("a part of the stream comes in time")?.ok()?;
            self.buffer.push_str(std::str::from_utf8(&part).expect("events are written whole"));
        }
    }
}

fn read(block: &str) -> Block {
    let field = |name: &str| {
        block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
    };
    if block.starts_with(':') {
        return Block::Comment;
    }
    match field("event") {
        "" => Block::Other,
        name => Block::Event(StreamEvent {
            name: name.to_owned(),
            id: field("id").to_owned(),
            data: serde_json::from_str(field("data")).expect("the data is JSON"),
        }),
    }
}
