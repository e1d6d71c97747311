//! What is going to run, and with which settings: the same for one process and for four.

use crate::installation::Administrator;
use anyhow::Context;
use flight::demo::HORIZON_DAYS;
use mailer::config::Destination;
use secrecy::{ExposeSecret, SecretString};
use shared::{
    bus::{WorkQueue, queues},
    config::ServiceConfig,
    db::DatabaseConfig,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Letters that the installation's folder keeps at most.
const KEPT_LETTERS: usize = 1000;

/// Environment variables of a process.
pub type Environment = Vec<(&'static str, String)>;

/// The broker and the prefix of our names on it.
#[derive(Clone)]
pub struct BrokerAddress {
    /// `amqp://user:password@host:port/vhost`.
    pub url: SecretString,
    /// Empty but where installations share a broker.
    pub prefix: String,
}

/// The ports on 127.0.0.1; 0 for a free one.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServicePorts {
    /// The gateway's.
    pub gateway: u16,
    /// That of the flight service.
    pub flight: u16,
    /// That of the booking service.
    pub booking: u16,
    /// The mailer's.
    pub mailer: u16,
}

/// What is going to run.
#[derive(Clone)]
pub struct StartPlan {
    /// The access of each service to its schema.
    pub databases: Vec<DatabaseConfig>,
    /// RabbitMQ; absent: the bus in the process.
    pub broker: Option<BrokerAddress>,
    /// Signs the services' calls to each other.
    pub service_token_secret: SecretString,
    /// The gateway's signing keys are derived from it.
    pub signing_key_secret: SecretString,
    /// The first administrator.
    pub administrator: Administrator,
    /// Whether the mailer runs, too. Without it no letters are made; the gateway finds nobody at its address.
    pub with_mailer: bool,
    /// Where mail goes.
    pub mail: Destination,
    /// Where HTTP listens.
    pub ports: ServicePorts,
    /// Threads that serve the HTTP of the gateway; the services have one each.
    pub gateway_workers: usize,
    /// The cost of hashing passwords.
    pub bcrypt_cost: u32,
}

pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

impl StartPlan {
    fn service(&self, name: &str, port: u16) -> ServiceConfig {
        let database = self.databases.iter().find(|database| database.schema == name);
        let database = database.unwrap_or_else(|| unreachable!("every service has a schema"));
        let broker = self.broker.as_ref();
        ServiceConfig {
            amqp_url: broker.map(|broker| broker.url.clone()),
            amqp_prefix: broker.map(|broker| broker.prefix.clone()).unwrap_or_default(),
            ..ServiceConfig::embedded(local(port), database, self.service_token_secret.clone())
        }
    }

    /// The settings of booking.
    #[must_use]
    pub fn booking(&self) -> booking::config::Config {
        let config = booking::config::Config::embedded(self.service("booking", self.ports.booking));
        match self.ports.gateway {
            0 => config,
            port => booking::config::Config { public_url: url(local(port)), ..config },
        }
    }

    /// The settings of flight.
    ///
    /// # Errors
    /// Never: an address is a good URL.
    pub fn flight(&self, booking: SocketAddr) -> anyhow::Result<flight::config::Config> {
        let service = self.service("flight", self.ports.flight);
        let secret = self.service_token_secret.clone();
        let booking_url = url(booking).parse()?;
        let config =
            flight::config::Config::embedded(service.http_address, &service.database(), secret, booking_url);
        Ok(flight::config::Config { service, schedule_horizon_days: HORIZON_DAYS, ..config })
    }

    /// The settings of the mailer.
    #[must_use]
    pub fn mailer(&self) -> mailer::config::Config {
        let config = mailer::config::Config {
            mail_dir_letters: Some(KEPT_LETTERS),
            ..mailer::config::Config::embedded(self.service("mailer", self.ports.mailer), self.mail.clone())
        };
        match self.ports.gateway {
            0 => config,
            port => mailer::config::Config { public_url: url(local(port)), ..config },
        }
    }

    /// The settings of the gateway.
    ///
    /// # Errors
    /// Never: an address is a good URL.
    pub fn gateway(
        &self,
        flight: SocketAddr,
        booking: SocketAddr,
        mailer: SocketAddr,
    ) -> anyhow::Result<gateway::config::Config> {
        let service = self.service("gateway", self.ports.gateway);
        let database = service.database();
        let secret = self.service_token_secret.clone();
        let config = gateway::config::Config::embedded(
            service.http_address,
            &database,
            secret,
            self.signing_key_secret.clone(),
        );
        Ok(gateway::config::Config {
            service: ServiceConfig { http_workers: self.gateway_workers, ..service },
            flight_urls: vec![url(flight).parse()?],
            booking_urls: vec![url(booking).parse()?],
            mailer_urls: vec![url(mailer).parse()?],
            bcrypt_cost: self.bcrypt_cost,
            admin_email: Some(self.administrator.email.clone()),
            admin_password: Some(self.administrator.password.clone()),
            ..config
        })
    }

    /// The services that run with their ports, in the order of their start.
    #[must_use]
    pub fn ports(&self) -> Vec<(&'static str, u16)> {
        let ServicePorts { gateway, flight, booking, mailer } = self.ports;
        let all = [("booking", booking), ("flight", flight), ("mailer", mailer), ("gateway", gateway)];
        all.into_iter().filter(|(service, _)| self.with_mailer || *service != "mailer").collect()
    }

    /// The queues that are there before their consumers: those of the services that run. On the bus in the process an
    /// event that waits in a queue without a consumer would never be confirmed.
    #[must_use]
    pub fn queues(&self) -> Vec<WorkQueue> {
        let all = queues::ALL.iter().copied();
        all.filter(|queue| self.with_mailer || *queue != queues::MAILER_NOTIFICATIONS).collect()
    }

    /// The environment of each service's own process, in the order of their start.
    ///
    /// # Errors
    /// Without a broker: processes have no bus in common.
    pub fn environments(&self) -> anyhow::Result<Vec<(&'static str, Environment)>> {
        let broker = self.broker.as_ref().context("separate processes need RabbitMQ")?;
        let gateway = url(local(self.ports.gateway));
        let [booking, flight, mailer] =
            [self.ports.booking, self.ports.flight, self.ports.mailer].map(|port| url(local(port)));
        let environment = |(service, port): (&'static str, u16)| {
            let config = self.service(service, port);
            let mut environment = vec![
                ("AEROBUS_HTTP_ADDRESS", config.http_address.to_string()),
                ("AEROBUS_DATABASE_URL", config.database_url.expose_secret().to_owned()),
                ("AEROBUS_AMQP_URL", broker.url.expose_secret().to_owned()),
                ("AEROBUS_AMQP_PREFIX", broker.prefix.clone()),
                ("AEROBUS_JWKS_URL", format!("{gateway}/.well-known/jwks.json")),
                ("AEROBUS_SERVICE_TOKEN_SECRET", self.service_token_secret.expose_secret().to_owned()),
                ("AEROBUS_LOG_FORMAT", "text".to_owned()),
                ("AEROBUS_LOG_FILTER", "warn".to_owned()),
            ];
            environment.extend(match service {
                "flight" => vec![
                    ("FLIGHT_BOOKING_URL", booking.clone()),
                    ("FLIGHT_SCHEDULE_HORIZON_DAYS", HORIZON_DAYS.to_string()),
                ],
                "booking" => vec![
                    ("BOOKING_PAYMENT_PROVIDER", "sandbox".to_owned()),
                    ("BOOKING_PUBLIC_URL", gateway.clone()),
                ],
                "mailer" => {
                    let public = ("MAILER_PUBLIC_URL", gateway.clone());
                    let kept = ("MAILER_MAIL_DIR_LETTERS", KEPT_LETTERS.to_string());
                    match &self.mail {
                        Destination::Smtp(url) => {
                            vec![public, ("MAILER_SMTP_URL", url.expose_secret().to_owned())]
                        }
                        Destination::Folder(path) => {
                            vec![public, kept, ("MAILER_MAIL_DIR", path.display().to_string())]
                        }
                    }
                }
                "gateway" => vec![
                    ("GATEWAY_FLIGHT_URLS", flight.clone()),
                    ("GATEWAY_BOOKING_URLS", booking.clone()),
                    ("GATEWAY_MAILER_URLS", mailer.clone()),
                    ("GATEWAY_SIGNING_KEY_SECRET", self.signing_key_secret.expose_secret().to_owned()),
                    ("GATEWAY_ADMIN_EMAIL", self.administrator.email.clone()),
                    ("GATEWAY_ADMIN_PASSWORD", self.administrator.password.expose_secret().to_owned()),
                    ("GATEWAY_BCRYPT_COST", self.bcrypt_cost.to_string()),
                ],
                _ => vec![],
            });
            (service, environment)
        };
        Ok(self.ports().into_iter().map(environment).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::db::Plans;

    fn plan() -> StartPlan {
        let database = |schema: &str| DatabaseConfig {
            url: format!("postgres://{schema}@127.0.0.1/aerobus").into(),
            schema: schema.to_owned(),
            pool_size: 1,
            plans: Plans::default(),
        };
        StartPlan {
            databases: ["gateway", "flight", "booking", "mailer"].map(database).to_vec(),
            broker: Some(BrokerAddress {
                url: "amqp://127.0.0.1/%2f".to_owned().into(),
                prefix: String::new(),
            }),
            service_token_secret: "the secret of the services, long enough".to_owned().into(),
            signing_key_secret: "the signing secret, which is long enough".to_owned().into(),
            administrator: Administrator {
                email: "admin@aerobus.example".to_owned(),
                password: "a very good password".to_owned().into(),
            },
            with_mailer: true,
            mail: Destination::Folder("/srv/mail".into()),
            ports: ServicePorts::default(),
            gateway_workers: 1,
            bcrypt_cost: 4,
        }
    }

    #[test]
    fn both_ways_of_the_start_name_the_sandbox() {
        assert_eq!(plan().booking().payment_provider, Some(booking::config::ProviderKind::Sandbox));
        let environments = plan().environments().unwrap();
        let named = |service: &str| {
            let (_, environment) = environments.iter().find(|(name, _)| *name == service).unwrap();
            environment.iter().find(|(name, _)| *name == "BOOKING_PAYMENT_PROVIDER").cloned()
        };
        assert_eq!(named("booking").unwrap().1, "sandbox");
        assert!(named("flight").is_none());
    }

    #[test]
    fn letters_and_documents_link_to_the_gateway_in_both_ways_of_the_start() {
        let gateway = ServicePorts { gateway: 8080, ..ServicePorts::default() };
        let plan = StartPlan { ports: gateway, ..plan() };
        assert_eq!(plan.booking().public_url, "http://127.0.0.1:8080");
        assert_eq!(plan.mailer().public_url, plan.booking().public_url);
        let environments = plan.environments().unwrap();
        let names = ["BOOKING_PUBLIC_URL", "MAILER_PUBLIC_URL"];
        let all = environments.iter().flat_map(|(_, environment)| environment);
        let urls: Vec<_> =
            all.filter(|(name, _)| names.contains(name)).map(|(_, url)| url.as_str()).collect();
        assert_eq!(urls, ["http://127.0.0.1:8080"; 2]);
    }

    #[test]
    fn without_the_mailer_it_has_no_process_and_no_queue() {
        let without = StartPlan { with_mailer: false, ..plan() };
        let services = |plan: &StartPlan| {
            plan.environments().unwrap().into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(services(&plan()), ["booking", "flight", "mailer", "gateway"]);
        assert_eq!(services(&without), ["booking", "flight", "gateway"]);
        assert_eq!(plan().queues(), queues::ALL);
        assert_eq!(
            without.queues(),
            [queues::BOOKING_FLIGHTS, queues::FLIGHT_AVAILABILITY, queues::GATEWAY_AUDIT]
        );
    }

    #[test]
    fn every_process_gets_the_secret_of_service_tokens() {
        for (service, environment) in plan().environments().unwrap() {
            let has = environment.iter().any(|(name, _)| *name == "AEROBUS_SERVICE_TOKEN_SECRET");
            assert!(has, "{service}");
        }
    }

    #[test]
    fn the_folder_of_letters_is_bounded_in_both_ways_of_the_start() {
        assert_eq!(plan().mailer().mail_dir_letters, Some(KEPT_LETTERS));
        let environments = plan().environments().unwrap();
        let (_, environment) = environments.iter().find(|(name, _)| *name == "mailer").unwrap();
        let bound = environment.iter().find(|(name, _)| *name == "MAILER_MAIL_DIR_LETTERS");
        assert_eq!(bound.unwrap().1, "1000");
    }
}
