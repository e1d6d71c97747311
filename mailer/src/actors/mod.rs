//! The mailer's actors.
//!
//! ```text
//!   bus --(StoreLetters)--> NotificationConsumer --(nudge)--> EmailSender --(RenderLetters)--> Renderer (2 threads)
//!   admin: replay ------^                     ^           |
//!   admin: resend ----------------------------+           +--> transport: mail server or folder
//!   admin: read --(RenderContent)--> Renderer            |
//!                                                         +--> AttemptRecorder
//!   TokenSweeper --erases--> PostgreSQL
//! ```
//!
//! | thread | what works there |
//! |---|---|
//! | `mail-take` | the subscription, `NotificationConsumer` and its connection |
//! | `mail-send` | `EmailSender`, `AttemptRecorder`, `TokenSweeper`, their connection, the mail server's connections |
//! | `mail-render-N` | `Renderer` |
//!
//! They have a lower priority than the threads that serve HTTP: all of this follows what was committed. Each of them
//! works in batches, so under load a statement, a message or a task serves many letters.
//!
//! The ask graph has no cycle. Spawn order: renderer, sender, consumer, then the subscription that feeds it;
//! they stop in the reverse order. The database is the truth: it keeps the letters, and a claim is a lease that
//! ends by itself. None needs a supervisor: work that can fail or panic (queries, rendering, sending) runs in
//! tasks of its own, or its panic is caught, so it ends a task and never an actor. `EmailSender` is no actor but
//! two [`shared::ticker::Ticker`]s, for claims and for records, with delivery slots. `TokenSweeper` and [`queue_gauges`] are two more.

mod attempt_recorder;
mod delivery;
mod email_sender;
mod mail_outage;
mod notification_consumer;
pub(crate) mod queue_gauges;
mod renderer;
#[cfg(test)]
mod tests;
mod token_sweeper;

pub(crate) use delivery::LetterDelivery;
pub(crate) use email_sender::{EmailSender, SenderTimes};
pub(crate) use notification_consumer::{NotificationConsumer, NotificationConsumerHandle};
pub(crate) use renderer::{Renderer, RendererHandle};
pub(crate) use token_sweeper::TokenSweeper;
