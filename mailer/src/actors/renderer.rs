//! Fills templates in and builds mails, on threads of its own: it is work for the processor that
//! async threads must not wait for.

use crate::{
    domain::LetterTemplate,
    render::{Letterhead, MessageError, RenderError, Templates, build_message},
    store::letters::ClaimedLetter,
};
use actix::{Actor, Addr, Handler, MailboxError, Message, SyncArbiter, SyncContext};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

/// Threads: a letter takes about a millisecond, a mail server some forty.
const THREADS: usize = 2;

/// The longest that a letter may wait for its rendering.
const ASK_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there is no mail of a letter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RendererError {
    /// The letter itself is the reason: trying again gives the same.
    #[error("{0}")]
    Letter(String),
    /// The renderer is busy or gone.
    #[error("the renderer does not answer")]
    Unanswered(#[from] MailboxError),
}

/// Asks for the mail of a letter.
#[derive(Message)]
#[rtype(result = "Result<lettre::Message, RendererError>")]
struct RenderLetter(Arc<ClaimedLetter>);

/// The actor. It has no state of its own.
pub(crate) struct Renderer {
    templates: Arc<Templates>,
    letterhead: Arc<Letterhead>,
}

/// A cloneable handle of the [`Renderer`]. Its threads end with the last handle.
#[derive(Clone)]
pub(crate) struct RendererHandle(Addr<Renderer>);

impl Renderer {
    /// Starts its threads.
    pub(crate) fn start(templates: Templates, letterhead: Letterhead) -> RendererHandle {
        let (templates, letterhead) = (Arc::new(templates), Arc::new(letterhead));
        let make = move || Self { templates: templates.clone(), letterhead: letterhead.clone() };
        RendererHandle(SyncArbiter::start(THREADS, make))
    }

    fn render(&self, letter: &ClaimedLetter) -> Result<lettre::Message, String> {
        let template: LetterTemplate =
            letter.template.parse().map_err(|error| format!("{}: {error}", letter.template))?;
        let parts = self
            .templates
            .render(template, &letter.subject, &letter.data)
            .map_err(|error: RenderError| error.to_string())?;
        build_message(&self.letterhead, &letter.recipient, &letter.subject, &letter.message_id, parts)
            .map_err(|error: MessageError| error.to_string())
    }
}

impl RendererHandle {
    /// The mail of a letter.
    ///
    /// # Errors
    /// [`RendererError`].
    pub(crate) async fn render(&self, letter: Arc<ClaimedLetter>) -> Result<lettre::Message, RendererError> {
        self.0.send(RenderLetter(letter)).timeout(ASK_TIMEOUT).await?
    }
}

impl Actor for Renderer {
    type Context = SyncContext<Self>;
}

impl Handler<RenderLetter> for Renderer {
    type Result = Result<lettre::Message, RendererError>;

    fn handle(&mut self, RenderLetter(letter): RenderLetter, _: &mut Self::Context) -> Self::Result {
        // A panic would end the thread's actor for good. The renderer has no state that it could break.
        let rendered = catch_unwind(AssertUnwindSafe(|| self.render(&letter)));
        rendered.unwrap_or_else(|_| Err("the renderer panicked".to_owned())).map_err(RendererError::Letter)
    }
}
