//! The mailer's actors.
//!
//! ```text
//!   bus --(StoreLetters)--> NotificationConsumer --(nudge)--> EmailSender --(RenderLetter)--> Renderer (2 threads)
//!   admin: replay ------^                     ^           |
//!   admin: resend ----------------------------+           +--> transport: mail server or folder
//! ```
//!
//! The ask graph has no cycle. Spawn order: renderer, sender, consumer, then the subscription that
//! feeds it; they stop in the reverse order. Nobody's memory is the truth: letters are in the
//! database, and a claim is a lease that ends by itself. What can fail or panic (queries, rendering,
//! sending) runs in tasks of its own, or is caught, so that it ends a task and never an actor.

mod delivery;
mod email_sender;
mod notification_consumer;
mod renderer;

pub(crate) use email_sender::{EmailSender, SenderHandle, SenderSettings};
pub(crate) use notification_consumer::{NotificationConsumer, NotificationConsumerHandle};
pub(crate) use renderer::Renderer;
