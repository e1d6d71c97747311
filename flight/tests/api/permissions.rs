//! Which permission each part of a flight's change needs.

use crate::{
    service::Service,
    world::{body, day},
};
use serde_json::json;
use shared::auth::Permission::{FareWrite, FlightWrite, ReferenceWrite};

#[actix_web::test]
async fn fares_need_one_permission_and_everything_else_another() {
    let service = Service::start().await;
    let date = day(30);
    let new = body("AE100", "LHR", &format!("{date}T10:00"), &format!("{date}T12:15"), "G-AERA");
    let [planner, pricer] = [[FlightWrite], [FareWrite]].map(|permissions| service.client(&permissions));
    pricer.post("/api/v1/admin/flights", &new).await.expect_problem(403, "forbidden");
    let made = planner.post("/api/v1/admin/flights", &new).await.expect(201);
    let path = format!("/api/v1/admin/flights/{}", made["id"].as_str().unwrap());

    let price = json!({"amount": "120.00", "currency": "EUR"});
    let fares = json!({"fares": [{"cabin": "economy", "brand": "light", "base_price": price}]});
    let airplane = json!({"airplane": "G-AERB"});
    let both = json!({"fares": fares["fares"], "airplane": "G-AERB"});
    for (client, refused) in [(&planner, &fares), (&planner, &both), (&pricer, &airplane), (&pricer, &both)] {
        client.patch(&path, refused).await.expect_problem(403, "forbidden");
    }
    let stranger = service.client(&[ReferenceWrite]);
    stranger.patch(&path, &fares).await.expect_problem(403, "forbidden");
    pricer.delete(&path).await.expect_problem(403, "forbidden");
    let shown = service.anybody.get(&format!("/api/v1/flights/{}", made["id"].as_str().unwrap())).await;
    assert_eq!(shown.expect(200)["version"], made["version"], "no refusal has changed anything");

    let changed = pricer.patch(&path, &fares).await.expect(200);
    assert_ne!(changed["fares"], made["fares"]);
    assert_eq!(planner.patch(&path, &airplane).await.expect(200)["airplane"], "G-AERB");
    service.client(&[FlightWrite, FareWrite]).patch(&path, &both).await.expect(200);
}
