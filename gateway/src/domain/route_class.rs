//! The class of a route: what its requests count as in limits and metrics.

use super::routing_table::{ApiRoute, ResponseKind, RouteAccess};

/// The class of a route. Each has limits of its own, so that a flood of one kind leaves a client the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum RouteClass {
    /// Reading, and everything that is not in the routing table.
    Read,
    /// Searching: what travellers type into forms.
    Search,
    /// Bookings, payments, and changes of one's own data.
    Write,
    /// Sessions and credentials, but for the next two, and the export of what is kept of a person.
    Auth,
    /// Logging in: a password is hashed.
    Login,
    /// Making an account: a password is hashed, and a letter sent.
    Register,
    /// Opening a stream of events.
    Stream,
    /// What staff do.
    Admin,
}

impl RouteClass {
    /// All classes.
    pub(crate) const ALL: [Self; 8] = [
        Self::Read,
        Self::Search,
        Self::Write,
        Self::Auth,
        Self::Login,
        Self::Register,
        Self::Stream,
        Self::Admin,
    ];

    /// Its name in headers, metrics and logs.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Search => "search",
            Self::Write => "write",
            Self::Auth => "auth",
            Self::Login => "login",
            Self::Register => "register",
            Self::Stream => "stream",
            Self::Admin => "admin",
        }
    }

    /// The class of a route: by its path where the path says more than method and access.
    pub(crate) fn of(route: &ApiRoute) -> Self {
        match (route.method, route.path) {
            ("POST", "/api/v1/auth/login") => Self::Login,
            ("POST", "/api/v1/auth/register") => Self::Register,
            // It collects all that is kept of a person, from three services.
            (_, "/api/v1/users/me/export") => Self::Auth,
            (_, path) if is_about_credentials(route.method, path) => Self::Auth,
            (_, "/api/v1/search" | "/api/v1/price-calendar" | "/api/v1/places") => Self::Search,
            _ if route.response == ResponseKind::EventStream => Self::Stream,
            _ if matches!(route.access, RouteAccess::Permitted(_)) => Self::Admin,
            ("GET", _) => Self::Read,
            _ => Self::Write,
        }
    }
}

/// Whether a route checks or changes a password, a second factor, or a session.
fn is_about_credentials(method: &str, path: &str) -> bool {
    let own = |rest: &str| path.strip_prefix("/api/v1/users/me").is_some_and(|left| left.starts_with(rest));
    let changes =
        method != "GET" && (own("/password") || own("/totp") || own("/sessions") || own("/api-keys"));
    // Whoever closes an account says its password.
    let closes = (method, path) == ("DELETE", "/api/v1/users/me");
    path.starts_with("/api/v1/auth/") || changes || closes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        route_lookup::find,
        routing_table::{ROUTING_TABLE, RouteMatch},
    };

    fn class(method: &str, path: &str) -> RouteClass {
        match find(method, path) {
            RouteMatch::Route(route) => RouteClass::of(route),
            other => panic!("{method} {path}: {other:?}"),
        }
    }

    #[test]
    fn each_route_has_the_class_of_its_kind() {
        for route in ROUTING_TABLE {
            let expected: &[RouteClass] = match (route.method, route.access) {
                _ if route.response == ResponseKind::EventStream => &[RouteClass::Stream],
                (_, RouteAccess::Permitted(_)) => &[RouteClass::Admin],
                ("GET", _) if route.path == "/api/v1/users/me/export" => &[RouteClass::Auth],
                ("GET", _) => &[RouteClass::Read, RouteClass::Search],
                _ => &[RouteClass::Write, RouteClass::Auth, RouteClass::Login, RouteClass::Register],
            };
            let class = RouteClass::of(route);
            assert!(expected.contains(&class), "{} {}: {class:?}", route.method, route.path);
        }
    }

    #[test]
    fn what_a_path_says_goes_first() {
        for (method, path, expected) in [
            ("POST", "/api/v1/auth/login", RouteClass::Login),
            ("POST", "/api/v1/auth/register", RouteClass::Register),
            ("POST", "/api/v1/auth/refresh", RouteClass::Auth),
            ("GET", "/api/v1/search", RouteClass::Search),
            ("GET", "/api/v1/places", RouteClass::Search),
            ("GET", "/api/v1/flights/x", RouteClass::Read),
            ("GET", "/api/v1/flights/x/seat-map", RouteClass::Read),
            ("GET", "/api/v1/flights/x/seat-map/events", RouteClass::Stream),
            ("POST", "/api/v1/bookings", RouteClass::Write),
            ("GET", "/api/v1/users/me", RouteClass::Read),
            ("PATCH", "/api/v1/users/me", RouteClass::Write),
            ("GET", "/api/v1/admin/mail", RouteClass::Admin),
        ] {
            assert_eq!(class(method, path), expected, "{method} {path}");
        }
        assert!(is_about_credentials("POST", "/api/v1/users/me/password"));
        assert!(is_about_credentials("DELETE", "/api/v1/users/me"));
        assert!(!is_about_credentials("GET", "/api/v1/users/me/sessions"));
    }

    #[test]
    fn the_list_of_all_is_in_the_order_of_their_numbers() {
        for (index, class) in RouteClass::ALL.into_iter().enumerate() {
            assert_eq!(class as usize, index, "{class:?}");
        }
    }
}
