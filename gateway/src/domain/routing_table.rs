//! The routing table: every path of the installation, the service that serves it, and its access rule.
//!
//! The gateway refuses early what the table forbids, and the service checks it again. Tests compare this
//! table with the services' own OpenAPI documents. A path that is not in the table is 404, so nothing below
//! `/internal` can be reached.

use shared::{
    auth::Permission,
    http::input::{BODY_LIMIT, IMPORT_LIMIT},
};

/// A service that serves routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServiceName {
    /// The gateway itself.
    Gateway,
    /// Reference data, flights, search.
    Flight,
    /// Seat maps, bookings.
    Booking,
    /// Letters.
    Mailer,
}

impl ServiceName {
    /// The services behind the gateway.
    pub(crate) const UPSTREAMS: [Self; 3] = [Self::Flight, Self::Booking, Self::Mailer];

    /// Its name, `flight`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Flight => "flight",
            Self::Booking => "booking",
            Self::Mailer => "mailer",
        }
    }
}

/// Which callers a route admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteAccess {
    /// Everybody. A bad token is refused even here.
    Public,
    /// Callers with an access token.
    Authenticated,
    /// Callers who have logged in. An API key is refused, because it must not change how its owner logs in.
    LoggedIn,
    /// Callers with an access token, or with the guest token of `POST /bookings/lookup`. Only booking can
    /// check a guest token.
    AuthenticatedOrGuest,
    /// Callers with one of these permissions. Where there are several, the service decides by the body.
    Permitted(&'static [Permission]),
}

/// What kind of response a route gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseKind {
    /// A body with an end, within the limits of ordinary requests.
    Bounded,
    /// Server-Sent Events, for as long as the client listens.
    EventStream,
}

/// A route of the API: one line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiRoute {
    /// GET also covers HEAD.
    pub method: &'static str,
    /// The path. `{...}` stands for one segment, which is never empty.
    pub path: &'static str,
    /// The service that serves it.
    pub service: ServiceName,
    /// The callers that it admits.
    pub access: RouteAccess,
    /// What it responds with.
    pub response: ResponseKind,
    /// Bytes of its requests' bodies at most.
    pub largest_body: usize,
}

const GET: &str = "GET";
const POST: &str = "POST";
const PUT: &str = "PUT";
const PATCH: &str = "PATCH";
const DELETE: &str = "DELETE";

const PUBLIC: RouteAccess = RouteAccess::Public;
const USER: RouteAccess = RouteAccess::Authenticated;
const LOGIN: RouteAccess = RouteAccess::LoggedIn;
const GUEST: RouteAccess = RouteAccess::AuthenticatedOrGuest;
const REFERENCE: RouteAccess = RouteAccess::Permitted(&[Permission::ReferenceWrite]);
const FLIGHT: RouteAccess = RouteAccess::Permitted(&[Permission::FlightWrite]);
const REFERENCE_OR_FLIGHT: RouteAccess =
    RouteAccess::Permitted(&[Permission::ReferenceWrite, Permission::FlightWrite]);
const DISRUPTION: RouteAccess = RouteAccess::Permitted(&[Permission::DisruptionWrite]);
const FLIGHT_OR_FARE: RouteAccess = RouteAccess::Permitted(&[Permission::FlightWrite, Permission::FareWrite]);
const READ_USERS: RouteAccess = RouteAccess::Permitted(&[Permission::UserRead]);
const WRITE_USERS: RouteAccess = RouteAccess::Permitted(&[Permission::UserWrite]);
const READ_ROLES: RouteAccess = RouteAccess::Permitted(&[Permission::UserRead, Permission::RoleWrite]);
const WRITE_ROLES: RouteAccess = RouteAccess::Permitted(&[Permission::RoleWrite]);
const READ_MAIL: RouteAccess = RouteAccess::Permitted(&[Permission::MailRead]);
const READ_BOOKINGS: RouteAccess = RouteAccess::Permitted(&[Permission::BookingReadAny]);
const READ_MANIFEST: RouteAccess = RouteAccess::Permitted(&[Permission::ManifestRead]);
const READ_REPORT: RouteAccess = RouteAccess::Permitted(&[Permission::ReportRead]);
const CHECK: RouteAccess = RouteAccess::Permitted(&[Permission::SystemCheck]);
const READ_AUDIT: RouteAccess = RouteAccess::Permitted(&[Permission::AuditRead]);
const RESEND_MAIL: RouteAccess = RouteAccess::Permitted(&[Permission::MailResend]);

const fn served_by(
    service: ServiceName,
    method: &'static str,
    path: &'static str,
    access: RouteAccess,
) -> ApiRoute {
    ApiRoute { method, path, service, access, response: ResponseKind::Bounded, largest_body: BODY_LIMIT }
}

const fn gateway(method: &'static str, path: &'static str, access: RouteAccess) -> ApiRoute {
    served_by(ServiceName::Gateway, method, path, access)
}

const fn flight(method: &'static str, path: &'static str, access: RouteAccess) -> ApiRoute {
    served_by(ServiceName::Flight, method, path, access)
}

const fn booking(method: &'static str, path: &'static str, access: RouteAccess) -> ApiRoute {
    served_by(ServiceName::Booking, method, path, access)
}

const fn mailer(method: &'static str, path: &'static str, access: RouteAccess) -> ApiRoute {
    served_by(ServiceName::Mailer, method, path, access)
}

const fn events(route: ApiRoute) -> ApiRoute {
    ApiRoute { response: ResponseKind::EventStream, ..route }
}

const fn import(route: ApiRoute) -> ApiRoute {
    ApiRoute { largest_body: IMPORT_LIMIT, ..route }
}

/// All routes.
pub const ROUTING_TABLE: &[ApiRoute] = &[
    // Identity
    gateway(POST, "/api/v1/auth/register", PUBLIC),
    gateway(POST, "/api/v1/auth/login", PUBLIC),
    gateway(POST, "/api/v1/auth/refresh", PUBLIC),
    gateway(POST, "/api/v1/auth/logout", PUBLIC),
    gateway(POST, "/api/v1/auth/email/verify", PUBLIC),
    gateway(POST, "/api/v1/auth/email/resend", PUBLIC),
    gateway(POST, "/api/v1/auth/password/forgot", PUBLIC),
    gateway(POST, "/api/v1/auth/password/reset", PUBLIC),
    gateway(GET, "/api/v1/users/me", USER),
    gateway(PATCH, "/api/v1/users/me", USER),
    gateway(DELETE, "/api/v1/users/me", LOGIN),
    gateway(GET, "/api/v1/users/me/export", LOGIN),
    gateway(POST, "/api/v1/users/me/password", LOGIN),
    gateway(GET, "/api/v1/users/me/sessions", LOGIN),
    gateway(DELETE, "/api/v1/users/me/sessions", LOGIN),
    gateway(DELETE, "/api/v1/users/me/sessions/{id}", LOGIN),
    gateway(GET, "/api/v1/users/me/api-keys", LOGIN),
    gateway(POST, "/api/v1/users/me/api-keys", LOGIN),
    gateway(DELETE, "/api/v1/users/me/api-keys/{id}", LOGIN),
    gateway(POST, "/api/v1/users/me/totp", LOGIN),
    gateway(DELETE, "/api/v1/users/me/totp", LOGIN),
    gateway(POST, "/api/v1/users/me/totp/confirm", LOGIN),
    gateway(GET, "/.well-known/jwks.json", PUBLIC),
    // Operations
    gateway(GET, "/api/v1/admin/audit", READ_AUDIT),
    gateway(GET, "/api/v1/admin/dead-letters/{service}", CHECK),
    gateway(POST, "/api/v1/admin/dead-letters/{service}/{id}/replay", CHECK),
    gateway(GET, "/api/v1/admin/system", CHECK),
    // Users and roles, for staff
    gateway(GET, "/api/v1/admin/users", READ_USERS),
    gateway(POST, "/api/v1/admin/users", WRITE_USERS),
    gateway(GET, "/api/v1/admin/users/{id}", READ_USERS),
    gateway(PATCH, "/api/v1/admin/users/{id}", WRITE_USERS),
    gateway(DELETE, "/api/v1/admin/users/{id}", WRITE_USERS),
    gateway(PUT, "/api/v1/admin/users/{id}/roles", WRITE_ROLES),
    gateway(POST, "/api/v1/admin/users/{id}/unlock", WRITE_USERS),
    gateway(GET, "/api/v1/admin/roles", READ_ROLES),
    gateway(POST, "/api/v1/admin/roles", WRITE_ROLES),
    gateway(PATCH, "/api/v1/admin/roles/{name}", WRITE_ROLES),
    gateway(DELETE, "/api/v1/admin/roles/{name}", WRITE_ROLES),
    // Documentation
    gateway(GET, "/api/openapi.json", PUBLIC),
    // Reference data
    flight(GET, "/api/v1/cities", PUBLIC),
    flight(GET, "/api/v1/cities/{code}", PUBLIC),
    flight(POST, "/api/v1/admin/cities", REFERENCE),
    import(flight(POST, "/api/v1/admin/cities/import", REFERENCE)),
    flight(GET, "/api/v1/admin/cities/export", REFERENCE),
    flight(PATCH, "/api/v1/admin/cities/{code}", REFERENCE),
    flight(DELETE, "/api/v1/admin/cities/{code}", REFERENCE),
    flight(GET, "/api/v1/airports", PUBLIC),
    flight(GET, "/api/v1/airports/{iata}", PUBLIC),
    flight(POST, "/api/v1/admin/airports", REFERENCE),
    import(flight(POST, "/api/v1/admin/airports/import", REFERENCE)),
    flight(GET, "/api/v1/admin/airports/export", REFERENCE),
    flight(PATCH, "/api/v1/admin/airports/{iata}", REFERENCE),
    flight(DELETE, "/api/v1/admin/airports/{iata}", REFERENCE),
    flight(GET, "/api/v1/airlines", PUBLIC),
    flight(GET, "/api/v1/airlines/{code}", PUBLIC),
    flight(POST, "/api/v1/admin/airlines", REFERENCE),
    import(flight(POST, "/api/v1/admin/airlines/import", REFERENCE)),
    flight(GET, "/api/v1/admin/airlines/export", REFERENCE),
    flight(PATCH, "/api/v1/admin/airlines/{code}", REFERENCE),
    flight(DELETE, "/api/v1/admin/airlines/{code}", REFERENCE),
    flight(GET, "/api/v1/aircraft-types", PUBLIC),
    flight(GET, "/api/v1/aircraft-types/{code}", PUBLIC),
    flight(POST, "/api/v1/admin/aircraft-types", REFERENCE),
    import(flight(POST, "/api/v1/admin/aircraft-types/import", REFERENCE)),
    flight(GET, "/api/v1/admin/aircraft-types/export", REFERENCE),
    flight(PATCH, "/api/v1/admin/aircraft-types/{code}", REFERENCE),
    flight(DELETE, "/api/v1/admin/aircraft-types/{code}", REFERENCE),
    flight(GET, "/api/v1/seat-layouts", PUBLIC),
    flight(GET, "/api/v1/seat-layouts/{id}", PUBLIC),
    flight(POST, "/api/v1/admin/seat-layouts", REFERENCE),
    import(flight(POST, "/api/v1/admin/seat-layouts/import", REFERENCE)),
    flight(GET, "/api/v1/admin/seat-layouts/export", REFERENCE),
    flight(PATCH, "/api/v1/admin/seat-layouts/{id}", REFERENCE),
    flight(DELETE, "/api/v1/admin/seat-layouts/{id}", REFERENCE),
    flight(GET, "/api/v1/airplanes", PUBLIC),
    flight(GET, "/api/v1/airplanes/{registration}", PUBLIC),
    flight(POST, "/api/v1/admin/airplanes", REFERENCE),
    import(flight(POST, "/api/v1/admin/airplanes/import", REFERENCE)),
    flight(GET, "/api/v1/admin/airplanes/export", REFERENCE),
    flight(PATCH, "/api/v1/admin/airplanes/{registration}", REFERENCE),
    flight(DELETE, "/api/v1/admin/airplanes/{registration}", REFERENCE),
    flight(GET, "/api/v1/admin/imports/{id}", REFERENCE_OR_FLIGHT),
    flight(GET, "/api/v1/places", PUBLIC),
    // Flights
    flight(GET, "/api/v1/search", PUBLIC),
    flight(GET, "/api/v1/price-calendar", PUBLIC),
    flight(GET, "/api/v1/flights", PUBLIC),
    flight(GET, "/api/v1/flights/{id}", PUBLIC),
    flight(GET, "/api/v1/airports/{iata}/board", PUBLIC),
    flight(POST, "/api/v1/admin/flights", FLIGHT),
    flight(PATCH, "/api/v1/admin/flights/{id}", FLIGHT_OR_FARE),
    flight(DELETE, "/api/v1/admin/flights/{id}", FLIGHT),
    flight(GET, "/api/v1/admin/schedules", FLIGHT_OR_FARE),
    flight(POST, "/api/v1/admin/schedules", FLIGHT),
    import(flight(POST, "/api/v1/admin/schedules/import", FLIGHT)),
    flight(GET, "/api/v1/admin/schedules/export", FLIGHT_OR_FARE),
    flight(GET, "/api/v1/admin/schedules/{id}", FLIGHT_OR_FARE),
    flight(PATCH, "/api/v1/admin/schedules/{id}", FLIGHT_OR_FARE),
    flight(DELETE, "/api/v1/admin/schedules/{id}", FLIGHT),
    flight(POST, "/api/v1/admin/schedules/{id}/generate", FLIGHT),
    flight(POST, "/api/v1/admin/flights/{id}/delay", DISRUPTION),
    flight(POST, "/api/v1/admin/flights/{id}/cancel", DISRUPTION),
    flight(POST, "/api/v1/admin/flights/{id}/equipment", DISRUPTION),
    // Bookings
    booking(GET, "/api/v1/flights/{id}/seat-map", PUBLIC),
    events(booking(GET, "/api/v1/flights/{id}/seat-map/events", PUBLIC)),
    booking(GET, "/api/v1/bookings", USER),
    booking(POST, "/api/v1/bookings", USER),
    booking(POST, "/api/v1/bookings/lookup", PUBLIC),
    booking(GET, "/api/v1/bookings/{id}", GUEST),
    booking(GET, "/api/v1/bookings/{id}/ticket.pdf", GUEST),
    booking(GET, "/api/v1/bookings/{id}/calendar.ics", GUEST),
    booking(POST, "/api/v1/bookings/{id}/resend-confirmation", USER),
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
    mailer(GET, "/api/v1/admin/mail/dead-letters/{id}", READ_MAIL),
    mailer(POST, "/api/v1/admin/mail/dead-letters/{id}/replay", RESEND_MAIL),
    mailer(GET, "/api/v1/admin/mail/{id}", READ_MAIL),
    mailer(POST, "/api/v1/admin/mail/{id}/resend", RESEND_MAIL),
];

/// What the table says about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RouteMatch {
    /// The table has no such path.
    UnknownPath,
    /// The path has these methods only, listed as in an `Allow` header.
    MethodNotAllowed(String),
    /// The route of the request.
    Route(&'static ApiRoute),
}
