//! `bench`: the benchmarks, started by `./dev bench`.

use anyhow::bail;
use bench::{
    booking::{self, service},
    compression,
    flight::{self, flight_process},
    gateway::{self, gateway_process, upstream_service},
    login_storm,
    mailer::{self, mailer_process},
    system::{self, smtp_sink},
};
use clap::Parser;
use std::{future::Future, process::ExitCode};
use tokio::{runtime, task::LocalSet};

/// Many small allocations, made on one thread and freed on another, are what a request is made of.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the services against the plain designs that everyone writes.
#[derive(Debug, Parser)]
#[command(version)]
enum Benchmark {
    /// POST /bookings: on four hot flights, on two hundred, and without payment
    Booking(booking::BookingOptions),
    /// GET /search through the gateway, as it is and compressed
    Compression(compression::CompressionOptions),
    /// Search over half a million flights: in the index, against RAPTOR, over HTTP
    Flight(flight::FlightOptions),
    /// What the gateway adds to small answers, against nginx
    Gateway(gateway::GatewayOptions),
    /// Bookings through the gateway of the whole, while 500 people log in
    LoginStorm(login_storm::LoginStormOptions),
    /// Letters through RabbitMQ and the mailer into a mail server, against Postfix's smtp-source
    Mailer(mailer::MailerOptions),
    /// Paid bookings through the gateway of the whole, in one process and in four
    System(system::SystemOptions),
    /// The booking service as a process of its own; of no use by itself
    #[command(name = service::SUBCOMMAND, hide = true)]
    ServeBooking,
    /// The flight service as a process of its own; of no use by itself
    #[command(name = flight_process::SUBCOMMAND, hide = true)]
    ServeFlight,
    /// The gateway as a process of its own; of no use by itself
    #[command(name = gateway_process::SUBCOMMAND, hide = true)]
    ServeGateway,
    /// The mailer as a process of its own; of no use by itself
    #[command(name = mailer_process::SUBCOMMAND, hide = true)]
    ServeMailer,
    /// A service behind the gateway; of no use by itself
    #[command(name = upstream_service::SUBCOMMAND, hide = true)]
    ServeUpstream,
    /// A mail server that throws letters away; of no use by itself
    #[command(name = smtp_sink::SUBCOMMAND, hide = true)]
    SinkSmtp,
}

fn main() -> ExitCode {
    let outcome = match Benchmark::parse() {
        Benchmark::ServeBooking => actix_web::rt::System::new().block_on(service::serve()),
        Benchmark::ServeFlight => actix_web::rt::System::new().block_on(flight_process::serve()),
        Benchmark::ServeGateway => actix_web::rt::System::new().block_on(gateway_process::serve()),
        Benchmark::ServeMailer => actix_web::rt::System::new().block_on(mailer_process::serve()),
        Benchmark::ServeUpstream => actix_web::rt::System::new().block_on(upstream_service::serve()),
        Benchmark::SinkSmtp => actix_web::rt::System::new().block_on(smtp_sink::serve()),
        Benchmark::Booking(options) => measure(booking::run(&options)),
        Benchmark::Flight(options) => measure(flight::run(&options)),
        Benchmark::Gateway(options) => measure(gateway::run(&options)),
        Benchmark::LoginStorm(options) => measure(login_storm::run(&options)),
        // The bus of the benchmark has a thread of actix.
        Benchmark::Mailer(options) => actix_web::rt::System::new().block_on(stoppable(mailer::run(&options))),
        Benchmark::System(options) => measure(system::run(&options)),
        Benchmark::Compression(options) => actix_web::rt::System::new().block_on(compression::run(&options)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// On one thread: the load generator shares the machine with what it measures.
fn measure(benchmark: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = LocalSet::new().block_on(&runtime, stoppable(benchmark));
    // A thread that still reads from a child must not hold up the end.
    runtime.shutdown_background();
    outcome
}

/// Ends a benchmark at a signal: what it has started ends with it.
async fn stoppable(benchmark: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::select! {
        outcome = benchmark => outcome,
        () = shared::service::stop_signal() => bail!("stopped by a signal"),
    }
}
