//! Looks requests up in the routing table.

use super::{
    routing_index::RoutingIndex,
    routing_table::{ROUTING_TABLE, RouteMatch},
};
use std::sync::LazyLock;

static INDEX: LazyLock<RoutingIndex> = LazyLock::new(|| RoutingIndex::new(ROUTING_TABLE));

/// Looks a request up. `path` is the raw path of the request line: a path that only matches after decoding
/// is unknown. HEAD counts as GET. A literal path wins over one with a variable segment: /bookings/lookup is not an id.
pub(crate) fn find(method: &str, path: &str) -> RouteMatch {
    INDEX.find(if method == "HEAD" { "GET" } else { method }, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::routing_table::{RouteAccess, ServiceName};
    use proptest::prelude::*;

    const GET: &str = "GET";
    const POST: &str = "POST";
    const PUT: &str = "PUT";
    const PATCH: &str = "PATCH";
    const DELETE: &str = "DELETE";

    fn service(method: &str, path: &str) -> Option<ServiceName> {
        match find(method, path) {
            RouteMatch::Route(route) => Some(route.service),
            _ => None,
        }
    }

    #[test]
    fn each_path_goes_to_its_service() {
        assert_eq!(service(GET, "/api/v1/flights/x"), Some(ServiceName::Flight));
        assert_eq!(service("HEAD", "/api/v1/flights/x"), Some(ServiceName::Flight));
        assert_eq!(service(GET, "/api/v1/flights/x/seat-map"), Some(ServiceName::Booking));
        assert_eq!(service(GET, "/api/v1/flights/x/seat-map/events"), Some(ServiceName::Booking));
        assert_eq!(service(GET, "/api/v1/admin/mail/dead-letters"), Some(ServiceName::Mailer));
        assert_eq!(service(POST, "/api/v1/auth/login"), Some(ServiceName::Gateway));
    }

    #[test]
    fn a_written_out_path_is_no_value() {
        assert_eq!(find(GET, "/api/v1/bookings/lookup"), RouteMatch::MethodNotAllowed("POST".into()));
        assert_eq!(
            find(PUT, "/api/v1/users/me"),
            RouteMatch::MethodNotAllowed("DELETE, GET, HEAD, PATCH".into())
        );
    }

    #[test]
    fn what_is_not_in_the_table_is_nowhere() {
        for path in [
            "/",
            "",
            "/internal/flights/x/close",
            "/api/v1/internal/flights/x/close",
            "/api/v1/flights/",
            "/api/v1/flights/..",
            "/api/v1/flights/%2e%2E",
            "/api/v1//flights",
            "/api/v1/flights/x/",
            "/api/v1/Flights/x",
            "/api/v1/flights/../../../internal/flights/x/close",
            "/api/v1/%66lights/x",
            "/metrics",
        ] {
            assert_eq!(find(GET, path), RouteMatch::UnknownPath, "{path}");
            assert_eq!(find(POST, path), RouteMatch::UnknownPath, "{path}");
        }
    }

    #[test]
    fn no_line_stands_twice_and_admin_paths_need_a_permission() {
        for (index, route) in ROUTING_TABLE.iter().enumerate() {
            let twice = ROUTING_TABLE[..index]
                .iter()
                .any(|other| (other.method, other.path) == (route.method, route.path));
            assert!(!twice, "{} {}", route.method, route.path);
            let is_admin = route.path.contains("/admin/");
            assert_eq!(
                is_admin,
                matches!(route.access, RouteAccess::Permitted(_)),
                "{} {}",
                route.method,
                route.path
            );
            assert!(!route.path.contains("internal"), "{}", route.path);
        }
    }

    proptest! {
        #[test]
        fn only_a_path_as_it_is_written_leads_anywhere(
            segments in prop::collection::vec(
                prop_oneof![
                    Just("internal"), Just("Internal"), Just("%69nternal"), Just("api"), Just("API"), Just("v1"),
                    Just("flights"), Just("bookings"), Just("admin"), Just("close"), Just("cancel"), Just("x"),
                    Just(""), Just("."), Just(".."), Just("%2e%2e"), Just("%2E."), Just("..%2f.."), Just("%252e%252e"),
                    Just("..;"), Just(";x=1"), Just("a;b"), Just("%00"), Just("\\"), Just("%5c.."),
                ],
                0..9,
            ),
            method in prop::sample::select(vec![GET, POST, PATCH, DELETE]),
        ) {
            let path = format!("/{}", segments.join("/"));
            if let RouteMatch::Route(route) = find(method, &path) {
                prop_assert_eq!(route.method, method);
                prop_assert!(!route.path.contains("internal"));
                let pairs: Vec<_> = route.path.split('/').zip(path.split('/')).collect();
                prop_assert_eq!(pairs.len(), path.split('/').count());
                for (pattern, segment) in pairs {
                    let is_value = pattern.starts_with('{');
                    prop_assert!(is_value || pattern == segment, "{}", path);
                    prop_assert!(!is_value || !["", ".", "..", "%2e%2e", "%2E."].contains(&segment), "{}", path);
                }
            }
        }

        #[test]
        fn no_path_panics_and_none_leads_inside(path in "(/|internal|api|v1|flights|\\.\\.|%2e|%2f|[a-z{}%]){0,12}") {
            if let RouteMatch::Route(route) = find(GET, &path) {
                prop_assert!(path.starts_with("/api/") || path.starts_with("/.well-known/"));
                prop_assert_eq!(route.path.split('/').count(), path.split('/').count());
            }
        }
    }
}
