//! Fills templates in and builds mails, on threads of its own: it is work for the processor that
//! async threads must not wait for.

use crate::{
    render::{
        LetterContent, Letterhead, MessageError, RenderError, RenderedMail, Templates, build_message,
        letter_documents,
    },
    store::letter_queue::ClaimedLetter,
};
use actix::{Actor, Addr, Handler, MailboxError, Message, SyncArbiter, SyncContext};
use shared::threads::{self, Priority};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Threads: one renders some ten thousand letters a second, and the second takes over from one that is held up.
const THREADS: usize = 2;

/// The longest that letters may wait for their rendering.
const ASK_TIMEOUT: Duration = Duration::from_secs(30);

/// Asks for the mails of letters: for each of them the mail, or why there is none and never will be.
#[derive(Message)]
#[rtype(result = "Vec<Result<RenderedMail, String>>")]
struct RenderLetters(Arc<[ClaimedLetter]>);

/// The actor. It has no state of its own.
pub(crate) struct Renderer {
    templates: Arc<Templates>,
    letterhead: Arc<Letterhead>,
    /// Makes the names of calendar events unique.
    domain: Arc<str>,
}

/// A cloneable handle of the [`Renderer`]. Its threads end with the last handle.
#[derive(Clone)]
pub(crate) struct RendererHandle(Addr<Renderer>);

impl Renderer {
    /// Starts its threads, `mail-render-0` and so on.
    pub(crate) fn start(templates: Templates, letterhead: Letterhead, domain: &str) -> RendererHandle {
        let (templates, letterhead) = (Arc::new(templates), Arc::new(letterhead));
        let domain: Arc<str> = domain.into();
        let started = AtomicUsize::new(0);
        let make = move || {
            let number = started.fetch_add(1, Ordering::Relaxed);
            threads::enter(&format!("mail-render-{number}"), Priority::Background);
            Self { templates: templates.clone(), letterhead: letterhead.clone(), domain: domain.clone() }
        };
        RendererHandle(SyncArbiter::start(THREADS, make))
    }

    fn render(&self, letter: &ClaimedLetter) -> Result<RenderedMail, String> {
        let kept = (letter.subject.as_str(), letter.locale.as_str(), letter.data.as_str());
        let content = LetterContent::read(&letter.template, kept, letter.token.as_ref());
        let rendered = content.and_then(|content| {
            Ok((self.templates.render(&content)?, letter_documents(&content, &self.domain)?))
        });
        let (parts, documents) = rendered.map_err(|error: RenderError| error.to_string())?;
        let (head, recipient) = (&self.letterhead, &letter.recipient);
        build_message(head, recipient, &letter.subject, &letter.message_id, &parts, documents)
            .map_err(|error: MessageError| error.to_string())
    }
}

impl RendererHandle {
    /// The mails of letters, in order; the reason where a letter can have none.
    ///
    /// # Errors
    /// When the renderer is busy or gone.
    pub(crate) async fn render(
        &self,
        letters: Arc<[ClaimedLetter]>,
    ) -> Result<Vec<Result<RenderedMail, String>>, MailboxError> {
        self.0.send(RenderLetters(letters)).timeout(ASK_TIMEOUT).await
    }
}

impl Actor for Renderer {
    type Context = SyncContext<Self>;
}

impl Handler<RenderLetters> for Renderer {
    type Result = Vec<Result<RenderedMail, String>>;

    fn handle(&mut self, RenderLetters(letters): RenderLetters, _: &mut Self::Context) -> Self::Result {
        // A panic would end the thread's actor for good. The renderer has no state that it could break.
        let render = |letter| catch_unwind(AssertUnwindSafe(|| self.render(letter)));
        let rendered = letters.iter().map(render);
        rendered.map(|mail| mail.unwrap_or_else(|_| Err("the renderer panicked".to_owned()))).collect()
    }
}
