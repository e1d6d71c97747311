//! Log lines that anybody could write.
//!
//! actix-http writes an ERROR for each request that it cannot parse, so a few bytes sent to the port would make a line,
//! without bound. Such requests are counted instead, in `http_malformed_requests_total` (`http/server/refusal.rs`).

use std::fmt::{self, Write};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

/// What actix-http's line of a malformed request begins with. The fault lines of the same module begin otherwise.
const MALFORMED: &str = "stream error: ";
const TARGET: &str = "actix_http::h1::dispatcher";

/// A layer that keeps these lines from all others.
pub(super) struct WithoutMalformedRequests;

impl<S: Subscriber> Layer<S> for WithoutMalformedRequests {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() != Level::ERROR || metadata.target() != TARGET {
            return true;
        }
        let mut message = MessageText(String::new());
        event.record(&mut message);
        !message.0.starts_with(MALFORMED)
    }
}

/// The text of an event.
struct MessageText(String);

impl Visit for MessageText {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // Writing to a String does not fail.
            let _ = write!(self.0, "{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io,
        sync::{Arc, Mutex},
    };
    use tracing_subscriber::{Registry, fmt, layer::SubscriberExt};

    #[derive(Clone, Default)]
    struct WrittenLines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for WrittenLines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn malformed_requests_write_no_line_and_faults_do() {
        let written = WrittenLines::default();
        let writer = written.clone();
        let layer = fmt::layer().with_writer(move || writer.clone());
        let subscriber = Registry::default().with(WithoutMalformedRequests).with(layer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(target: TARGET, "stream error: {}", "Invalid Header provided");
            tracing::error!(target: TARGET, "Response payload stream error: gone");
            tracing::error!(target: "booking", "stream error: ours");
        });
        let lines = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(!lines.contains("Invalid Header"), "{lines}");
        assert!(lines.contains("Response payload stream error: gone") && lines.contains("ours"), "{lines}");
    }
}
