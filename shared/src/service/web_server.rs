//! How every service serves HTTP.

use super::Running;
use crate::{
    auth,
    config::ServiceConfig,
    http::{self, ServerSettings, health::Health},
};
use actix_http::{Request, Response};
use actix_service::{IntoServiceFactory, Service, ServiceFactory};
use actix_web::{
    App, Error,
    body::MessageBody,
    dev::AppConfig,
    middleware::from_fn,
    web::{self, Data},
};
use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

/// Gives a value to the application of one worker.
type Provide = Arc<dyn Fn(&mut web::ServiceConfig) + Send + Sync>;

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("{address} cannot be listened on")]
pub struct ListenError {
    /// The address.
    address: SocketAddr,
    /// Why.
    #[source]
    source: io::Error,
}

/// The web server of a service, before it runs: what its handlers share, where it listens, how it stops.
pub struct WebServer {
    service: &'static str,
    settings: ServerSettings,
    metrics_address: Option<SocketAddr>,
    health: Health,
    provided: Vec<Provide>,
}

/// What the application of each worker consists of: the shared values and the routes.
#[derive(Clone)]
pub struct AppParts {
    provided: Arc<[Provide]>,
    routes: fn(&mut web::ServiceConfig),
}

impl AppParts {
    /// Adds them to an application, with the probes, and with a problem for unknown paths unless the routes have a
    /// default service of their own. For `App::configure`.
    pub fn add_to(&self, config: &mut web::ServiceConfig) {
        self.provided.iter().for_each(|provide| provide(config));
        config.default_service(web::to(http::unknown_path));
        (self.routes)(config);
        http::probes(config);
    }
}

impl WebServer {
    /// A server behind the gateway, whose readiness is `health`.
    #[must_use]
    pub fn new(service: &'static str, config: &ServiceConfig, health: Health) -> Self {
        let settings = ServerSettings::behind_gateway(service, config.http_address, config.http_workers);
        let server = Self {
            service,
            settings,
            metrics_address: config.metrics_address,
            health: health.clone(),
            provided: Vec::new(),
        };
        server.share(health)
    }

    /// A server for clients: how long one may take to send its headers, and how long it may stay idle.
    #[must_use]
    pub fn with_timeouts(mut self, request_head: Duration, keep_alive: Duration) -> Self {
        self.settings = ServerSettings { request_head, keep_alive, ..self.settings };
        self
    }

    /// With a value that all handlers share, as `web::Data<T>`.
    #[must_use]
    pub fn share<T: Send + Sync + 'static>(self, value: T) -> Self {
        self.share_data(Data::new(value))
    }

    /// The same of a value that others share, too.
    #[must_use]
    pub fn share_data<T: Send + Sync + 'static>(mut self, data: Data<T>) -> Self {
        self.provided.push(Arc::new(move |config| {
            config.app_data(data.clone());
        }));
        self
    }

    /// With a value that each worker has its own of, as `web::Data<T>`: clients cannot be shared between threads.
    #[must_use]
    pub fn for_each_worker<T: 'static>(mut self, make: impl Fn() -> T + Send + Sync + 'static) -> Self {
        self.provided.push(Arc::new(move |config| {
            config.app_data(Data::new(make()));
        }));
        self
    }

    /// Serves these routes on the present arbiter, below the [envelope](http::envelope) and the look at the
    /// [caller](auth::identify_caller), and the metrics where they have an address. A stop of the service begins with its [draining](Health::drain).
    ///
    /// # Errors
    /// [`ListenError`].
    pub fn serve(self, routes: fn(&mut web::ServiceConfig)) -> Result<Running, ListenError> {
        self.serve_app(routes, move |parts| {
            App::new()
                .wrap(from_fn(auth::identify_caller))
                .wrap(from_fn(http::envelope))
                .configure(|config| parts.add_to(config))
        })
    }

    /// The same of an application with further middleware. `app` makes it for each worker, wraps it in the envelope
    /// last, and adds its parts.
    ///
    /// # Errors
    /// [`ListenError`].
    pub fn serve_app<F, I, S, B>(
        self,
        routes: fn(&mut web::ServiceConfig),
        app: F,
    ) -> Result<Running, ListenError>
    where
        F: Fn(&AppParts) -> I + Send + Clone + 'static,
        I: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig> + 'static,
        S::Error: Into<Error> + 'static,
        S::InitError: fmt::Debug,
        S::Response: Into<Response<B>> + 'static,
        <S::Service as Service<Request>>::Future: 'static,
        S::Service: 'static,
        B: MessageBody + 'static,
    {
        let Self { service, settings, metrics_address, health, provided } = self;
        let unusable = |address| move |source| ListenError { address, source };
        let parts = AppParts { provided: provided.into(), routes };
        let (address, server) =
            http::serve(settings, move || app(&parts)).map_err(unusable(settings.address))?;
        let mut running = Running::new(service, address, server);
        if let Some(address) = metrics_address {
            let (_, server) = http::metrics_server(address).map_err(unusable(address))?;
            running = running.with_server(server.handle());
            actix_rt::spawn(server);
        }
        Ok(running.before_stop(move || async move { health.drain() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        db::{DatabaseConfig, Plans},
        http::readable,
    };
    use actix_web::HttpResponse;

    fn routes(config: &mut web::ServiceConfig) {
        let answer = |number: Data<u32>, text: Data<String>| async move {
            HttpResponse::Ok().body(format!("{} {}", number.get_ref(), text.as_str()))
        };
        config.service(readable("/values").route(web::get().to(answer)));
    }

    async fn get(address: SocketAddr, path: &str) -> (u16, String) {
        let mut response = awc::Client::new().get(format!("http://{address}{path}")).send().await.unwrap();
        let body = response.body().await.unwrap();
        (response.status().as_u16(), String::from_utf8(body.to_vec()).unwrap())
    }

    #[actix_web::test]
    async fn handlers_have_what_is_shared_and_probes_and_problems_are_there() {
        let database = DatabaseConfig {
            url: "postgres://nowhere".to_owned().into(),
            schema: "none".to_owned(),
            pool_size: 1,
            plans: Plans::default(),
        };
        let address = ([127, 0, 0, 1], 0).into();
        let config = ServiceConfig::embedded(address, &database, "x".repeat(32).into());
        let server = WebServer::new("test", &config, Health::new());
        let running = server.share(7_u32).for_each_worker(|| "of a worker".to_owned()).serve(routes).unwrap();
        assert_eq!(get(running.address, "/values").await, (200, "7 of a worker".to_owned()));
        assert_eq!(get(running.address, "/health/ready").await.0, 200);
        let (status, problem) = get(running.address, "/nowhere").await;
        assert!(status == 404 && problem.contains("not_found"), "{problem}");
        let taken = ServiceConfig::embedded(running.address, &database, "x".repeat(32).into());
        let refused = WebServer::new("test", &taken, Health::new()).serve(routes);
        assert_eq!(refused.err().unwrap().to_string(), format!("{} cannot be listened on", running.address));
        running.stop().await;
    }
}
