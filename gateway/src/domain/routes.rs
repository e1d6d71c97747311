//! The routing table: every path of the installation, who serves it, and who may call it.
//!
//! The gateway refuses early what the table forbids; the service refuses it again for itself. Tests
//! compare this table with the services' own OpenAPI documents. What is not here is 404, so nothing
//! below `/internal` is ever reachable.

use shared::auth::Permission;

/// Who serves a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// The gateway itself.
    Gateway,
    /// Reference data, flights, search.
    Flight,
    /// Seat maps, bookings.
    Booking,
    /// Letters.
    Mailer,
}

impl Service {
    /// The services behind the gateway.
    pub const UPSTREAMS: [Self; 3] = [Self::Flight, Self::Booking, Self::Mailer];

    /// Its name, `flight`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Flight => "flight",
            Self::Booking => "booking",
            Self::Mailer => "mailer",
        }
    }
}

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody; but a bad token is refused even here.
    Public,
    /// Whoever has an access token.
    Authenticated,
    /// Whoever has an access token, or the token that `POST /bookings/lookup` gives, which only
    /// booking can check.
    AuthenticatedOrGuest,
    /// Callers with one of these permissions. Where there are several, the service decides by the body.
    Permitted(&'static [Permission]),
}

/// What a route answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A body with an end, within the limits of ordinary requests.
    Whole,
    /// Server-Sent Events, for as long as the client listens.
    Events,
}

/// A line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// GET stands for HEAD too.
    pub method: &'static str,
    /// The path, with `{...}` for what varies: one segment, never empty.
    pub path: &'static str,
    /// Who serves it.
    pub service: Service,
    /// Who may call it.
    pub access: Access,
    /// What it answers.
    pub answer: Answer,
}

const GET: &str = "GET";
const POST: &str = "POST";
const PATCH: &str = "PATCH";
const DELETE: &str = "DELETE";

const PUBLIC: Access = Access::Public;
const USER: Access = Access::Authenticated;
const GUEST: Access = Access::AuthenticatedOrGuest;
const REFERENCE: Access = Access::Permitted(&[Permission::ReferenceWrite]);
const FLIGHT: Access = Access::Permitted(&[Permission::FlightWrite]);
const FLIGHT_OR_FARE: Access = Access::Permitted(&[Permission::FlightWrite, Permission::FareWrite]);
const READ_MAIL: Access = Access::Permitted(&[Permission::MailRead]);
const READ_BOOKINGS: Access = Access::Permitted(&[Permission::BookingReadAny]);
const READ_MANIFEST: Access = Access::Permitted(&[Permission::ManifestRead]);
const READ_REPORT: Access = Access::Permitted(&[Permission::ReportRead]);
const CHECK: Access = Access::Permitted(&[Permission::SystemCheck]);
const RESEND_MAIL: Access = Access::Permitted(&[Permission::MailResend]);

const fn gateway(method: &'static str, path: &'static str, access: Access) -> Route {
    Route { method, path, service: Service::Gateway, access, answer: Answer::Whole }
}

const fn flight(method: &'static str, path: &'static str, access: Access) -> Route {
    Route { method, path, service: Service::Flight, access, answer: Answer::Whole }
}

const fn booking(method: &'static str, path: &'static str, access: Access) -> Route {
    Route { method, path, service: Service::Booking, access, answer: Answer::Whole }
}

const fn mailer(method: &'static str, path: &'static str, access: Access) -> Route {
    Route { method, path, service: Service::Mailer, access, answer: Answer::Whole }
}

const fn events(route: Route) -> Route {
    Route { answer: Answer::Events, ..route }
}

/// All routes.
pub const TABLE: &[Route] = &[
    // Identity
    gateway(POST, "/api/v1/auth/register", PUBLIC),
    gateway(POST, "/api/v1/auth/login", PUBLIC),
    gateway(POST, "/api/v1/auth/refresh", PUBLIC),
    gateway(POST, "/api/v1/auth/logout", PUBLIC),
    gateway(GET, "/api/v1/users/me", USER),
    gateway(PATCH, "/api/v1/users/me", USER),
    gateway(GET, "/.well-known/jwks.json", PUBLIC),
    // Documentation
    gateway(GET, "/api/openapi.json", PUBLIC),
    // Reference data
    flight(GET, "/api/v1/cities", PUBLIC),
    flight(GET, "/api/v1/cities/{code}", PUBLIC),
    flight(POST, "/api/v1/admin/cities", REFERENCE),
    flight(PATCH, "/api/v1/admin/cities/{code}", REFERENCE),
    flight(DELETE, "/api/v1/admin/cities/{code}", REFERENCE),
    flight(GET, "/api/v1/airports", PUBLIC),
    flight(GET, "/api/v1/airports/{iata}", PUBLIC),
    flight(POST, "/api/v1/admin/airports", REFERENCE),
    flight(PATCH, "/api/v1/admin/airports/{iata}", REFERENCE),
    flight(DELETE, "/api/v1/admin/airports/{iata}", REFERENCE),
    flight(GET, "/api/v1/airlines", PUBLIC),
    flight(GET, "/api/v1/airlines/{code}", PUBLIC),
    flight(POST, "/api/v1/admin/airlines", REFERENCE),
    flight(PATCH, "/api/v1/admin/airlines/{code}", REFERENCE),
    flight(DELETE, "/api/v1/admin/airlines/{code}", REFERENCE),
    flight(GET, "/api/v1/aircraft-types", PUBLIC),
    flight(GET, "/api/v1/aircraft-types/{code}", PUBLIC),
    flight(POST, "/api/v1/admin/aircraft-types", REFERENCE),
    flight(PATCH, "/api/v1/admin/aircraft-types/{code}", REFERENCE),
    flight(DELETE, "/api/v1/admin/aircraft-types/{code}", REFERENCE),
    flight(GET, "/api/v1/seat-layouts", PUBLIC),
    flight(GET, "/api/v1/seat-layouts/{id}", PUBLIC),
    flight(POST, "/api/v1/admin/seat-layouts", REFERENCE),
    flight(PATCH, "/api/v1/admin/seat-layouts/{id}", REFERENCE),
    flight(DELETE, "/api/v1/admin/seat-layouts/{id}", REFERENCE),
    flight(GET, "/api/v1/airplanes", PUBLIC),
    flight(GET, "/api/v1/airplanes/{registration}", PUBLIC),
    flight(POST, "/api/v1/admin/airplanes", REFERENCE),
    flight(PATCH, "/api/v1/admin/airplanes/{registration}", REFERENCE),
    flight(DELETE, "/api/v1/admin/airplanes/{registration}", REFERENCE),
    flight(GET, "/api/v1/places", PUBLIC),
    // Flights
    flight(GET, "/api/v1/search", PUBLIC),
    flight(GET, "/api/v1/flights", PUBLIC),
    flight(GET, "/api/v1/flights/{id}", PUBLIC),
    flight(POST, "/api/v1/admin/flights", FLIGHT),
    flight(PATCH, "/api/v1/admin/flights/{id}", FLIGHT_OR_FARE),
    flight(DELETE, "/api/v1/admin/flights/{id}", FLIGHT),
    // Bookings
    booking(GET, "/api/v1/flights/{id}/seat-map", PUBLIC),
    events(booking(GET, "/api/v1/flights/{id}/seat-map/events", PUBLIC)),
    booking(GET, "/api/v1/bookings", USER),
    booking(POST, "/api/v1/bookings", USER),
    booking(POST, "/api/v1/bookings/lookup", PUBLIC),
    booking(GET, "/api/v1/bookings/{id}", GUEST),
    booking(POST, "/api/v1/bookings/{id}/payments", USER),
    booking(PATCH, "/api/v1/bookings/{id}", USER),
    booking(PATCH, "/api/v1/bookings/{id}/passengers/{passenger_id}", USER),
    booking(PATCH, "/api/v1/bookings/{id}/seats", USER),
    booking(POST, "/api/v1/bookings/{id}/cancellation-quote", USER),
    booking(POST, "/api/v1/bookings/{id}/cancel", USER),
    // Bookings, for staff
    booking(GET, "/api/v1/admin/bookings", READ_BOOKINGS),
    booking(GET, "/api/v1/admin/flights/{id}/manifest", READ_MANIFEST),
    booking(GET, "/api/v1/admin/stats", READ_REPORT),
    booking(POST, "/api/v1/admin/invariants/check", CHECK),
    // Mail
    mailer(GET, "/api/v1/admin/mail", READ_MAIL),
    mailer(GET, "/api/v1/admin/mail/dead-letters", READ_MAIL),
    mailer(POST, "/api/v1/admin/mail/dead-letters/{id}/replay", RESEND_MAIL),
    mailer(GET, "/api/v1/admin/mail/{id}", READ_MAIL),
    mailer(POST, "/api/v1/admin/mail/{id}/resend", RESEND_MAIL),
];

/// What the table says of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// There is no such path.
    Nothing,
    /// The path is there, with these methods only, as an `Allow` header names them.
    OtherMethods(String),
    /// This line.
    Route(&'static Route),
}

/// Looks a request up. `path` is the raw path of the request line, not decoded: what only becomes one
/// of our paths by decoding is none. HEAD is GET.
#[must_use]
pub fn find(method: &str, path: &str) -> Found {
    let method = if method == "HEAD" { GET } else { method };
    // A path that is written out goes before one with a part that varies: /bookings/lookup is no id.
    let Some(best) =
        TABLE.iter().filter(|route| matches(route.path, path)).min_by_key(|route| variables(route.path))
    else {
        return Found::Nothing;
    };
    let same_path = || TABLE.iter().filter(|route| route.path == best.path);
    if let Some(route) = same_path().find(|route| route.method == method) {
        return Found::Route(route);
    }
    let mut allowed: Vec<&str> = same_path().map(|route| route.method).collect();
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    allowed.sort_unstable();
    Found::OtherMethods(allowed.join(", "))
}

fn variables(pattern: &str) -> usize {
    pattern.matches('{').count()
}

fn matches(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let fits = pattern.split('/').all(|wanted| match segments.next() {
        Some(segment) if wanted.starts_with('{') => is_value(segment),
        Some(segment) => segment == wanted,
        None => false,
    });
    fits && segments.next().is_none()
}

/// Whether a segment can be a value. Dots alone could climb, somewhere behind us.
fn is_value(segment: &str) -> bool {
    let decoded = segment.replace("%2e", ".").replace("%2E", ".");
    !decoded.is_empty() && decoded != "." && decoded != ".."
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn service(method: &str, path: &str) -> Option<Service> {
        match find(method, path) {
            Found::Route(route) => Some(route.service),
            _ => None,
        }
    }

    #[test]
    fn each_path_goes_to_its_service() {
        assert_eq!(service(GET, "/api/v1/flights/x"), Some(Service::Flight));
        assert_eq!(service("HEAD", "/api/v1/flights/x"), Some(Service::Flight));
        assert_eq!(service(GET, "/api/v1/flights/x/seat-map"), Some(Service::Booking));
        assert_eq!(service(GET, "/api/v1/flights/x/seat-map/events"), Some(Service::Booking));
        assert_eq!(service(GET, "/api/v1/admin/mail/dead-letters"), Some(Service::Mailer));
        assert_eq!(service(POST, "/api/v1/auth/login"), Some(Service::Gateway));
    }

    #[test]
    fn a_written_out_path_is_no_value() {
        assert_eq!(find(GET, "/api/v1/bookings/lookup"), Found::OtherMethods("POST".into()));
        assert_eq!(find(DELETE, "/api/v1/users/me"), Found::OtherMethods("GET, HEAD, PATCH".into()));
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
            assert_eq!(find(GET, path), Found::Nothing, "{path}");
            assert_eq!(find(POST, path), Found::Nothing, "{path}");
        }
    }

    #[test]
    fn no_line_stands_twice_and_admin_paths_need_a_permission() {
        for (index, route) in TABLE.iter().enumerate() {
            let twice =
                TABLE[..index].iter().any(|other| (other.method, other.path) == (route.method, route.path));
            assert!(!twice, "{} {}", route.method, route.path);
            let is_admin = route.path.contains("/admin/");
            assert_eq!(
                is_admin,
                matches!(route.access, Access::Permitted(_)),
                "{} {}",
                route.method,
                route.path
            );
            assert!(!route.path.contains("internal"), "{}", route.path);
        }
    }

    proptest! {
        #[test]
        fn no_path_panics_and_none_leads_inside(path in "(/|internal|api|v1|flights|\\.\\.|%2e|%2f|[a-z{}%]){0,12}") {
            if let Found::Route(route) = find(GET, &path) {
                prop_assert!(path.starts_with("/api/") || path.starts_with("/.well-known/"));
                prop_assert_eq!(route.path.split('/').count(), path.split('/').count());
            }
        }
    }
}
