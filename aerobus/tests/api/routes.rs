//! The gateway's table of routes against what the services say of themselves.

use crate::system::System;
use gateway::domain::{route_check::differences, routes::Service};
use testkit::Client;

#[actix_web::test]
async fn the_gateway_and_the_services_agree_on_routes_and_permissions() {
    let system = System::start().await;
    for (name, service) in [
        ("gateway", Service::Gateway),
        ("flight", Service::Flight),
        ("booking", Service::Booking),
        ("mailer", Service::Mailer),
    ] {
        let client = Client::new(format!("http://{}", system.services.address(name)));
        let document = client.get("/openapi.json").await.expect(200);
        assert_eq!(differences(service, &document), Vec::<String>::new(), "{name}");
    }
    system.stop().await;
}
