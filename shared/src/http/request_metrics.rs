//! Requests, errors and durations by route.
//!
//! Each thread keeps the handles that it has used: a look into the recorder's registry costs a microsecond, and a request
//! needs several.

use actix_web::http::StatusCode;
use metrics::{Counter, Histogram};
use std::{cell::RefCell, collections::HashMap, time::Duration};

/// The handles of one route.
struct RequestHandles {
    method: &'static str,
    status: StatusCode,
    class: Option<&'static str>,
    requests: Counter,
    seconds: Histogram,
}

impl RequestHandles {
    fn new(route: &str, method: &'static str, status: StatusCode, class: Option<&'static str>) -> Self {
        let (route, code) = (route.to_owned(), status.as_str().to_owned());
        let (requests, seconds) = match class {
            Some(class) => (
                metrics::counter!("http_requests_total", "route" => route.clone(), "method" => method, "status" => code, "class" => class),
                metrics::histogram!("http_request_seconds", "route" => route, "class" => class),
            ),
            None => (
                metrics::counter!("http_requests_total", "route" => route.clone(), "method" => method, "status" => code),
                metrics::histogram!("http_request_seconds", "route" => route),
            ),
        };
        Self { method, status, class, requests, seconds }
    }
}

thread_local! {
    /// By route: patterns only, so that their number is bounded.
    static HANDLES: RefCell<HashMap<String, Vec<RequestHandles>>> = RefCell::default();
}

/// Counts a request. A service that tells the class of its routes has it as a label.
pub(super) fn measure(
    route: &str,
    method: &'static str,
    status: StatusCode,
    elapsed: Duration,
    class: Option<&'static str>,
) {
    HANDLES.with_borrow_mut(|all| {
        if !all.contains_key(route) {
            all.insert(route.to_owned(), Vec::new());
        }
        let Some(of_route) = all.get_mut(route) else { return };
        let is_wanted = |handles: &RequestHandles| {
            (handles.method, handles.status, handles.class) == (method, status, class)
        };
        let index = of_route.iter().position(is_wanted).unwrap_or_else(|| {
            of_route.push(RequestHandles::new(route, method, status, class));
            of_route.len() - 1
        });
        of_route[index].requests.increment(1);
        of_route[index].seconds.record(elapsed.as_secs_f64());
    });
}
