//! The settings of a process of its own.

use std::process::{Command, Stdio};

/// What a process says with this mail server, when it ends before it connects to anything.
fn refused(smtp_url: &str) -> String {
    let variables = [
        ("MAILER_HTTP_ADDRESS", "127.0.0.1:0"),
        ("MAILER_DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing"),
        ("MAILER_AMQP_URL", "amqp://nobody:nothing@127.0.0.1:1/%2f"),
        ("MAILER_JWKS_URL", "http://127.0.0.1:1/"),
        ("MAILER_SMTP_URL", smtp_url),
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_aerobus-mailer"));
    let output = command.envs(variables).stdin(Stdio::null()).output().expect("the mailer runs");
    assert!(!output.status.success());
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn a_process_does_not_start_with_a_password_that_would_leave_unencrypted() {
    let told = refused("smtp://nina:hush@127.0.0.1:2525");
    assert!(told.contains("MAILER_SMTP_URL is invalid") && told.contains("?tls=none"), "{told}");
    assert!(!told.contains("hush"), "{told}");
}

#[test]
fn a_process_needs_no_secret_of_service_tokens() {
    // It comes as far as the database, with all of its settings read.
    let told = refused("smtp://127.0.0.1:2525");
    assert!(told.contains("the database could not be prepared"), "{told}");
}
