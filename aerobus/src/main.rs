//! The program `aerobus`.

use aerobus::cli::{Cli, CliCommand, MailCommand, MailOptions};
use clap::Parser;
use shared::telemetry::{self, LogFormat};
use std::process::ExitCode;

/// Many small allocations, made on one thread and freed on another, are what a request is made of.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[actix_web::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = std::env::var("AEROBUS_LOG_FILTER").unwrap_or_else(|_| "warn".to_owned());
    telemetry::init(LogFormat::Text, &filter);
    let outcome = match cli.command {
        CliCommand::Up(options) => aerobus::up::run(options).await,
        CliCommand::CheckInvariants(options) => aerobus::check_invariants::run(options).await,
        CliCommand::Api(options) => aerobus::api_call::run(options).await,
        CliCommand::Keys(options) => aerobus::keys::run(options).await,
        CliCommand::Mail(MailOptions { command: MailCommand::Preview(options) }) => {
            aerobus::mail_preview::run(options).await
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("aerobus: {error:#}");
            ExitCode::FAILURE
        }
    }
}
