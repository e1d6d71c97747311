//! What all services have in common beyond their handlers: what they depend on, how they serve, and how they stop.

mod context;
mod process;
mod running;
mod web_server;

pub use context::ServiceContext;
pub use process::{raise_file_limit, stop_signal};
pub use running::Running;
pub use web_server::{AppParts, ListenError, WebServer};
