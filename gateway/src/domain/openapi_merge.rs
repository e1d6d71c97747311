//! One OpenAPI document out of those of all services.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const SCHEMAS: &str = "#/components/schemas/";

/// Adds a service's document to the whole. Only what is below `/api/` is public. A schema that two
/// services define differently gets the service's name put before it.
pub(crate) fn merge(whole: &mut Value, service: &str, mut document: Value) {
    let renamed = renames(whole, service, &document);
    rename_references(&mut document, &renamed);
    for (path, item) in members(&mut document, "/paths") {
        if !path.starts_with("/api/") && !path.starts_with("/.well-known/") {
            continue;
        }
        let Value::Object(item) = item else { continue };
        // Two services may serve different methods of one path.
        let present = object(whole, "paths").entry(path).or_insert_with(|| json!({}));
        if let Value::Object(present) = present {
            item.into_iter().for_each(|(method, operation)| {
                present.entry(method).or_insert(operation);
            });
        }
    }
    for (kind, components) in members(&mut document, "/components") {
        let Value::Object(components) = components else { continue };
        for (name, component) in components {
            let name = if kind == "schemas" { renamed.get(&name).cloned().unwrap_or(name) } else { name };
            let of_kind = object(whole, "components").entry(kind.clone()).or_insert_with(|| json!({}));
            if let Value::Object(of_kind) = of_kind {
                of_kind.entry(name).or_insert(component);
            }
        }
    }
    merge_tags(whole, &mut document);
}

fn merge_tags(whole: &mut Value, document: &mut Value) {
    let Some(Value::Array(tags)) = document.get_mut("tags").map(Value::take) else { return };
    let Value::Object(whole) = whole else { return };
    let present = whole.entry("tags").or_insert_with(|| json!([]));
    let Value::Array(present) = present else { return };
    for tag in tags {
        if !present.iter().any(|known| known["name"] == tag["name"]) {
            present.push(tag);
        }
    }
}

/// New names of schemas that the whole has already, otherwise.
fn renames(whole: &Value, service: &str, document: &Value) -> BTreeMap<String, String> {
    let schemas =
        |document: &Value| document.pointer("/components/schemas").and_then(Value::as_object).cloned();
    let (present, coming) = (schemas(whole).unwrap_or_default(), schemas(document).unwrap_or_default());
    let differs = |(name, schema): &(String, Value)| present.get(name).is_some_and(|known| known != schema);
    let capitalised =
        service.chars().next().into_iter().flat_map(char::to_uppercase).chain(service.chars().skip(1));
    let prefix: String = capitalised.collect();
    coming.into_iter().filter(differs).map(|(name, _)| (name.clone(), format!("{prefix}{name}"))).collect()
}

fn rename_references(value: &mut Value, renamed: &BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(target) if name == "$ref" => {
                        if let Some(new) = target.strip_prefix(SCHEMAS).and_then(|old| renamed.get(old)) {
                            *target = format!("{SCHEMAS}{new}");
                        }
                    }
                    member => rename_references(member, renamed),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename_references(item, renamed)),
        _ => {}
    }
}

/// Takes the members of an object out of a document; none where there is no such object.
fn members(document: &mut Value, pointer: &str) -> Map<String, Value> {
    match document.pointer_mut(pointer).map(Value::take) {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// An object of the whole, made where it is missing.
fn object<'a>(whole: &'a mut Value, name: &str) -> &'a mut Map<String, Value> {
    if !whole[name].is_object() {
        whole[name] = json!({});
    }
    match &mut whole[name] {
        Value::Object(members) => members,
        _ => unreachable!("it was just made one"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(path: &str, schema: &Value) -> Value {
        json!({
            "paths": {path: {"get": {"$ref": "#/components/schemas/Thing"}}, "/internal/x": {"post": {}}},
            "components": {"schemas": {"Thing": schema, "Same": {"type": "string"}}},
            "tags": [{"name": "things"}],
        })
    }

    #[test]
    fn documents_become_one_and_what_is_internal_stays_out() {
        let mut whole = json!({"openapi": "3.1.0"});
        merge(&mut whole, "flight", document("/api/v1/a", &json!({"type": "integer"})));
        merge(&mut whole, "booking", document("/api/v1/b", &json!({"type": "boolean"})));
        let paths: Vec<&String> = whole["paths"].as_object().unwrap().keys().collect();
        assert_eq!(paths, ["/api/v1/a", "/api/v1/b"]);
        assert_eq!(whole["components"]["schemas"]["Thing"]["type"], "integer");
        assert_eq!(whole["components"]["schemas"]["BookingThing"]["type"], "boolean");
        assert_eq!(whole["paths"]["/api/v1/a"]["get"]["$ref"], "#/components/schemas/Thing");
        assert_eq!(whole["paths"]["/api/v1/b"]["get"]["$ref"], "#/components/schemas/BookingThing");
        assert_eq!(whole["components"]["schemas"].as_object().unwrap().len(), 3);
        assert_eq!(whole["tags"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn nonsense_of_a_service_does_no_harm() {
        for nonsense in
            [json!(null), json!([]), json!({"paths": 1, "components": {"schemas": 2}, "tags": {}})]
        {
            let mut whole = json!({"openapi": "3.1.0"});
            merge(&mut whole, "flight", nonsense);
            assert_eq!(whole["openapi"], "3.1.0");
        }
    }
}
