//! Which release this is.

use crate::time_zones;
use clap::Command;
use std::sync::LazyLock;

/// The version of the program, with that of the time-zone data that it carries: `0.1.0 (time zones 2026f)`.
#[must_use]
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> =
        LazyLock::new(|| format!("{} (time zones {})", env!("CARGO_PKG_VERSION"), time_zones::version()));
    &VERSION
}

/// Reads the command line of a service, which takes no arguments: its settings are environment variables.
///
/// Ends the process for `--version` and `--help`, which it answers, and for any other argument, which it refuses.
pub fn read_arguments(program: &'static str, about: &'static str) {
    Command::new(program).version(version()).about(about).get_matches();
}
