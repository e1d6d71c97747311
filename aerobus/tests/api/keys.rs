//! `aerobus keys` beside running services.

use crate::system::RunningSystem;
use secrecy::ExposeSecret;
use std::process::{Command, Output};

/// What the program does with the keys of this system.
async fn keys(system: &RunningSystem, arguments: &'static [&'static str], kid: Option<String>) -> Output {
    let url = system.database.config("gateway").url.expose_secret().to_owned();
    let mut command = Command::new(env!("CARGO_BIN_EXE_aerobus"));
    command.arg("keys").args(arguments).args(kid).env("GATEWAY_DATABASE_URL", url);
    tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("the program runs")
}

fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[actix_web::test]
async fn an_operator_rotates_and_retires_keys() {
    let system = RunningSystem::with(None, false).await;
    let admin = system.administrator().await;
    let first = lines(&keys(&system, &["list"], None).await);
    assert!(first.len() == 1 && first[0].ends_with("  signs"), "{first:?}");
    let kid = first[0].split(' ').next().expect("its id").to_owned();

    let rotated = lines(&keys(&system, &["rotate"], None).await);
    assert_eq!(rotated.len(), 2, "{rotated:?}");
    assert!(rotated[0].contains("announced, signs from"), "{rotated:?}");
    let again = keys(&system, &["rotate"], None).await;
    let told = String::from_utf8_lossy(&again.stderr);
    assert!(!again.status.success() && told.contains("is not being replaced already"), "{told}");
    let _ = admin.get("/api/v1/users/me").await.expect(200);

    let retired = lines(&keys(&system, &["retire"], Some(kid.clone())).await);
    assert!(retired[0].starts_with(&format!("{kid} is withdrawn")), "{retired:?}");
    let unknown = keys(&system, &["retire"], Some("nonsense".to_owned())).await;
    assert!(!unknown.status.success());
    system.stop().await;
}
