//! `private-servers`: runs a command with a private PostgreSQL and RabbitMQ, and leaves nothing behind.
//!
//! Three processes take part:
//!
//! ```text
//! private-servers run ----+-- postgres, epmd, beam.smp      bound: they get a signal when `run` dies
//!                         |
//!                         +-- private-servers supervise     knows by its end of a pipe when `run` dies
//!                                  |
//!                                  +-- the command          and all that descends from it, daemons too
//! ```
//!
//! `run` can be killed with SIGKILL, so it cannot be the one that ends the command's processes. `supervise` is: it is their
//! subreaper (whatever they start and abandon becomes its child, sessions and process groups of their own or not), and when
//! the pipe closes it kills every one of them and removes the servers' folder.

mod command;

use std::process::ExitCode;

use clap::Parser;

use command::{run, supervise};

/// Private servers for a command, such as a test run.
#[derive(Debug, Parser)]
#[command(version, about)]
enum CommandLine {
    /// Start the servers, run a command with their addresses in its environment, stop everything.
    Run(run::RunOptions),
    /// What `run` puts between itself and the command; of no use by itself.
    #[command(hide = true)]
    Supervise(supervise::SuperviseOptions),
}

fn main() -> ExitCode {
    let outcome = match CommandLine::parse() {
        CommandLine::Run(options) => run::run(&options),
        CommandLine::Supervise(options) => supervise::supervise(&options),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("private-servers: {error:#}");
        ExitCode::FAILURE
    })
}
