//! `aerobus api` as a process of its own.

use crate::system::RunningSystem;
use secrecy::ExposeSecret;
use serde_json::Value;
use std::process::{Command, Output, Stdio};

/// Runs the program as the administrator.
async fn api(system: &RunningSystem, arguments: &[&str]) -> Output {
    let administrator = &system.plan.administrator;
    let mut command = Command::new(env!("CARGO_BIN_EXE_aerobus"));
    command.arg("api").args(arguments).args(["--email", &administrator.email]);
    command.args(["--url", &format!("http://{}", system.services.gateway())]);
    command.env("AEROBUS_API_PASSWORD", administrator.password.expose_secret()).stdin(Stdio::null());
    let run = move || command.output().expect("the program runs");
    actix_web::rt::task::spawn_blocking(run).await.expect("it ends")
}

#[actix_web::test]
async fn the_program_signs_in_and_calls() {
    let system = RunningSystem::start().await;
    let me = api(&system, &["get", "users/me"]).await;
    assert!(me.status.success(), "{me:?}");
    let user: Value = serde_json::from_slice(&me.stdout).expect("a user");
    assert_eq!(user["email"], "admin@aerobus.example");

    let city = r#"{"code": "AAA", "name": "Aachenport", "country": "GB", "time_zone": "Europe/London"}"#;
    let made = api(&system, &["post", "/api/v1/admin/cities", city]).await;
    assert!(made.status.success(), "{made:?}");
    let told = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(told.contains("201") && told.contains("location: /api/v1/"), "{told}");

    let refused = api(&system, &["post", "admin/cities", "{}"]).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let problem: Value = serde_json::from_slice(&refused.stdout).expect("a problem");
    assert_eq!(problem["code"], "validation_failed");
    let anonymous = api(&system, &["get", "users/me", "--anonymous"]).await;
    assert_eq!(anonymous.status.code(), Some(1), "{anonymous:?}");
    system.stop().await;
}
