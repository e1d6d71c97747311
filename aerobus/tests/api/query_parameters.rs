//! Bad query parameters, on every route that reads.

use crate::system::RunningSystem;
use awc::http::Method;
use serde_json::Value;
use shared::ids::FlightId;

/// A path that every service takes for one of its own, whether there is such a thing or not.
fn filled(template: &str) -> String {
    let id = FlightId::new().to_string();
    let segments = template.split('/').map(|segment| match segment.strip_prefix('{') {
        Some(name) if name.contains("id") || template.contains("seat-layouts") => id.clone(),
        Some("service}") => "flight".to_owned(),
        Some(_) => "AAA".to_owned(),
        None => segment.to_owned(),
    });
    segments.collect::<Vec<_>>().join("/")
}

/// The query parameters that an operation documents.
fn documented(operation: &Value) -> Vec<String> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let query = parameters.filter(|parameter| parameter["in"] == "query");
    query.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned)).collect()
}

#[actix_web::test]
async fn an_empty_or_undecodable_parameter_is_a_bad_one_everywhere() {
    let system = RunningSystem::start().await;
    let admin = system.administrator().await;
    let document = system.anybody.get("/api/openapi.json").await.expect(200);
    let invalid = async |path: &str| {
        let answer = admin.send(Method::GET, path, "", None).await;
        assert_eq!(answer.status, 422, "{path}: {}", String::from_utf8_lossy(&answer.bytes));
        answer.expect_problem(422, "validation_failed");
        answer.invalid()
    };
    let mut asked = 0;
    for (template, item) in document["paths"].as_object().unwrap() {
        let Some(operation) = item.get("get") else { continue };
        let path = filled(template);
        for name in documented(operation) {
            for bad in [format!("{name}="), name.clone(), format!("{name}=%ff"), format!("{name}=%4")] {
                let told = invalid(&format!("{path}?{bad}")).await;
                assert_eq!(told.iter().filter(|told| **told == name).count(), 1, "{path}?{bad}: {told:?}");
                asked += 1;
            }
        }
        // Also where nothing is taken.
        for (unknown, name) in [("colour=red", "colour"), ("colour=", "colour"), ("%ff=1", "\u{fffd}")] {
            let told = invalid(&format!("{path}?{unknown}")).await;
            assert!(told.iter().any(|told| told == name), "{path}?{unknown}: {told:?}");
            asked += 1;
        }
    }
    assert!(asked > 200, "{asked}");
    // As the services themselves answer, so HEAD does.
    let head = admin.send(Method::HEAD, "/api/v1/admin/stats?to=", "", None).await;
    assert_eq!((head.status.as_u16(), head.bytes.len()), (422, 0));
    assert_eq!(invalid("/api/v1/cities?q=+").await, ["q"], "nothing but blanks is nothing");
    system.stop().await;
}
