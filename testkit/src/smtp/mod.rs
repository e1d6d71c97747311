//! An SMTP server that keeps what it gets: mails can be looked at, and it can be told to misbehave at any point.

mod authority;
mod script;
mod session;
mod sink;
mod state;
mod unanswered;

pub use authority::{SinkEncryption, TestAuthority};
pub use script::{SmtpBehaviour, SmtpFault, SmtpPhase};
pub use sink::SmtpSink;
pub use state::{ReceivedMail, SmtpSinkOptions};
pub use unanswered::UnansweredPort;
