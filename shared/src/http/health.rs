//! Live and ready probes.

use crate::{auth::Verifier, db::Pool, time_zones};
use actix_web::{HttpResponse, web};
use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// The time for which the last good answer of the database counts, so that frequent probes cost few queries. A check
/// needs no query to notice that the server has closed the connections.
const ANSWER_COUNTS: Duration = Duration::from_secs(5);
/// The longest time that a check may take. Probes wait longer, so the answer still names the check that fails.
const CHECK_TIMEOUT: Duration = Duration::from_millis(500);

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
    /// The release of the time-zone database. Instances of two releases compute two times for one flight.
    time_zone_database: &'static str,
}

impl Report {
    fn new(status: &'static str, failing: Vec<&'static str>) -> Self {
        Self { status, failing, time_zone_database: time_zones::version() }
    }
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

    /// With the database.
    #[must_use]
    pub fn needs_database(self, pool: &Pool) -> Self {
        let pool = pool.clone();
        let answered: Arc<Mutex<Option<Instant>>> = Arc::default();
        self.needs("database", move || {
            let (pool, answered) = (pool.clone(), answered.clone());
            async move {
                let last = *answered.lock().unwrap_or_else(PoisonError::into_inner);
                if last.is_some_and(|last| last.elapsed() < ANSWER_COUNTS) && pool.has_connection().await {
                    return true;
                }
                let is_healthy = pool.is_healthy().await;
                *answered.lock().unwrap_or_else(PoisonError::into_inner) = is_healthy.then(Instant::now);
                is_healthy
            }
        })
    }

    /// With the keys that tokens are verified by, and the list of what was revoked.
    #[must_use]
    pub fn needs_keys(self, verifier: &Verifier) -> Self {
        let (keys, revocations) = (verifier.keys().clone(), verifier.revocations().clone());
        self.needs("keys", move || std::future::ready(keys.is_ready()))
            .needs("revocations", move || std::future::ready(revocations.is_ready()))
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
            let passed = tokio::time::timeout(CHECK_TIMEOUT, check()).await.unwrap_or(false);
            (!passed).then_some(*name)
        });
        join_all(results).await.into_iter().flatten().collect()
    }
}

/// `GET /health/live`: the process answers.
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(Report::new("live", vec![]))
}

/// `GET /health/ready`: 503 names what fails.
pub(super) async fn ready(health: web::Data<Health>) -> HttpResponse {
    let failing = health.failing().await;
    if failing.is_empty() {
        HttpResponse::Ok().json(Report::new("ready", failing))
    } else {
        HttpResponse::ServiceUnavailable()
            .insert_header(("retry-after", "1"))
            .json(Report::new("not_ready", failing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{KeySource, RecentRevocations, RevocationList};
    use actix_web::{App, http::StatusCode, test};
    use serde_json::{Value, json};

    #[actix_web::test]
    async fn a_probe_names_what_fails_and_the_time_zone_data() {
        for (passes, status, name) in
            [(true, StatusCode::OK, "ready"), (false, StatusCode::SERVICE_UNAVAILABLE, "not_ready")]
        {
            let health = Health::new().needs("database", move || std::future::ready(passes));
            let app = App::new().app_data(web::Data::new(health)).configure(crate::http::probes);
            let app = test::init_service(app).await;
            let answer =
                test::call_service(&app, test::TestRequest::get().uri("/health/ready").to_request()).await;
            assert_eq!(answer.status(), status);
            let body: Value = test::read_body_json(answer).await;
            let failing = if passes { json!([]) } else { json!(["database"]) };
            let expected =
                json!({"status": name, "failing": failing, "time_zone_database": time_zones::version()});
            assert_eq!(body, expected);
        }
    }
    #[actix_web::test]
    async fn a_service_is_not_ready_before_it_knows_what_was_revoked() {
        let list = RevocationList::unfilled();
        let verifier = Verifier::new(KeySource::in_process(), "", "").with_revocations(list.clone());
        let health = Health::new().needs_keys(&verifier);
        assert_eq!(health.failing().await, ["keys", "revocations"]);
        list.fill(RecentRevocations::default());
        assert_eq!(health.failing().await, ["keys"]);
    }
}
