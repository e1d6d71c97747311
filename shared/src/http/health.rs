//! Live and ready probes.

use actix_web::{HttpResponse, web};
use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How long a check may take: less than whoever probes waits, so that the answer names what fails.
const PATIENCE: Duration = Duration::from_millis(500);

type Check = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// What a service needs to be ready.
#[derive(Clone, Default)]
pub struct Health {
    checks: Vec<(&'static str, Check)>,
    draining: Arc<AtomicBool>,
}

#[derive(Serialize)]
struct Report {
    status: &'static str,
    failing: Vec<&'static str>,
}

impl Health {
    /// A service that needs nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a dependency: ready only while `check` answers true, within half a second.
    #[must_use]
    pub fn needs<F>(mut self, name: &'static str, check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = bool> + Send + 'static,
    {
        self.checks.push((name, Arc::new(move || Box::pin(check()))));
        self
    }

    /// From now on not ready: the service is being stopped.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// The names of the dependencies that fail now; none when ready.
    pub async fn failing(&self) -> Vec<&'static str> {
        if self.draining.load(Ordering::Acquire) {
            return vec!["stopping"];
        }
        let results = self.checks.iter().map(|(name, check)| async move {
            let passed = tokio::time::timeout(PATIENCE, check()).await.unwrap_or(false);
            (!passed).then_some(*name)
        });
        join_all(results).await.into_iter().flatten().collect()
    }
}

/// `GET /health/live`: the process answers.
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(Report { status: "live", failing: vec![] })
}

/// `GET /health/ready`: 503 names what fails.
pub(super) async fn ready(health: web::Data<Health>) -> HttpResponse {
    let failing = health.failing().await;
    if failing.is_empty() {
        HttpResponse::Ok().json(Report { status: "ready", failing })
    } else {
        HttpResponse::ServiceUnavailable()
            .insert_header(("retry-after", "1"))
            .json(Report { status: "not_ready", failing })
    }
}
