//! What a letter is: pure, without I/O.

mod backoff;
mod letter;
mod outcome;
mod text;
mod time;

pub use backoff::delay;
pub use letter::{Draft, InvalidStatus, InvalidTemplate, Status, Template, message_id};
pub use outcome::{Attempt, Outcome};
pub use text::clean;
pub use time::{local_time, offset_time, utc_time};
