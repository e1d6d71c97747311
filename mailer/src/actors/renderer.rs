//! Fills templates in and builds mails, on threads of its own: it is work for the processor that
//! async threads must not wait for.

use crate::{
    domain::Template,
    render::{Letterhead, MessageError, RenderError, Templates, build},
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
pub enum Unrendered {
    /// The letter itself is the reason: trying again gives the same.
    #[error("{0}")]
    Letter(String),
    /// The renderer is busy or gone.
    #[error("the renderer does not answer")]
    Unanswered(#[from] MailboxError),
}

/// Render a letter.
#[derive(Message)]
#[rtype(result = "Result<lettre::Message, Unrendered>")]
struct Render(Arc<ClaimedLetter>);

/// The actor. It has no state of its own.
pub struct Renderer {
    templates: Arc<Templates>,
    letterhead: Arc<Letterhead>,
}

/// A cloneable handle of the [`Renderer`]. Its threads end with the last handle.
#[derive(Clone)]
pub struct RendererHandle(Addr<Renderer>);

impl Renderer {
    /// Starts its threads.
    #[must_use]
    pub fn start(templates: Templates, letterhead: Letterhead) -> RendererHandle {
        let (templates, letterhead) = (Arc::new(templates), Arc::new(letterhead));
        let make = move || Self { templates: templates.clone(), letterhead: letterhead.clone() };
        RendererHandle(SyncArbiter::start(THREADS, make))
    }

    fn render(&self, letter: &ClaimedLetter) -> Result<lettre::Message, String> {
        let template: Template =
            letter.template.parse().map_err(|error| format!("{}: {error}", letter.template))?;
        let parts = self
            .templates
            .render(template, &letter.subject, &letter.data)
            .map_err(|error: RenderError| error.to_string())?;
        build(&self.letterhead, &letter.recipient, &letter.subject, &letter.message_id, parts)
            .map_err(|error: MessageError| error.to_string())
    }
}

impl RendererHandle {
    /// The mail of a letter.
    ///
    /// # Errors
    /// [`Unrendered`].
    pub async fn render(&self, letter: Arc<ClaimedLetter>) -> Result<lettre::Message, Unrendered> {
        self.0.send(Render(letter)).timeout(ASK_TIMEOUT).await?
    }
}

impl Actor for Renderer {
    type Context = SyncContext<Self>;
}

impl Handler<Render> for Renderer {
    type Result = Result<lettre::Message, Unrendered>;

    fn handle(&mut self, Render(letter): Render, _: &mut Self::Context) -> Self::Result {
        // A panic would end the thread's actor for good. The renderer has no state that it could break.
        let rendered = catch_unwind(AssertUnwindSafe(|| self.render(&letter)));
        rendered.unwrap_or_else(|_| Err("the renderer panicked".to_owned())).map_err(Unrendered::Letter)
    }
}
