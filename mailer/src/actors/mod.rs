//! The mailer's actors.
//!
//! ```text
//!   bus --(StoreLetters)--> NotificationConsumer --(nudge)--> EmailSender --(RenderLetter)--> Renderer (2 threads)
//!   admin: replay ------^                     ^           |
//!   admin: resend ----------------------------+           +--> transport: mail server or folder
//! ```
//!
//! The ask graph has no cycle. Spawn order: renderer, sender, consumer, then the subscription that feeds it;
//! they stop in the reverse order. The database is the truth: it keeps the letters, and a claim is a lease that
//! ends by itself. None needs a supervisor: work that can fail or panic (queries, rendering, sending) runs in
//! tasks of its own, or its panic is caught, so it ends a task and never an actor. `EmailSender` is no actor but
//! a [`shared::ticker::Ticker`] with delivery slots.

mod delivery;
mod email_sender;
mod notification_consumer;
mod renderer;

pub(crate) use delivery::LetterDelivery;
pub(crate) use email_sender::EmailSender;
pub(crate) use notification_consumer::{NotificationConsumer, NotificationConsumerHandle};
pub(crate) use renderer::Renderer;
