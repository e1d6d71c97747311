//! The settings of a process of its own.

use std::process::{Command, Stdio};

const SECRET: (&str, &str) = ("MAILER_SERVICE_TOKEN_SECRET", "a secret of thirty-two characters");

/// What a process says with these settings, when it ends before it connects to anything.
fn refused(settings: &[(&str, &str)]) -> String {
    let variables = [
        ("MAILER_HTTP_ADDRESS", "127.0.0.1:0"),
        ("MAILER_DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing"),
        ("MAILER_AMQP_URL", "amqp://nobody:nothing@127.0.0.1:1/%2f"),
        ("MAILER_JWKS_URL", "http://127.0.0.1:1/"),
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_aerobus-mailer"));
    let output = command
        .envs(variables)
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("the mailer runs");
    assert!(!output.status.success());
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn a_process_does_not_start_with_a_password_that_would_leave_unencrypted() {
    let told = refused(&[SECRET, ("MAILER_SMTP_URL", "smtp://nina:hush@127.0.0.1:2525")]);
    assert!(told.contains("MAILER_SMTP_URL is invalid") && told.contains("?tls=none"), "{told}");
    assert!(!told.contains("hush"), "{told}");
}

#[test]
fn a_process_needs_the_secret_of_service_tokens() {
    let mail = ("MAILER_SMTP_URL", "smtp://127.0.0.1:2525");
    let told = refused(&[mail]);
    assert!(told.contains("MAILER_SERVICE_TOKEN_SECRET is not set"), "{told}");
    // With it, it comes as far as the database.
    let told = refused(&[SECRET, mail]);
    assert!(told.contains("the database could not be prepared"), "{told}");
}
