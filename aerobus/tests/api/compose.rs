//! The secrets in `docker/compose.yaml`: each part is told those that it uses, and no others.

/// The text of a service in the file, up to the next one.
fn block(service: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docker/compose.yaml");
    let text = std::fs::read_to_string(path).expect("the compose file");
    let (_, services) = text.split_once("\nservices:\n").expect("its services");
    let heading = format!("  {service}:");
    let lines = services.lines().skip_while(|line| *line != heading).skip(1);
    let block: Vec<&str> = lines.take_while(|line| line.is_empty() || line.starts_with("    ")).collect();
    assert!(!block.is_empty(), "{service} is not in the compose file");
    block.join("\n")
}

#[test]
fn a_service_has_a_database_password_of_its_own() {
    let services = ["gateway", "flight", "booking", "mailer"];
    let password = |service: &str| format!("${{{}_DATABASE_PASSWORD:?}}", service.to_uppercase());
    let (server, provision) = (block("postgres"), include_str!("../../../docker/provision.sh"));
    assert!(
        provision.contains("${service^^}_DATABASE_PASSWORD"),
        "each role gets the password of its service"
    );
    for service in services {
        assert!(server.contains(&password(service)), "the server is told the password of {service}");
        for other in services {
            assert_eq!(block(service).contains(&password(other)), service == other, "{service}, {other}");
        }
    }
}

#[test]
fn the_secret_of_service_tokens_is_told_to_those_that_use_it() {
    for (service, uses) in [("gateway", true), ("mailer", true), ("postgres", false), ("rabbitmq", false)] {
        assert_eq!(block(service).contains("${SERVICE_TOKEN_SECRET:?}"), uses, "{service}");
    }
    for service in ["flight", "booking"] {
        assert!(block(service).contains("${SERVICE_TOKEN_SECRET:?}"), "{service}");
    }
}

#[test]
fn the_payment_provider_is_named() {
    assert!(block("booking").contains("BOOKING_PAYMENT_PROVIDER: \"${PAYMENT_PROVIDER:?"));
}
