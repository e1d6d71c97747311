//! Fills templates in and builds mails, on threads of its own: it is work for the processor that
//! async threads must not wait for.

use crate::{
    domain::DeliveryOutcome,
    kinds,
    render::{
        LetterContent, LetterParts, Letterhead, MessageError, RenderError, RenderedMail, Templates,
        build_message, letter_documents,
    },
    store::{letter_contents::StoredContent, letter_queue::ClaimedLetter},
};
use actix::{Actor, Addr, Handler, MailboxError, Message, SyncArbiter, SyncContext};
use documents::DocumentIssuer;
use shared::{
    events::LetterToken,
    redaction::MASK,
    threads::{self, Priority},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// Threads: one renders some ten thousand letters a second, and the second takes over from one that is held up.
const THREADS: usize = 2;

/// The longest that letters may wait for their rendering.
const ASK_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest that a reader waits.
const READ_TIMEOUT: Duration = Duration::from_secs(3);

/// Why a letter has no mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unrendered {
    /// Refused where there never will be one. A fault of ours is deferred: a newer release may do better, and until then
    /// staff are told by the age of the letter.
    pub(crate) outcome: DeliveryOutcome,
    /// What is wrong.
    pub(crate) reason: String,
}

impl From<RenderError> for Unrendered {
    fn from(error: RenderError) -> Self {
        Self { outcome: DeliveryOutcome::Deferred, reason: error.to_string() }
    }
}

impl From<MessageError> for Unrendered {
    fn from(error: MessageError) -> Self {
        Self { outcome: DeliveryOutcome::Refused, reason: error.to_string() }
    }
}

/// Asks for the mails of letters: for each of them the mail, or why there is none.
#[derive(Message)]
#[rtype(result = "Vec<Result<RenderedMail, Unrendered>>")]
struct RenderLetters(Arc<[ClaimedLetter]>);

/// Asks for what a letter says, its token masked; `None` where there is nothing to be shown.
#[derive(Message)]
#[rtype(result = "Option<LetterParts>")]
struct RenderContent(StoredContent);

/// The actor. It has no state of its own.
pub(crate) struct Renderer {
    templates: Arc<Templates>,
    letterhead: Arc<Letterhead>,
    issuer: Arc<DocumentIssuer>,
}

/// A cloneable handle of the [`Renderer`]. Its threads end with the last handle.
#[derive(Clone)]
pub(crate) struct RendererHandle(Addr<Renderer>);

impl Renderer {
    /// Starts its threads, `mail-render-0` and so on.
    pub(crate) fn start(
        templates: Templates,
        letterhead: Letterhead,
        issuer: DocumentIssuer,
    ) -> RendererHandle {
        let (templates, letterhead) = (Arc::new(templates), Arc::new(letterhead));
        let issuer = Arc::new(issuer);
        let started = AtomicUsize::new(0);
        let make = move || {
            let number = started.fetch_add(1, Ordering::Relaxed);
            threads::enter(&format!("mail-render-{number}"), Priority::Background);
            Self { templates: templates.clone(), letterhead: letterhead.clone(), issuer: issuer.clone() }
        };
        RendererHandle(SyncArbiter::start(THREADS, make))
    }

    fn render(&self, letter: &ClaimedLetter) -> Result<RenderedMail, Unrendered> {
        let kept = (letter.subject.as_str(), letter.locale.as_str(), letter.data.as_str());
        let content = LetterContent::read(&letter.template, kept, letter.token.as_ref())?;
        let parts = self.templates.render(&content)?;
        let documents = letter_documents(&content, &self.issuer)?;
        let (head, recipient) = (&self.letterhead, &letter.recipient);
        Ok(build_message(head, recipient, &letter.subject, &letter.message_id, &parts, documents)?)
    }
}

impl Renderer {
    fn show(&self, stored: &StoredContent) -> Result<LetterParts, RenderError> {
        let masked = LetterToken(MASK.to_owned());
        let token = kinds::carries_token(&stored.template).then_some(&masked);
        let kept = (stored.subject.as_str(), stored.locale.as_str(), stored.data.as_str());
        self.templates.render(&LetterContent::read(&stored.template, kept, token)?)
    }
}

impl RendererHandle {
    /// What a letter says, its token masked; `None` where it was erased, or this release cannot show it.
    ///
    /// # Errors
    /// When the renderer is busy or gone.
    pub(crate) async fn show(&self, stored: StoredContent) -> Result<Option<LetterParts>, MailboxError> {
        self.0.send(RenderContent(stored)).timeout(READ_TIMEOUT).await
    }

    /// The mails of letters, in order; the reason where a letter has none.
    ///
    /// # Errors
    /// When the renderer is busy or gone.
    pub(crate) async fn render(
        &self,
        letters: Arc<[ClaimedLetter]>,
    ) -> Result<Vec<Result<RenderedMail, Unrendered>>, MailboxError> {
        self.0.send(RenderLetters(letters)).timeout(ASK_TIMEOUT).await
    }
}

impl Actor for Renderer {
    type Context = SyncContext<Self>;
}

impl Handler<RenderLetters> for Renderer {
    type Result = Vec<Result<RenderedMail, Unrendered>>;

    fn handle(&mut self, RenderLetters(letters): RenderLetters, _: &mut Self::Context) -> Self::Result {
        // A panic would end the thread's actor for good. The renderer has no state that it could break.
        let render = |letter| {
            let begun = Instant::now();
            let rendered = catch_unwind(AssertUnwindSafe(|| self.render(letter)));
            metrics::histogram!("aerobus_letter_rendering_seconds").record(begun.elapsed().as_secs_f64());
            rendered
        };
        let rendered = letters.iter().map(render);
        let panicked =
            || Unrendered { outcome: DeliveryOutcome::Deferred, reason: "the renderer panicked".to_owned() };
        rendered.map(|mail| mail.unwrap_or_else(|_| Err(panicked()))).collect()
    }
}

impl Handler<RenderContent> for Renderer {
    type Result = Option<LetterParts>;

    fn handle(&mut self, RenderContent(stored): RenderContent, _: &mut Self::Context) -> Self::Result {
        let shown = catch_unwind(AssertUnwindSafe(|| self.show(&stored)));
        let shown = shown.inspect_err(|_| tracing::error!("Showing a letter panicked")).ok()?;
        shown.inspect_err(|error| tracing::debug!(%error, "A letter cannot be shown")).ok()
    }
}
