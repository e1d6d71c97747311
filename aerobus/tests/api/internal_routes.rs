//! Internal routes answer other services only. The gateway never forwards to them, but a client that reaches the port of
//! a service could ask for everybody's bookings and letters.

#![expect(clippy::unwrap_used, reason = "a failure of what all of its tests use is a failed test")]

use crate::system::RunningSystem;
use awc::http::Method;
use std::{collections::BTreeSet, fs, path::Path};

/// An id that nothing has.
const NOTHING: &str = "01890000-0000-7000-8000-000000000000";

/// All internal routes: method, path, the services that have it, and whether an administrator may ask too.
const INTERNAL_ROUTES: [(&str, &str, &[&str], bool); 14] = [
    ("GET", "/internal/status", &["booking", "flight", "mailer"], true),
    ("GET", "/internal/dead-letters", &["booking", "flight"], false),
    ("POST", "/internal/dead-letters/{id}/replay", &["booking", "flight"], false),
    ("GET", "/internal/revocations", &["gateway"], false),
    ("POST", "/internal/flights/{id}/close", &["booking"], false),
    ("PUT", "/internal/flights/{id}", &["booking"], false),
    ("POST", "/internal/flights/{id}/impact", &["booking"], false),
    ("POST", "/internal/flights/{id}/withdraw", &["booking"], false),
    ("GET", "/internal/seats", &["booking"], false),
    ("GET", "/internal/seats/versions", &["booking"], false),
    ("GET", "/internal/users/{id}/bookings", &["booking"], false),
    ("POST", "/internal/users/{id}/erase", &["booking"], false),
    ("POST", "/internal/letters/export", &["mailer"], false),
    ("POST", "/internal/letters/erase", &["mailer"], false),
];

#[actix_web::test]
async fn internal_routes_refuse_strangers_and_administrators() {
    let system = RunningSystem::start().await;
    let token = system.administrator_token().await;
    let mut wrong = Vec::new();
    for (method, path, services, staff) in INTERNAL_ROUTES {
        for service in services {
            let base = system.services.address(service);
            let nobody = system.anybody.at(&format!("http://{base}"));
            let method: Method = method.parse().unwrap();
            let body = (method != Method::GET).then(|| b"{}".to_vec());
            let path = path.replace("{id}", NOTHING);
            let admin = nobody.with_token(&token);
            let of_admin = if staff { 200 } else { 401 };
            for (caller, client, expected) in
                [("nobody", &nobody, 401), ("an administrator", &admin, of_admin)]
            {
                let answer = client.send(method.clone(), &path, "application/json", body.clone()).await;
                if answer.status != expected {
                    wrong.push(format!("{method} {path} of {service} as {caller}: {}", answer.status));
                }
            }
        }
    }
    system.stop().await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A route is mounted by its path in a literal, or by a constant.
#[test]
fn every_internal_route_is_in_the_list() {
    let listed: BTreeSet<&str> = INTERNAL_ROUTES.iter().map(|(_, path, ..)| *path).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut mounted = BTreeSet::new();
    for service in ["booking", "flight", "gateway", "mailer", "shared"] {
        collect(&root.join(service).join("src"), &mut mounted);
    }
    let mounted: BTreeSet<&str> = mounted.iter().map(String::as_str).collect();
    assert_eq!(mounted, listed, "INTERNAL_ROUTES of this test does not name what the services mount");
}

fn collect(folder: &Path, mounted: &mut BTreeSet<String>) {
    const MOUNTS: [&str; 5] = ["readable(\"", "resource(\"", "action(\"", "internal_post(\"", "scope(\""];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, mounted);
            continue;
        }
        for line in fs::read_to_string(&path).unwrap_or_default().lines() {
            let constant = line.split_once("const ").and_then(|(_, rest)| rest.split_once("= \""));
            let literals = MOUNTS.iter().filter_map(|mount| line.split_once(mount));
            let routes = literals.chain(constant).filter_map(|(_, rest)| rest.split('"').next());
            mounted.extend(routes.filter(|path| path.starts_with("/internal")).map(str::to_owned));
        }
    }
}
