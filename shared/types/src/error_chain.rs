//! Errors in logs.

use std::{error::Error, fmt};

/// An error with all its causes, for one log line.
pub struct ErrorChain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the store has failed")]
    struct StoreFailed(#[source] fmt::Error);

    #[test]
    fn a_log_line_names_the_causes() {
        let line = ErrorChain(&StoreFailed(fmt::Error)).to_string();
        assert_eq!(line, format!("the store has failed: {}", fmt::Error));
    }
}
