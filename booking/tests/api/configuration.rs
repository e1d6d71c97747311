//! The settings of a process of its own.

use std::process::{Command, Stdio};

/// What a process says that lacks nothing but this variable. It ends before it connects to anything.
fn without(missing: &str) -> String {
    let variables = [
        ("BOOKING_HTTP_ADDRESS", "127.0.0.1:0"),
        ("BOOKING_DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing"),
        ("BOOKING_AMQP_URL", "amqp://nobody:nothing@127.0.0.1:1/%2f"),
        ("BOOKING_JWKS_URL", "http://127.0.0.1:1/"),
        ("BOOKING_SERVICE_TOKEN_SECRET", testkit::SERVICE_TOKEN_SECRET),
        ("BOOKING_PAYMENT_PROVIDER", "sandbox"),
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_aerobus-booking"));
    command.envs(variables).env_remove(missing).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(!output.status.success(), "it started without {missing}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_process_without_a_payment_provider_does_not_start() {
    for missing in ["BOOKING_PAYMENT_PROVIDER", "BOOKING_SERVICE_TOKEN_SECRET"] {
        let told = without(missing);
        assert!(told.contains(&format!("{missing} is not set")), "{told}");
    }
}
