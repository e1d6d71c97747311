//! What the tests of several crates share: databases, broker names, tokens, an HTTP client, an SMTP
//! server.
//!
//! The servers behind it are started by `./dev test`, which tells their addresses in the environment.

mod audit;
mod client;
mod database;
mod events;
mod localstripe;
mod proxy;
mod raw;
mod schema;
mod smtp;
mod token;

pub use audit::{admin_write, admin_writes};
pub use client::{Answer, Client};
pub use database::TestDatabase;
pub use events::{EventStream, StreamEvent};
pub use localstripe::Localstripe;
pub use proxy::BrokerProxy;
pub use raw::{RawAnswer, RawConnection};
pub use schema::schema_differences;
pub use smtp::{
    ReceivedMail, SinkEncryption, SmtpBehaviour, SmtpFault, SmtpPhase, SmtpSink, SmtpSinkOptions,
    TestAuthority, UnansweredPort,
};
pub use token::{EMAIL, TokenIssuer};

use uuid::Uuid;

/// The secret of the services' calls to each other, in tests.
pub const SERVICE_TOKEN_SECRET: &str = "the secret of the services, in tests only";

/// The URL of the PostgreSQL superuser of the tests.
///
/// # Panics
/// Outside of `./dev test`.
#[must_use]
pub fn postgres_url() -> String {
    from_environment("AEROBUS_TEST_POSTGRES_URL")
}

/// The URL of the RabbitMQ of the tests.
///
/// # Panics
/// Outside of `./dev test`.
#[must_use]
pub fn amqp_url() -> String {
    from_environment("AEROBUS_TEST_AMQP_URL")
}

/// A prefix for broker names that no other test has.
#[must_use]
pub fn unique_prefix() -> String {
    format!("t{}.", Uuid::now_v7().simple())
}

/// What a program prints for `--version`.
///
/// # Panics
/// Where it does not end well, which it must without any setting.
#[must_use]
pub fn printed_version(program: &str) -> String {
    let output = std::process::Command::new(program).arg("--version").env_clear().output();
    let output = output.expect("a program that can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn from_environment(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: tests need PostgreSQL and RabbitMQ, which `./dev test` starts")
    })
}
