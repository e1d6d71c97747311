//! Compares the routing table with the OpenAPI document of a service, so that the two refuse alike.

use super::routes::{Access, Route, Service, TABLE};
use serde_json::Value;
use std::collections::BTreeMap;

/// What the table and a service's document say differently; nothing when they agree.
///
/// A document tells of access by `security`: none is public, `bearer` without scopes is any token, with
/// a scope it is that permission, and of several alternatives one is enough. Names in braces do not count. Only what is below `/api/` and
/// `/.well-known/` is looked at.
#[must_use]
pub fn differences(service: Service, document: &Value) -> Vec<String> {
    let listed: BTreeMap<String, String> = TABLE
        .iter()
        .filter(|route| route.service == service)
        .map(|route| (name(route.method, route.path), needs(route)))
        .collect();
    let documented = documented(document);
    let mut differences = Vec::new();
    for (name, needed) in &listed {
        match documented.get(name) {
            None => differences.push(format!("{name} is in the table only")),
            Some(found) if found != needed => {
                differences.push(format!("{name} needs {needed} by the table, {found} by the document"));
            }
            Some(_) => {}
        }
    }
    let unlisted = documented.keys().filter(|name| !listed.contains_key(*name));
    differences.extend(unlisted.map(|name| format!("{name} is in the document only")));
    differences
}

fn needs(route: &Route) -> String {
    match route.access {
        Access::Public => "nothing".to_owned(),
        Access::Authenticated | Access::AuthenticatedOrGuest => "a token".to_owned(),
        Access::Permitted(permissions) => {
            let names: Vec<_> = permissions.iter().map(|permission| permission.as_str()).collect();
            names.join(" or ")
        }
    }
}

fn name(method: &str, path: &str) -> String {
    let shape = path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
    format!("{} {}", method.to_uppercase(), shape.collect::<Vec<_>>().join("/"))
}

fn documented(document: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let paths = document["paths"].as_object().into_iter().flatten();
    for (path, item) in
        paths.filter(|(path, _)| path.starts_with("/api/") || path.starts_with("/.well-known/"))
    {
        for (method, operation) in item.as_object().into_iter().flatten() {
            // Beside methods an item may hold parameters and texts.
            if ["get", "put", "post", "patch", "delete"].contains(&method.as_str()) {
                found.insert(name(method, path), told_needs(operation));
            }
        }
    }
    found
}

fn told_needs(operation: &Value) -> String {
    let alternatives = operation["security"].as_array().into_iter().flatten();
    let scopes = |bearer: &Value| {
        let scopes: Vec<_> = bearer.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if scopes.is_empty() { "a token".to_owned() } else { scopes.join(" and ") }
    };
    let needs: Vec<_> = alternatives.filter_map(|one| one.get("bearer")).map(scopes).collect();
    if needs.is_empty() { "nothing".to_owned() } else { needs.join(" or ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_difference_is_named() {
        let document = json!({"paths": {
            "/api/v1/admin/mail": {"get": {"security": [{"bearer": ["mail:read"]}]}},
            "/api/v1/admin/mail/dead-letters": {"get": {"security": [{"bearer": ["mail:read"]}]}},
            "/api/v1/admin/mail/{letter}": {"get": {}, "delete": {}, "summary": "x"},
            "/api/v1/admin/mail/{letter}/resend": {"post": {"security": [{"bearer": []}]}},
            "/internal/x": {"get": {}},
        }});
        assert_eq!(
            differences(Service::Mailer, &document),
            [
                "GET /api/v1/admin/mail/{} needs mail:read by the table, nothing by the document",
                "POST /api/v1/admin/mail/dead-letters/{}/replay is in the table only",
                "POST /api/v1/admin/mail/{}/resend needs mail:resend by the table, a token by the document",
                "DELETE /api/v1/admin/mail/{} is in the document only",
            ]
        );
    }
}
