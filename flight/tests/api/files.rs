//! Files that are sent and received.

use crate::service::Service;
use awc::http::Method;
use serde_json::Value;
use testkit::{Answer, Client};

/// Sends a file.
pub(crate) async fn import(client: &Client, collection: &str, file: impl Into<Vec<u8>>) -> Answer {
    let path = format!("/api/v1/admin/{collection}/import");
    client.send(Method::POST, &path, "text/csv", Some(file.into())).await
}

/// What a file would do.
pub(crate) async fn dry_run(client: &Client, collection: &str, file: impl Into<Vec<u8>>) -> Value {
    let path = format!("/api/v1/admin/{collection}/import?dry_run=true");
    client.send(Method::POST, &path, "text/csv", Some(file.into())).await.expect(200)
}

/// The file of a table.
pub(crate) async fn export(service: &Service, collection: &str) -> String {
    let answer = service.operator.get(&format!("/api/v1/admin/{collection}/export")).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.json);
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"{collection}.csv\""));
    assert_eq!(answer.header("cache-control"), "private, no-store");
    String::from_utf8(answer.bytes.to_vec()).expect("UTF-8")
}

/// Rows that were created, changed and unchanged.
pub(crate) fn counts(report: &Value) -> (u64, u64, u64) {
    let count = |name: &str| report[name].as_u64().expect("a number");
    (count("created"), count("changed"), count("unchanged"))
}

/// Line, field and message of what is wrong.
pub(crate) fn errors(report: &Value) -> Vec<(u64, &str, &str)> {
    let errors = report["errors"].as_array().expect("a list").iter();
    errors
        .map(|error| {
            let field = error["field"].as_str().unwrap_or_default();
            (error["line"].as_u64().unwrap_or_default(), field, error["message"].as_str().expect("a text"))
        })
        .collect()
}
