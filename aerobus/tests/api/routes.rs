//! The gateway's table of routes against what the services say of themselves.

use crate::system::RunningSystem;
use gateway::{ServiceName, routing_table_differences};
use testkit::Client;

#[actix_web::test]
async fn the_gateway_and_the_services_agree_on_routes_and_permissions() {
    let system = RunningSystem::start().await;
    for (name, service) in [
        ("gateway", ServiceName::Gateway),
        ("flight", ServiceName::Flight),
        ("booking", ServiceName::Booking),
        ("mailer", ServiceName::Mailer),
    ] {
        let client = Client::new(format!("http://{}", system.services.address(name)));
        let document = client.get("/openapi.json").await.expect(200);
        assert_eq!(routing_table_differences(service, &document), Vec::<String>::new(), "{name}");
    }
    system.stop().await;
}
