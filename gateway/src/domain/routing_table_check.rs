//! Compares the routing table with the OpenAPI document of a service, so that the two refuse alike.

use super::routing_table::{ApiRoute, ROUTING_TABLE, RouteAccess, ServiceName};
use serde_json::Value;
use std::collections::BTreeMap;

/// The differences between the table and a service's document; empty when they agree.
///
/// A document states access by `security`: absent means public, `bearer` without scopes means any token, and a
/// scope names a permission. One of several alternatives is enough. Names in braces are not compared. The check
/// covers paths below `/api/` and `/.well-known/`.
#[must_use]
pub fn differences(service: ServiceName, document: &Value) -> Vec<String> {
    let listed: BTreeMap<String, String> = ROUTING_TABLE
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

fn needs(route: &ApiRoute) -> String {
    match route.access {
        RouteAccess::Public => "nothing".to_owned(),
        RouteAccess::Authenticated | RouteAccess::LoggedIn | RouteAccess::AuthenticatedOrGuest => {
            "a token".to_owned()
        }
        RouteAccess::Permitted(permissions) => {
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
            differences(ServiceName::Mailer, &document),
            [
                "GET /api/v1/admin/mail/dead-letters/{} is in the table only",
                "GET /api/v1/admin/mail/{} needs mail:read by the table, nothing by the document",
                "POST /api/v1/admin/mail/dead-letters/{}/replay is in the table only",
                "POST /api/v1/admin/mail/{}/resend needs mail:resend by the table, a token by the document",
                "DELETE /api/v1/admin/mail/{} is in the document only",
            ]
        );
    }
}
