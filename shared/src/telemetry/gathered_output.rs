//! Where log lines go: a stream on which the lines of the access log are gathered. A write for each of them would cost a
//! tenth of what the gateway spends on a request.
//!
//! Invariant: lines leave in the order in which they were written. Lines of other targets leave at once, behind those
//! that were gathered; gathered ones wait for a tenth of a second at most. What is gathered is lost when the process is
//! killed.

use std::{
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// The target of the lines that are gathered.
const GATHERED: &str = "access";
/// Bytes that leave at once when so many are gathered.
const MOST: usize = 32 * 1024;
/// How long lines wait at most.
const WAIT: Duration = Duration::from_millis(100);

/// The lines that wait, and the stream.
struct GatheredLines<W> {
    lines: Vec<u8>,
    stream: W,
}

impl<W: Write> GatheredLines<W> {
    fn flush(&mut self) -> io::Result<()> {
        // A stream that takes nothing any more must not fill the memory.
        let written = self.stream.write_all(&self.lines);
        self.lines.clear();
        written
    }
}

struct SharedLines<W> {
    gathered: Mutex<GatheredLines<W>>,
    /// Told when the first line waits.
    waiting: Condvar,
}

impl<W: Write> SharedLines<W> {
    // A poisoned lock is safe to use: a line may be cut short.
    fn lock(&self) -> MutexGuard<'_, GatheredLines<W>> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, line: &[u8], gathers: bool) -> io::Result<()> {
        let mut gathered = self.lock();
        if !gathers {
            gathered.flush()?;
            return gathered.stream.write_all(line);
        }
        let is_first = gathered.lines.is_empty();
        gathered.lines.extend_from_slice(line);
        if gathered.lines.len() >= MOST {
            return gathered.flush();
        }
        if is_first {
            self.waiting.notify_one();
        }
        Ok(())
    }

    /// Writes what has waited for long enough, for ever.
    fn keep_flushing(&self) {
        loop {
            let gathered = self.lock();
            drop(self.waiting.wait_while(gathered, |gathered| gathered.lines.is_empty()));
            thread::sleep(WAIT);
            // Nobody can be told that the log is gone.
            let _ = self.lock().flush();
        }
    }
}

/// See the module. Clones share the stream.
pub(super) struct GatheredOutput<W>(Arc<SharedLines<W>>);

impl<W: Write + Send + 'static> GatheredOutput<W> {
    /// Over a stream. A thread of its own ends the waiting of lines.
    pub(super) fn start(stream: W) -> Self {
        let gathered = Mutex::new(GatheredLines { lines: Vec::with_capacity(MOST + 4096), stream });
        let shared = Arc::new(SharedLines { gathered, waiting: Condvar::new() });
        let flushed = Arc::clone(&shared);
        let _ = thread::Builder::new().name("log".to_owned()).spawn(move || flushed.keep_flushing());
        Self(shared)
    }
}

impl<'a, W: Write + 'static> MakeWriter<'a> for GatheredOutput<W> {
    type Writer = LineOutput<'a, W>;

    fn make_writer(&'a self) -> Self::Writer {
        LineOutput { shared: &self.0, gathers: false }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        LineOutput { shared: &self.0, gathers: metadata.target() == GATHERED }
    }
}

/// Takes one line.
pub(super) struct LineOutput<'a, W> {
    shared: &'a SharedLines<W>,
    gathers: bool,
}

impl<W: Write> Write for LineOutput<'_, W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.shared.write(line, self.gathers)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// Tells what is written to it.
    struct Told(mpsc::Sender<String>);

    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !bytes.is_empty() {
                self.0.send(String::from_utf8(bytes.to_vec()).unwrap()).unwrap();
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_of_the_access_log_leave_together_and_in_order() {
        let (told, written) = mpsc::channel();
        let output = GatheredOutput::start(Told(told));
        let subscriber = tracing_subscriber::fmt().without_time().with_level(false).with_target(false);
        let subscriber = subscriber.with_ansi(false).with_writer(output).finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "access", "one");
            tracing::info!(target: "access", "two");
            tracing::info!("three");
            assert_eq!(written.recv().unwrap(), "one\ntwo\n");
            assert_eq!(written.recv().unwrap(), "three\n");
            // Without another line they leave after a while, or when they are many.
            tracing::info!(target: "access", "four");
            assert_eq!(written.recv().unwrap(), "four\n");
            let line = "x".repeat(MOST);
            tracing::info!(target: "access", "{line}");
            assert_eq!(written.recv().unwrap().len(), MOST + 1);
        });
    }
}
