//! The whole API against its OpenAPI document, by schemathesis: a Python program that draws requests from the document,
//! right ones and wrong ones, and compares the answers with it.

use crate::system::{RunningSystem, book, booking};
use serde_json::Value;
use std::{
    fmt::Write,
    fs,
    path::Path,
    process::{Command, Stdio},
};
use testkit::Client;

/// What is compared. The others ask for what HTTP leaves open.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                      negative_data_rejection";
/// The requests are the same at each run.
const SEED: &str = "1";
/// What can end the session or the permissions that the requests are made with: ids of answers are asked for again. They
/// come last.
const ENDS_ACCESS: &str = r"(/users/me/sessions(/\{id\})?|/admin/users/\{id\}(/roles)?)$";

/// How it sends a file: it knows no media type of tables.
const HOOKS: &str = "\
import schemathesis

@schemathesis.serializer('text/csv')
def table(context, value):
    return value if isinstance(value, bytes) else str(value).encode()
";

/// Things that exist, for the parameters of paths.
async fn existing(system: &RunningSystem, admin: &Client) -> Vec<(&'static str, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let flight = system.one_flight(admin).await;
    let held = book(admin, &booking(&flight, Some("12A"), None)).await.expect(201);
    let layouts = admin.get("/api/v1/seat-layouts").await.expect(200);
    vec![
        ("/cities/{key}", "AAA".to_owned()),
        ("/airports/{key}", "AAA".to_owned()),
        ("/airlines/{key}", "XA".to_owned()),
        ("/aircraft-types/{key}", "320".to_owned()),
        ("/airplanes/{key}", "G-TEST".to_owned()),
        ("/seat-layouts/{key}", text(&layouts["data"][0]["id"])),
        ("/flights/{id}", text(&flight["id"])),
        ("/bookings/{id}", text(&held["id"])),
    ]
}

/// The configuration with these parameters of paths, written to a file.
fn configuration(folder: &Path, existing: &[(&'static str, String)]) -> String {
    let mut text = String::new();
    for (path, value) in existing {
        let (before, name) = path.split_once('{').expect("a parameter");
        let name = name.trim_end_matches('}');
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "[[operations]]\ninclude-path-regex = '{before}\\{{{name}\\}}'\nparameters = {{ \"path.{name}\" = \"{value}\" }}\n\n"
        );
    }
    let file = folder.join("schemathesis.toml");
    fs::write(&file, text).expect("the configuration is written");
    file.to_string_lossy().into_owned()
}

/// Runs it to its end, with these options; fails with what it prints where it finds anything.
async fn run(system: &RunningSystem, token: &str, before: Vec<String>, options: &[&str]) {
    let python = std::env::var("AEROBUS_TEST_SCHEMATHESIS").expect(
        "AEROBUS_TEST_SCHEMATHESIS names the Python that has schemathesis: ./dev test installs it and sets it",
    );
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("tables.py"), HOOKS).expect("the hooks are written");
    let mut command = Command::new(python);
    command.env("SCHEMATHESIS_HOOKS", "tables").env("PYTHONPATH", folder.path());
    command.args(["-m", "schemathesis.cli"]).args(before).arg("run");
    command.arg(format!("http://{}/api/openapi.json", system.services.gateway()));
    command.args(["--header", &format!("Authorization: Bearer {}", token)]);
    command.args([
        "--checks",
        CHECKS,
        "--seed",
        SEED,
        "--no-shrink",
        "--continue-on-failure",
        "--warnings",
        "off",
    ]);
    command.args(options).current_dir(folder.path()).stdin(Stdio::null());
    let ran = actix_web::rt::task::spawn_blocking(move || command.output().expect("the Python runs"));
    let output = ran.await.expect("it ends");
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{errors}");
}

#[actix_web::test]
async fn the_document_is_true() {
    let system = RunningSystem::start().await;
    let token = system.administrator_token().await;
    let folder = tempfile::tempdir().expect("a folder");
    // Any text is a file; a dry run answers 200 with what is wrong with it.
    let excluded = format!("{ENDS_ACCESS}|/import$");
    let drawn =
        ["--phases", "examples,coverage,fuzzing", "--max-examples", "8", "--exclude-path-regex", &excluded];
    run(&system, &token, Vec::new(), &drawn).await;
    // Answers of success need things that exist.
    let admin = system.anybody.with_token(&token);
    let configuration = configuration(folder.path(), &existing(&system, &admin).await);
    let known = ["--phases", "examples,coverage,fuzzing", "--mode", "positive", "--max-examples", "3"];
    let existing = ["--config-file".to_owned(), configuration];
    run(&system, &token, existing.to_vec(), &[&known[..], &["--exclude-path-regex", ENDS_ACCESS]].concat())
        .await;
    run(&system, &token, Vec::new(), &[&known[..], &["--include-path-regex", ENDS_ACCESS]].concat()).await;
    system.stop().await;
}
