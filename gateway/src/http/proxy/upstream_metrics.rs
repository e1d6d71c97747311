//! What services answered, and how long it took.
//!
//! Each thread keeps the handles that it has used: a look into the recorder's registry costs a microsecond.

use crate::domain::routing_table::ApiRoute;
use actix_web::http::StatusCode;
use metrics::{Counter, Histogram};
use std::{cell::RefCell, collections::HashMap, time::Duration};

type Handles = HashMap<(&'static str, &'static str, StatusCode), (Counter, Histogram)>;

thread_local! {
    /// By method, path and status.
    static HANDLES: RefCell<Handles> = RefCell::default();
}

/// Counts an exchange with a service.
pub(super) fn measure(route: &ApiRoute, status: StatusCode, elapsed: Duration) {
    HANDLES.with_borrow_mut(|all| {
        let handles = all.entry((route.method, route.path, status)).or_insert_with(|| handles(route, status));
        handles.0.increment(1);
        handles.1.record(elapsed.as_secs_f64());
    });
}

fn handles(route: &ApiRoute, status: StatusCode) -> (Counter, Histogram) {
    let (service, method, path) = (route.service.as_str(), route.method, route.path);
    let status = status.as_str().to_owned();
    (
        metrics::counter!("upstream_requests_total", "service" => service, "method" => method, "route" => path, "status" => status),
        metrics::histogram!("upstream_request_seconds", "service" => service, "method" => method, "route" => path),
    )
}
