//! `GET /admin/system`: the instances of all services, and what waits in each.

use super::{cache_control::PRIVATE, internal_client::InternalClient};
use crate::{
    actors::{InstanceReport, Upstreams},
    domain::routing_table::ServiceName,
};
use actix_web::{HttpRequest, HttpResponse, http::header, web};
use chrono::{DateTime, Utc};
use futures_util::future::{join, join_all};
use serde::Serialize;
use shared::{
    auth::{Permitted, required},
    http::{NoParameters, Problem, RequestId},
    operations::{Operations, ServiceStatus},
};
use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};
use utoipa::ToSchema;

/// Where this gateway listens, once it does.
#[derive(Clone, Default)]
pub(crate) struct OwnAddress(Arc<OnceLock<SocketAddr>>);

impl OwnAddress {
    /// The gateway listens here.
    pub(crate) fn set(&self, address: SocketAddr) {
        // It listens once.
        let _ = self.0.set(address);
    }
}

/// The whole system.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SystemReport {
    /// The services, the gateway first.
    services: Vec<ServiceReport>,
}

/// A service.
#[derive(Debug, Serialize, ToSchema)]
struct ServiceReport {
    /// Its name.
    service: &'static str,
    /// Its instances. Of gateways, the one that answers.
    instances: Vec<Instance>,
    /// Events that the bus has not confirmed, counted up to 10,000; null where no instance tells.
    outbox_pending: Option<i64>,
    /// The age of the oldest of them in seconds; 0 without any, null where no instance tells.
    oldest_pending_seconds: Option<i64>,
    /// Messages that were given up and not replayed, counted up to 10,000; null where no instance tells.
    dead_letters: Option<i64>,
}

/// An instance of a service.
#[derive(Debug, Serialize, ToSchema)]
struct Instance {
    /// Its base address.
    address: String,
    /// What the gateway knows about its health: `ready`, `unproven`, `late`, `not_ready`, `refusing` or `silent`.
    state: &'static str,
    /// Its release; null where it does not tell.
    version: Option<String>,
    /// When it started; null where it does not tell.
    started_at: Option<DateTime<Utc>>,
}

impl ServiceReport {
    fn new(service: ServiceName, instances: Vec<(InstanceReport, Option<ServiceStatus>)>) -> Self {
        // All instances of a service share its database.
        let known = instances.iter().find_map(|(_, status)| status.as_ref());
        Self {
            service: service.as_str(),
            outbox_pending: known.map(|status| status.outbox_pending),
            oldest_pending_seconds: known.map(|status| status.oldest_pending_seconds),
            dead_letters: known.map(|status| status.dead_letters),
            instances: instances.into_iter().map(Instance::from).collect(),
        }
    }
}

impl From<(InstanceReport, Option<ServiceStatus>)> for Instance {
    fn from((instance, status): (InstanceReport, Option<ServiceStatus>)) -> Self {
        let (version, started_at) = status.map(|status| (status.version, status.started_at)).unzip();
        // A path alone would say nothing: the address is the base of all paths.
        let address = instance.address.as_str().trim_end_matches('/').to_owned();
        Self { address, state: instance.state, version, started_at }
    }
}

/// Show the instances of all services, and what waits in them
///
/// A service that does not answer is shown with what the gateway knows about its instances, and null for the rest.
#[utoipa::path(
    get, path = "/api/v1/admin/system", tag = "operations", operation_id = "system",
    security(("bearer" = ["system:check"])),
    responses((status = 200, description = "The system.", body = SystemReport)),
)]
pub(super) async fn report(
    _: Permitted<required::SystemCheck>,
    (request, request_id): (HttpRequest, RequestId),
    _: NoParameters,
    (operations, own_address): (web::Data<Operations>, web::Data<OwnAddress>),
    (client, upstreams): (web::Data<InternalClient>, web::Data<Upstreams>),
) -> Result<HttpResponse, Problem> {
    let caller = request.headers().get(header::AUTHORIZATION);
    let others = ServiceName::UPSTREAMS.map(|service| {
        // The mailer lacks the services' secret: it verifies the operator's own token.
        let caller = caller.filter(|_| service == ServiceName::Mailer);
        ask((&client, &upstreams), service, caller, &request_id)
    });
    let (own, others) = join(own(&own_address, &operations), join_all(others)).await;
    let services = std::iter::once(own).chain(others).collect();
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(SystemReport { services }))
}

async fn own(OwnAddress(address): &OwnAddress, operations: &Operations) -> ServiceReport {
    let status = operations.status().await;
    let state = if status.is_ok() { "ready" } else { "not_ready" };
    let mut report = ServiceReport::new(ServiceName::Gateway, Vec::new());
    if let Ok(status) = &status {
        report.outbox_pending = Some(status.outbox_pending);
        report.oldest_pending_seconds = Some(status.oldest_pending_seconds);
        report.dead_letters = Some(status.dead_letters);
    }
    report.instances.push(Instance {
        address: address.get().map(|address| format!("http://{address}")).unwrap_or_default(),
        state,
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        started_at: Some(operations.started_at()),
    });
    report
}

async fn ask(
    (client, upstreams): (&InternalClient, &Upstreams),
    service: ServiceName,
    caller: Option<&header::HeaderValue>,
    request_id: &RequestId,
) -> ServiceReport {
    let instances = match upstreams.of(service) {
        Some(upstream) => upstream.instances(),
        None => Vec::new(),
    };
    let told = instances.into_iter().map(async |instance| {
        let status = client.status(&instance, caller, request_id).await;
        (instance, status)
    });
    ServiceReport::new(service, join_all(told).await)
}
