//! The authorisation matrix: every route of the gateway's routing table for every kind of caller, through the gateway
//! and at the service itself. The expected status follows from the table, so a new line of the table is tested at once.

#![expect(clippy::unwrap_used, reason = "a failure of what all of its tests use is a failed test")]

use crate::system::{PATIENCE, RunningSystem, book, booking};
use awc::http::Method;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use gateway::{ApiRoute, ROUTING_TABLE, RouteAccess, ServiceName, SigningKey};
use serde_json::{Value, json};
use shared::auth::{Claims, Permission};
use testkit::{Answer, Client, TokenIssuer};

const PASSWORD: &str = "correct horse";
/// An id that nothing has.
const NOTHING: &str = "01890000-0000-7000-8000-000000000000";

/// What a caller shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Credentials {
    Nothing,
    /// A token that is good for nothing: forged, expired or revoked.
    BadToken,
    /// The token of a look-up.
    GuestToken,
    /// An API key, which only the gateway knows.
    ApiKey,
    AccessToken,
}

/// A kind of caller: a column of the matrix.
struct MatrixCaller {
    name: &'static str,
    client: Client,
    credentials: Credentials,
    permissions: Vec<Permission>,
    /// Whether the booking of the matrix is its own.
    is_owner: bool,
}

/// What a caller meets at a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// The request is looked at: it may be found wrong, and its subject missing.
    Open,
    /// 401.
    Unauthenticated,
    /// 403.
    Forbidden,
    /// 404: what is not the caller's is not there.
    Hidden,
    /// Open, or 401: a bad token at a public route, which the gateway refuses where it passes requests on.
    OpenOrUnauthenticated,
}

impl Door {
    fn expected(route: &ApiRoute, caller: &MatrixCaller, by_gateway: bool) -> Self {
        let has_token = match caller.credentials {
            Credentials::Nothing | Credentials::BadToken | Credentials::GuestToken => false,
            Credentials::ApiKey => by_gateway,
            Credentials::AccessToken => true,
        };
        let has_bad_token = !has_token && caller.credentials != Credentials::Nothing;
        match route.access {
            RouteAccess::Public if has_bad_token && by_gateway && route.service != ServiceName::Gateway => {
                Self::Unauthenticated
            }
            RouteAccess::Public if has_bad_token => Self::OpenOrUnauthenticated,
            RouteAccess::Public => Self::Open,
            RouteAccess::AuthenticatedOrGuest if caller.credentials == Credentials::GuestToken => Self::Open,
            _ if !has_token => Self::Unauthenticated,
            RouteAccess::LoggedIn if caller.credentials == Credentials::ApiKey => Self::Forbidden,
            RouteAccess::Permitted(permissions) => {
                match permissions.iter().any(|permission| caller.permissions.contains(permission)) {
                    true => Self::Open,
                    false => Self::Forbidden,
                }
            }
            RouteAccess::Authenticated | RouteAccess::LoggedIn | RouteAccess::AuthenticatedOrGuest => {
                Self::of_owned(route, caller)
            }
        }
    }

    /// Of a route that any user may call: by the owner of what it is about.
    fn of_owned(route: &ApiRoute, caller: &MatrixCaller) -> Self {
        let (read, write) = (
            caller.permissions.contains(&Permission::BookingReadAny),
            caller.permissions.contains(&Permission::BookingWriteAny),
        );
        match route.path {
            // One's own account and bookings.
            "/api/v1/bookings" => Self::Open,
            path if path.starts_with("/api/v1/users/me") => Self::Open,
            path if path.starts_with("/api/v1/bookings/{id}") => match (route.method, read, write) {
                _ if caller.is_owner => Self::Open,
                ("GET", true, _) | (_, _, true) => Self::Open,
                (_, true, false) => Self::Forbidden,
                _ => Self::Hidden,
            },
            path => panic!("say here whose {} {path} is", route.method),
        }
    }

    fn is_met_by(self, answer: &Answer) -> bool {
        let status = answer.status.as_u16();
        let open = status < 500 && status != 401 && answer.code() != "forbidden";
        match self {
            // The owner's booking is there.
            Self::Open => open,
            Self::Unauthenticated => status == 401 && answer.header("www-authenticate") == "Bearer",
            Self::Forbidden => status == 403 && answer.code() == "forbidden",
            Self::Hidden => status == 404 && answer.code() == "not_found",
            Self::OpenOrUnauthenticated => open || status == 401,
        }
    }
}

/// The system with a booking, and everything that is asked with.
struct Matrix {
    system: RunningSystem,
    booked: Value,
    callers: Vec<MatrixCaller>,
}

impl Matrix {
    async fn start() -> Self {
        let system = RunningSystem::start().await;
        let admin = system.administrator().await;
        let flight = system.one_flight(&admin).await;
        let owner = user(&system, "owner", &[]).await;
        let booked = book(&owner.client, &booking(&flight, Some("1A"), None)).await.expect(201);
        let mut callers = vec![
            bad("nobody", system.anybody.clone(), Credentials::Nothing),
            bad(
                "one with a forged token",
                with_token(&system, &forged(&system).await),
                Credentials::BadToken,
            ),
            bad(
                "one with an expired token",
                with_token(&system, &expired(&system).await),
                Credentials::BadToken,
            ),
            bad("one with a revoked token", revoked(&system).await, Credentials::BadToken),
            api_key(&admin).await,
            bad("a guest", guest(&system, &booked).await, Credentials::GuestToken),
            MatrixCaller { is_owner: true, ..owner },
        ];
        for (name, role) in [
            ("a customer", None),
            ("an agent", Some("agent")),
            ("ops", Some("ops")),
            ("revenue", Some("revenue")),
            ("an administrator", Some("admin")),
        ] {
            callers.push(user(&system, name, role.as_slice()).await);
        }
        Self { system, booked, callers }
    }

    fn id(&self) -> &str {
        self.booked["id"].as_str().unwrap()
    }

    /// A path of a route: of the booking, where it is about bookings, else of nothing that there is.
    fn path(&self, route: &ApiRoute) -> String {
        let passenger = self.booked["passengers"][0]["id"].as_str().unwrap();
        let segments = route.path.split('/').map(|segment| match segment {
            "{id}" if route.path.starts_with("/api/v1/bookings/") => self.id(),
            "{passenger_id}" => passenger,
            "{id}" => NOTHING,
            "{service}" => "booking",
            variable if variable.starts_with('{') => "ZZZ",
            literal => literal,
        });
        segments.collect::<Vec<_>>().join("/")
    }

    /// A body that is good where the booking is looked up only after it was read.
    fn body(&self, route: &ApiRoute) -> Value {
        let flight = &self.booked["segments"][0]["flight_id"];
        let passenger = &self.booked["passengers"][0]["id"];
        match (route.method, route.path) {
            ("POST", "/api/v1/bookings/{id}/payments") => json!({"method": "card", "token": "tok_visa"}),
            ("PATCH", "/api/v1/bookings/{id}") => json!({"contact": {"phone": "+33123456789"}}),
            ("PATCH", "/api/v1/bookings/{id}/passengers/{passenger_id}") => json!({"given_name": "Ava"}),
            ("PATCH", "/api/v1/bookings/{id}/seats") => {
                json!({"changes": [{"passenger_id": passenger, "flight_id": flight, "designator": "2A"}]})
            }
            _ => json!({}),
        }
    }

    async fn ask(&self, route: &ApiRoute, caller: &MatrixCaller, base: &str) -> Answer {
        let method: Method = route.method.parse().unwrap();
        let has_body = ["POST", "PUT", "PATCH"].contains(&route.method);
        let kind = if route.method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let body = has_body.then(|| self.body(route).to_string().into_bytes());
        caller.client.at(base).send(method, &self.path(route), kind, body).await
    }

    /// Asks one route on behalf of everybody, and tells what is not as expected.
    async fn row(&mut self, route: &ApiRoute) -> Vec<String> {
        let gateway = format!("http://{}", self.system.services.gateway());
        let direct = format!("http://{}", self.system.services.address(service(route)));
        let mut wrong = Vec::new();
        for index in 0..self.callers.len() {
            for (base, by_gateway) in [(&gateway, true), (&direct, false)] {
                if !by_gateway && route.service == ServiceName::Gateway {
                    continue;
                }
                let caller = &self.callers[index];
                let door = Door::expected(route, caller, by_gateway);
                let answer = self.ask(route, caller, base).await;
                let mut met = door.is_met_by(&answer);
                if caller.is_owner && route.path.starts_with("/api/v1/bookings/{id}") && answer.status == 404
                {
                    met = false;
                }
                if !met {
                    let at = if by_gateway { "the gateway" } else { service(route) };
                    let (name, status, code) = (caller.name, answer.status, answer.code());
                    wrong.push(format!(
                        "{} {} as {name} at {at}: {door:?} was expected, {status} {code} came",
                        route.method, route.path
                    ));
                }
                if caller.credentials == Credentials::AccessToken && may_end_sessions(route, &answer) {
                    let fresh = log_in(&self.system, caller.name).await;
                    self.callers[index].client = fresh;
                }
            }
        }
        wrong
    }
}

fn service(route: &ApiRoute) -> &'static str {
    match route.service {
        ServiceName::Gateway => "gateway",
        ServiceName::Flight => "flight",
        ServiceName::Booking => "booking",
        ServiceName::Mailer => "mailer",
    }
}

fn may_end_sessions(route: &ApiRoute, answer: &Answer) -> bool {
    route.path.starts_with("/api/v1/users/me") && route.method != "GET" && answer.status.is_success()
}

fn with_token(system: &RunningSystem, token: &str) -> Client {
    system.anybody.with_token(token)
}

fn bad(name: &'static str, client: Client, credentials: Credentials) -> MatrixCaller {
    MatrixCaller { name, client, credentials, permissions: Vec::new(), is_owner: false }
}

fn address(name: &str) -> String {
    let local: String = name.chars().filter(char::is_ascii_alphabetic).collect();
    format!("{local}@aerobus.example")
}

async fn log_in_with_tokens(system: &RunningSystem, name: &str) -> Value {
    let body = json!({"email": address(name), "password": PASSWORD});
    system.anybody.post("/api/v1/auth/login", &body).await.expect(200)
}

async fn log_in(system: &RunningSystem, name: &str) -> Client {
    with_token(system, log_in_with_tokens(system, name).await["access_token"].as_str().unwrap())
}

async fn run_sql(system: &RunningSystem, statement: &str) {
    let mut connection = AsyncPgConnection::establish(&system.database.superuser_url()).await.unwrap();
    connection.batch_execute("SET search_path = gateway").await.unwrap();
    diesel::sql_query(statement).execute(&mut connection).await.unwrap();
}

/// A user with these roles, who has logged in.
async fn user(system: &RunningSystem, name: &'static str, roles: &[&str]) -> MatrixCaller {
    let user =
        json!({"email": address(name), "password": PASSWORD, "given_name": "Ada", "family_name": "Lovelace"});
    let id = system.anybody.post("/api/v1/auth/register", &user).await.expect(201)["id"].clone();
    for role in roles {
        let id = id.as_str().unwrap();
        run_sql(system, &format!("INSERT INTO user_roles (user_id, role) VALUES ('{id}', '{role}')")).await;
    }
    // The contact of the booking is another address.
    run_sql(system, "UPDATE users SET email_verified = true").await;
    let tokens = log_in_with_tokens(system, name).await;
    let token = tokens["access_token"].as_str().unwrap();
    let permissions = claims(token).scope.split(' ').filter_map(|name| name.parse().ok()).collect();
    let client = with_token(system, token);
    MatrixCaller { name, client, credentials: Credentials::AccessToken, permissions, is_owner: false }
}

fn claims(token: &str) -> Claims {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// The administrator's claims under the gateway's key, signed by another one.
async fn forged(system: &RunningSystem) -> String {
    let token = system.administrator_token().await;
    let other = TokenIssuer::new().sign(&claims(&token));
    let (signed, _) = token.rsplit_once('.').unwrap();
    let (_, signature) = other.rsplit_once('.').unwrap();
    format!("{signed}.{signature}")
}

/// The administrator's token of an hour ago, signed by the gateway's own key.
async fn expired(system: &RunningSystem) -> String {
    let keys = system.anybody.get("/.well-known/jwks.json").await.expect(200);
    let kid = keys["keys"][0]["kid"].as_str().unwrap();
    let key = SigningKey::derive(&system.plan.signing_key_secret, kid).unwrap();
    let mut claims = claims(&system.administrator_token().await);
    key.sign(&claims)
        .map(|token| with_token(system, &token))
        .unwrap()
        .get("/api/v1/users/me")
        .await
        .expect(200);
    (claims.iat, claims.nbf, claims.exp) = (claims.iat - 3600, claims.nbf - 3600, claims.exp - 3600);
    key.sign(&claims).unwrap()
}

/// The token of an administrator who has logged out, as soon as every service knows that.
async fn revoked(system: &RunningSystem) -> Client {
    let _ = user(system, "one who leaves", &["admin"]).await;
    let tokens = log_in_with_tokens(system, "one who leaves").await;
    let client = with_token(system, tokens["access_token"].as_str().unwrap());
    let refresh = json!({"refresh_token": tokens["refresh_token"]});
    let probes = [
        ("gateway", "/api/v1/users/me"),
        ("flight", "/api/v1/cities/ZZZ"),
        ("booking", "/api/v1/bookings"),
        ("mailer", "/api/v1/admin/mail"),
    ];
    let probe = async |service, path| {
        let client = client.at(&format!("http://{}", system.services.address(service)));
        match service {
            "flight" => client.patch("/api/v1/admin/cities/ZZZ", &json!({})).await,
            _ => client.get(path).await,
        }
    };
    for (service, path) in probes {
        assert_ne!(probe(service, path).await.status, 401, "{service}");
    }
    system.anybody.post("/api/v1/auth/logout", &refresh).await.expect(204);
    for (service, path) in probes {
        let known = async { while probe(service, path).await.status != 401 {} };
        tokio::time::timeout(PATIENCE, known).await.unwrap_or_else(|_| panic!("{service} does not know"));
    }
    client
}

/// A key of the administrator with one of its permissions.
async fn api_key(admin: &Client) -> MatrixCaller {
    let permissions = vec![Permission::ReferenceWrite];
    let names: Vec<&str> = permissions.iter().map(|permission| permission.as_str()).collect();
    let key = admin
        .post("/api/v1/users/me/api-keys", &json!({"name": "matrix", "permissions": names}))
        .await
        .expect(201);
    let client = admin.with_token(key["key"].as_str().unwrap());
    MatrixCaller {
        name: "an API key",
        client,
        credentials: Credentials::ApiKey,
        permissions,
        is_owner: false,
    }
}

/// The holder of the booking's locator and of a traveller's name.
async fn guest(system: &RunningSystem, booked: &Value) -> Client {
    let lookup = json!({"locator": booked["locator"], "family_name": "Lovelace"});
    let found = system.anybody.post("/api/v1/bookings/lookup", &lookup).await.expect(200);
    with_token(system, found["access_token"].as_str().unwrap())
}

#[actix_web::test]
async fn everybody_gets_what_the_routing_table_says_and_nothing_more() {
    let mut matrix = Matrix::start().await;
    let mut wrong = Vec::new();
    for route in ROUTING_TABLE {
        wrong.extend(matrix.row(route).await);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    matrix.system.stop().await;
}

#[actix_web::test]
async fn a_guest_token_opens_one_booking() {
    let matrix = Matrix::start().await;
    let eve = user(&matrix.system, "eve", &[]).await;
    let admin = matrix.system.administrator().await;
    let flights = admin.get("/api/v1/flights?limit=1").await.expect(200);
    let other = book(&eve.client, &booking(&flights["data"][0], Some("9F"), None)).await.expect(201);
    let guest = guest(&matrix.system, &matrix.booked).await;
    guest.get(&format!("/api/v1/bookings/{}", matrix.id())).await.expect(200);
    let anothers = format!("/api/v1/bookings/{}", other["id"].as_str().unwrap());
    guest.get(&anothers).await.expect_problem(404, "not_found");
    matrix.system.stop().await;
}
