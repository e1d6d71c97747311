//! W3C trace context, carried over HTTP and the bus.

use std::{fmt, future::Future, str::FromStr};
use tokio::task_local;

task_local! {
    static CURRENT: TraceContext;
}

/// A position in a trace (W3C Trace Context, version 00).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    parent_id: u64,
    flags: u8,
}

/// A text that is no `traceparent` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent")]
pub struct InvalidTraceparent;

impl TraceContext {
    /// The start of a new, sampled trace.
    #[must_use]
    pub fn new() -> Self {
        // Zero is invalid for both ids; a random draw practically never is zero.
        Self { trace_id: rand::random::<u128>().max(1), parent_id: rand::random::<u64>().max(1), flags: 1 }
    }

    /// The same trace, one step further.
    #[must_use]
    pub fn child(self) -> Self {
        Self { parent_id: rand::random::<u64>().max(1), ..self }
    }

    /// The trace's id, 32 hex digits, for logs.
    #[must_use]
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }
}

impl Default for TraceContext {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.parent_id, self.flags)
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    fn from_str(text: &str) -> Result<Self, InvalidTraceparent> {
        let parts: Vec<&str> = text.split('-').collect();
        let hex = |part: &str, digits: usize| {
            part.len() == digits
                && part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        let [version, trace, parent, flags, rest @ ..] = parts.as_slice() else {
            return Err(InvalidTraceparent);
        };
        // A later version may append members; version ff is forbidden.
        let known = hex(version, 2) && *version != "ff" && (*version != "00" || rest.is_empty());
        if !known || !hex(trace, 32) || !hex(parent, 16) || !hex(flags, 2) {
            return Err(InvalidTraceparent);
        }
        let trace_id = u128::from_str_radix(trace, 16).map_err(|_| InvalidTraceparent)?;
        let parent_id = u64::from_str_radix(parent, 16).map_err(|_| InvalidTraceparent)?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| InvalidTraceparent)?;
        if trace_id == 0 || parent_id == 0 {
            return Err(InvalidTraceparent);
        }
        Ok(Self { trace_id, parent_id, flags })
    }
}

/// The trace context of the request or message that is being served, if any.
#[must_use]
pub fn current() -> Option<TraceContext> {
    CURRENT.try_with(|context| *context).ok()
}

/// Runs a future with this trace context as the [`current`] one.
pub async fn scope<F: Future>(context: TraceContext, future: F) -> F::Output {
    CURRENT.scope(context, future).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traceparents_round_trip_and_nonsense_is_refused() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context: TraceContext = text.parse().unwrap();
        assert_eq!(context.to_string(), text);
        assert_eq!(context.child().trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        for text in [
            "",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert!(text.parse::<TraceContext>().is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn the_context_is_that_of_its_scope() {
        let context = TraceContext::new();
        assert_eq!(current(), None);
        assert_eq!(scope(context, async { current() }).await, Some(context));
    }
}
