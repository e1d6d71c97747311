//! Refusals of requests beyond a limit of the proxy.

use shared::http::{Code, Problem};
use std::time::Duration;

/// How long a refused client is told to wait before it tries again.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The refusal of a request for which the gateway has no capacity left.
pub(crate) fn overloaded() -> Problem {
    Problem::new(Code::Overloaded).retry_after(RETRY_AFTER)
}
