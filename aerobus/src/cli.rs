//! The command line.

use clap::{Args, Parser, Subcommand};
use secrecy::SecretString;
use std::path::PathBuf;

/// Aerobus, an airline booking system.
#[derive(Debug, Parser)]
#[command(version = shared::release::version(), about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: CliCommand,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Starts everything: a private PostgreSQL, demo data and all four services. Ctrl-C stops it.
    Up(UpOptions),
    /// Checks the invariants of all bookings, payments and events, beside whatever runs. Prints what is
    /// broken, and fails if anything is.
    CheckInvariants(CheckOptions),
    /// Signs in as the administrator of an installation, or as `--email`, and calls the API:
    /// `aerobus api get flights?date=2026-12-24`. Prints the answer, and fails where it is an error.
    Api(ApiOptions),
    /// Lists, rotates and retires the keys that sign access tokens.
    Keys(KeysOptions),
    /// Shows what letters look like.
    Mail(MailOptions),
}

/// What to do with letters.
#[derive(Debug, Clone, Args)]
pub struct MailOptions {
    /// What to do.
    #[command(subcommand)]
    pub command: MailCommand,
}

/// What can be done with letters.
#[derive(Debug, Clone, Subcommand)]
pub enum MailCommand {
    /// Writes every letter with invented content in each language: HTML, text, mail, attached files, and pictures of a
    /// telephone and of a mail client, light and dark.
    Preview(MailPreviewOptions),
}

/// Where and how to write the letters.
#[derive(Debug, Clone, Args)]
pub struct MailPreviewOptions {
    /// The folder, which is created where it is missing.
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// Where the letters link to.
    #[arg(long, default_value = "http://localhost:8080", value_name = "URL")]
    pub public_url: String,
    /// The Chromium that takes the pictures; without it one of the machine.
    #[arg(long, value_name = "PROGRAM")]
    pub browser: Option<PathBuf>,
    /// Write no pictures.
    #[arg(long)]
    pub without_pictures: bool,
}

/// What to do with the keys that sign access tokens.
#[derive(Debug, Clone, Args)]
pub struct KeysOptions {
    /// What to do.
    #[command(subcommand)]
    pub command: KeysCommand,
    /// The folder of an installation with a private PostgreSQL, running or stopped.
    #[arg(long, global = true, default_value = ".aerobus", value_name = "FOLDER")]
    pub data_dir: PathBuf,
    /// Use the keys in this PostgreSQL instead. Its user must be allowed to write the gateway's tables.
    #[arg(long, global = true, value_name = "URL", env = "GATEWAY_DATABASE_URL", hide_env_values = true)]
    pub database: Option<SecretString>,
    /// The schema of the gateway's tables.
    #[arg(long, global = true, default_value = "gateway", value_name = "NAME", value_parser = schema)]
    pub schema: String,
}

/// What can be done with the keys.
#[derive(Debug, Clone, Subcommand)]
pub enum KeysCommand {
    /// Lists the keys that are trusted, the newest first.
    List,
    /// Has the gateways make another key, which signs a minute after it was published. No token becomes invalid.
    Rotate,
    /// Withdraws a key that somebody else may have: within seconds no token that it has signed is good anywhere.
    Retire {
        /// The key's id, as `list` tells it.
        kid: String,
    },
}

/// What to call.
#[derive(Debug, Clone, Args)]
pub struct ApiOptions {
    /// The method: get, post, put, patch, delete.
    pub method: String,
    /// The path with its query. `flights` is short for `/api/v1/flights`.
    pub path: String,
    /// The body: JSON, `@file`, or `-` for standard input.
    pub body: Option<String>,
    /// Where the gateway is.
    #[arg(long, default_value = "http://127.0.0.1:8080", env = "AEROBUS_API_URL")]
    pub url: String,
    /// The folder of the installation whose administrator signs in.
    #[arg(long, default_value = ".aerobus", value_name = "FOLDER")]
    pub data_dir: PathBuf,
    /// Sign in as this account instead. Its password stands in the environment, where no list of processes shows it.
    #[arg(long, requires = "password")]
    pub email: Option<String>,
    /// The password of that account.
    #[arg(long, env = "AEROBUS_API_PASSWORD", hide_env_values = true, hide = true)]
    pub password: Option<SecretString>,
    /// The code of the account's second factor.
    #[arg(long, value_name = "CODE")]
    pub totp: Option<String>,
    /// Call without signing in.
    #[arg(long)]
    pub anonymous: bool,
    /// A header to send, `If-Match: "3"`; may be repeated.
    #[arg(long, value_name = "HEADER")]
    pub header: Vec<String>,
}

/// What to check.
#[derive(Debug, Clone, Args)]
pub struct CheckOptions {
    /// The folder of an installation with a private PostgreSQL, running or stopped.
    #[arg(long, default_value = ".aerobus", value_name = "FOLDER", conflicts_with = "database")]
    pub data_dir: PathBuf,
    /// Check this PostgreSQL instead. Its user must be allowed to read booking's tables and to make
    /// temporary ones.
    #[arg(long, value_name = "URL", env = "AEROBUS_UP_DATABASE", hide_env_values = true)]
    pub database: Option<SecretString>,
    /// The schema of booking's tables.
    #[arg(long, default_value = "booking", value_name = "NAME", value_parser = schema)]
    pub schema: String,
}

/// A schema's name that needs no quoting.
fn schema(text: &str) -> Result<String, String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    match plain && text.starts_with(|first: char| first.is_ascii_lowercase()) {
        true => Ok(text.to_owned()),
        false => Err("must be small letters, digits and underscores".to_owned()),
    }
}

/// How to start.
#[derive(Debug, Clone, Args)]
pub struct UpOptions {
    /// The port of the gateway on 127.0.0.1. The services take the three ports after it.
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// Where the database, the mail and the secrets are kept.
    #[arg(long, default_value = ".aerobus", value_name = "FOLDER")]
    pub data_dir: PathBuf,
    /// Use this PostgreSQL instead of a private one. Its user must be allowed to create roles and schemas.
    #[arg(long, value_name = "URL", env = "AEROBUS_UP_DATABASE", hide_env_values = true)]
    pub database: Option<SecretString>,
    /// Use this RabbitMQ instead of the bus in the process.
    #[arg(long, value_name = "URL", env = "AEROBUS_UP_AMQP", hide_env_values = true)]
    pub amqp: Option<SecretString>,
    /// Send mail to this server instead of writing it to files: smtps://user:password@host, or
    /// smtp://host:port.
    #[arg(long, value_name = "URL", env = "AEROBUS_UP_SMTP", hide_env_values = true)]
    pub smtp: Option<SecretString>,
    /// Run the four services as processes of their own over RabbitMQ, as in production. Without --amqp a
    /// private RabbitMQ is started.
    #[arg(long)]
    pub processes: bool,
    /// Run without the mailer: no letters are made. In one process, letters of events that wait or come
    /// meanwhile are not sent later either. With RabbitMQ, these events wait in its queue for the mailer.
    #[arg(long)]
    pub without_mailer: bool,
}

impl UpOptions {
    /// The port of the flight service.
    #[must_use]
    pub fn flight_port(&self) -> u16 {
        self.beside(1)
    }

    /// The port of the booking service.
    #[must_use]
    pub fn booking_port(&self) -> u16 {
        self.beside(2)
    }

    /// The port of the mailer.
    #[must_use]
    pub fn mailer_port(&self) -> u16 {
        self.beside(3)
    }

    /// Port 0 means a free one everywhere.
    fn beside(&self, offset: u16) -> u16 {
        if self.port == 0 { 0 } else { self.port.saturating_add(offset) }
    }
}
