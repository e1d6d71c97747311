use crate::{fake_service::FakeService, gateway_fixture::GatewayFixture};
use gateway::{ServiceName, routing_table_differences};
use serde_json::{Value, json};

#[actix_web::test]
async fn one_document_tells_of_all_services() {
    let document = |path: &str| {
        json!({
            "openapi": "3.1.0", "info": {"title": "x", "version": "1"},
            "paths": {path: {"get": {"responses": {"200": {"description": "x"}}}}, "/internal/x": {"get": {}}, "/health/live": {"get": {}}},
            "components": {"schemas": {"Thing": {"type": "string"}, "User": {"type": "integer"}}},
            "tags": [{"name": "things"}],
        })
    };
    let (flight, booking) = (
        FakeService::start_with(document("/api/v1/flights")),
        FakeService::start_with(document("/api/v1/bookings")),
    );
    let urls = (flight.url.clone(), booking.url.clone());
    let world = GatewayFixture::start_with(move |config| {
        config.flight_urls = vec![urls.0];
        config.booking_urls = vec![urls.1];
    })
    .await;
    let whole = world.client.get("/api/openapi.json").await.expect(200);
    let paths: Vec<&String> = whole["paths"].as_object().unwrap().keys().collect();
    assert!(
        paths.iter().any(|path| *path == "/api/v1/flights")
            && paths.iter().any(|path| *path == "/api/v1/auth/login")
    );
    assert!(
        paths.iter().all(|path| path.starts_with("/api/") || path.starts_with("/.well-known/")),
        "{paths:?}"
    );
    assert_eq!(whole["x-unavailable-services"], json!(["mailer"]));
    assert_eq!(whole["components"]["schemas"]["User"]["type"], "object");
    assert_eq!(whole["components"]["schemas"]["FlightUser"]["type"], "integer");
    assert!(whole["components"]["securitySchemes"]["bearer"].is_object());
    assert!(references(&whole).iter().all(|reference| whole.pointer(&reference[1..]).is_some()));
    world.stop().await;
    flight.stop().await;
    booking.stop().await;
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, member)| match member.as_str() {
                Some(target) if name == "$ref" => vec![target.to_owned()],
                _ => references(member),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[actix_web::test]
async fn the_browser_for_it_needs_no_other_server() {
    let world = GatewayFixture::start().await;
    let redirect = world.client.get("/api/docs").await;
    assert_eq!((redirect.status.as_u16(), redirect.header("location")), (308, "/api/docs/"));
    let page = world.client.get("/api/docs/").await;
    assert!(page.header("content-type").starts_with("text/html"));
    let text = String::from_utf8(page.bytes).unwrap();
    let sources: Vec<&str> = text
        .split(['"', '\''])
        .filter(|part| part.ends_with(".js") || part.ends_with(".css") || part.ends_with(".png"))
        .collect();
    assert!(sources.len() >= 3, "{text}");
    for source in sources {
        assert!(!source.contains("//"), "{source}");
        let file = world.client.get(&format!("/api/docs/{}", source.trim_start_matches("./"))).await;
        assert_eq!(file.status, 200, "{source}");
    }
    assert!(!text.contains("http://") && !text.contains("https://"));
    let initializer = world.client.get("/api/docs/swagger-initializer.js").await;
    assert!(String::from_utf8_lossy(&initializer.bytes).contains("/api/openapi.json"));
    world.client.get("/api/docs/nothing.js").await.expect_problem(404, "not_found");
    assert_eq!(world.client.get("/").await.expect(200)["documentation"], "/api/docs/");
    world.stop().await;
}

#[test]
fn the_gateways_own_routes_are_those_of_the_table() {
    let document = serde_json::to_value(gateway::document()).unwrap();
    assert_eq!(routing_table_differences(ServiceName::Gateway, &document), [""; 0]);
}
