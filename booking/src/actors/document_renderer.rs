//! Renders the documents of bookings on a thread of its own, below the priority of the threads that answer travellers.
//!
//! **Invariant.** No more documents wait or are rendered than there are places, so their memory and their wait are
//! bounded. A request beyond is refused at once, and a document whose request has reached its deadline is not rendered.

use actix::{Actor, Addr, Handler, Message, SyncArbiter, SyncContext};
use documents::{TicketDocument, TicketPdfFailure};
use shared::threads::{self, Priority};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};
use tokio::{sync::Semaphore, time::timeout_at};

/// The name of its thread.
const THREAD: &str = "bk-documents";

/// Documents that wait or are rendered at most. One takes some milliseconds, so the last place is served within the
/// time that a request has.
const PLACES: usize = 64;

/// A document of a booking as a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DocumentKind {
    /// The e-ticket, a PDF.
    Ticket,
    /// The flights, an iCalendar object.
    Calendar,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderFailure {
    /// Too many documents wait already, or for too long.
    #[error("too many documents wait to be rendered")]
    Overloaded,
    /// The ticket cannot be rendered: a fault of ours.
    #[error("a ticket cannot be rendered")]
    Ticket(#[from] TicketPdfFailure),
    /// Rendering panicked, or its thread has ended: a fault of ours.
    #[error("a document was not rendered: {0}")]
    Failed(&'static str),
}

/// What renders a document. Tests have their own.
type Render = dyn Fn(DocumentKind, &TicketDocument) -> Result<Vec<u8>, TicketPdfFailure> + Send + Sync;

/// Asks for a document.
#[derive(Message)]
#[rtype(result = "Result<Vec<u8>, RenderFailure>")]
struct RenderDocument {
    kind: DocumentKind,
    ticket: TicketDocument,
    /// After this nobody waits any longer.
    deadline: Instant,
}

/// The actor; it has no state of its own.
struct RenderingThread {
    render: Arc<Render>,
}

/// A cloneable handle of the renderer. Its thread ends with the last handle.
#[derive(Clone)]
pub(crate) struct DocumentRenderer {
    thread: Addr<RenderingThread>,
    places: Arc<Semaphore>,
}

impl DocumentRenderer {
    /// Starts its thread.
    pub(crate) fn start() -> Self {
        let render = |kind, ticket: &TicketDocument| match kind {
            DocumentKind::Ticket => documents::ticket_pdf(ticket),
            DocumentKind::Calendar => Ok(documents::calendar(ticket).into_bytes()),
        };
        Self::start_with(PLACES, Arc::new(render))
    }

    fn start_with(places: usize, render: Arc<Render>) -> Self {
        let make = move || {
            threads::enter(THREAD, Priority::Background);
            RenderingThread { render: Arc::clone(&render) }
        };
        Self { thread: SyncArbiter::start(1, make), places: Arc::new(Semaphore::new(places)) }
    }

    /// A document of a ticket, if it comes before the deadline.
    ///
    /// # Errors
    /// [`RenderFailure`].
    pub(crate) async fn render(
        &self,
        kind: DocumentKind,
        ticket: TicketDocument,
        deadline: Instant,
    ) -> Result<Vec<u8>, RenderFailure> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            count("refused");
            return Err(RenderFailure::Overloaded);
        };
        let asked = self.thread.send(RenderDocument { kind, ticket, deadline });
        // A task of its own holds the place until the thread is done with the document: a caller that gives up does not
        // take it out of the thread's queue.
        let asked = actix_web::rt::spawn(async move {
            let rendered = asked.await;
            drop(place);
            rendered
        });
        match timeout_at(deadline.into(), asked).await {
            Ok(Ok(Ok(rendered))) => rendered,
            Ok(_) => Err(RenderFailure::Failed("its thread has ended")),
            Err(_) => Err(RenderFailure::Overloaded),
        }
    }
}

impl Actor for RenderingThread {
    type Context = SyncContext<Self>;
}

impl Handler<RenderDocument> for RenderingThread {
    type Result = Result<Vec<u8>, RenderFailure>;

    fn handle(&mut self, asked: RenderDocument, _: &mut Self::Context) -> Self::Result {
        let begun = Instant::now();
        if begun >= asked.deadline {
            count("late");
            return Err(RenderFailure::Overloaded);
        }
        // A panic would end the thread's actor for good. It has no state that a panic could break.
        let rendered = catch_unwind(AssertUnwindSafe(|| (self.render)(asked.kind, &asked.ticket)));
        metrics::histogram!("aerobus_document_rendering_seconds").record(begun.elapsed().as_secs_f64());
        let rendered = match rendered {
            Ok(rendered) => rendered.map_err(RenderFailure::from),
            Err(_) => Err(RenderFailure::Failed("rendering panicked")),
        };
        count(if rendered.is_ok() { "rendered" } else { "failed" });
        rendered
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("aerobus_documents_total", "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use documents::samples;
    use std::{
        sync::{
            Mutex,
            atomic::{AtomicUsize, Ordering},
            mpsc,
        },
        time::Duration,
    };

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[actix_web::test]
    async fn documents_are_those_of_the_letters() {
        let (renderer, ticket) = (DocumentRenderer::start(), samples::round_trip());
        let pdf = renderer.render(DocumentKind::Ticket, ticket.clone(), later()).await.unwrap();
        assert_eq!(pdf, documents::ticket_pdf(&ticket).unwrap());
        let calendar = renderer.render(DocumentKind::Calendar, ticket.clone(), later()).await.unwrap();
        assert_eq!(calendar, documents::calendar(&ticket).into_bytes());
    }

    #[actix_web::test]
    async fn beyond_its_places_it_refuses_and_late_ones_are_not_rendered() {
        let (release, released) = mpsc::channel::<()>();
        let (started, mut begun) = tokio::sync::mpsc::unbounded_channel();
        let (released, rendered) = (Mutex::new(released), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&rendered);
        let render = move |_, _: &TicketDocument| {
            started.send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
            count.fetch_add(1, Ordering::Relaxed);
            Ok(Vec::new())
        };
        let renderer = DocumentRenderer::start_with(2, Arc::new(render));
        let ask = |deadline| {
            let renderer = renderer.clone();
            async move { renderer.render(DocumentKind::Ticket, samples::round_trip(), deadline).await }
        };
        let first = actix_web::rt::spawn(ask(later()));
        begun.recv().await.unwrap();
        // It gives up at once, and keeps its place until the thread has come to it.
        let late = ask(Instant::now()).await;
        assert!(matches!(late, Err(RenderFailure::Overloaded)), "{late:?}");
        let refused = ask(later()).await;
        assert!(matches!(refused, Err(RenderFailure::Overloaded)), "{refused:?}");
        assert_eq!(renderer.places.available_permits(), 0);
        release.send(()).unwrap();
        assert!(first.await.unwrap().is_ok());
        let places = renderer.places.acquire_many(2).await.unwrap();
        assert_eq!(rendered.load(Ordering::Relaxed), 1, "the late one was not rendered");
        drop(places);
        release.send(()).unwrap();
        assert!(ask(later()).await.is_ok());
    }

    #[actix_web::test]
    async fn a_panic_fails_one_document() {
        let broken = samples::round_trip();
        let (locator, panic) = (broken.locator.clone(), std::panic::take_hook());
        std::panic::set_hook(Box::new(|_| {}));
        let render = move |_, ticket: &TicketDocument| {
            assert!(ticket.locator != locator, "a ticket that panics");
            Ok(Vec::new())
        };
        let renderer = DocumentRenderer::start_with(1, Arc::new(render));
        let failed = renderer.render(DocumentKind::Ticket, broken, later()).await;
        std::panic::set_hook(panic);
        assert!(matches!(failed, Err(RenderFailure::Failed(_))), "{failed:?}");
        let other = TicketDocument { locator: "ABCDEF".to_owned(), ..samples::round_trip() };
        assert!(renderer.render(DocumentKind::Ticket, other, later()).await.is_ok());
    }
}
