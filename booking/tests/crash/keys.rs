//! Access tokens, and the key set that the processes verify them with, served as the gateway serves it.

use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, web};
use shared::{
    auth::{Permission, REVOCATIONS_PATH, RecentRevocations},
    ids::UserId,
};
use testkit::TokenIssuer;

/// An issuer whose keys can be fetched.
pub(crate) struct Keys {
    issuer: TokenIssuer,
    /// Where its key set is.
    pub(crate) url: String,
    server: ServerHandle,
}

impl Keys {
    pub(crate) fn serve() -> Self {
        let issuer = TokenIssuer::new();
        let set = web::Data::new(serde_json::to_value(issuer.key_set()).unwrap());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(set.clone())
                .route("/jwks.json", web::get().to(key_set))
                .route(REVOCATIONS_PATH, web::get().to(revocations))
        })
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))
        .unwrap();
        let url = format!("http://{}/jwks.json", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { issuer, url, server: handle }
    }

    /// A token of a user without limits, and with these permissions.
    pub(crate) fn token(&self, user: UserId, permissions: &[Permission]) -> String {
        let all = [&[Permission::LimitsExempt], permissions].concat();
        self.issuer.token(user, &all)
    }

    pub(crate) async fn stop(&self) {
        self.server.stop(false).await;
    }
}

/// Nothing is revoked.
async fn revocations() -> HttpResponse {
    HttpResponse::Ok().json(RecentRevocations::default())
}

async fn key_set(set: web::Data<serde_json::Value>) -> HttpResponse {
    HttpResponse::Ok().json(set)
}
