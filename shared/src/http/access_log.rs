//! The access log: one line a request, of a service that clients reach directly.
//!
//! The line names the route by its pattern and the client by its kind. It has no path, no query, no address and no name
//! in it, because paths hold ids and queries what people look for. Its target is `access`, so that a filter can switch
//! it off (`info,access=off`).

use actix_web::{
    HttpMessage, HttpRequest,
    body::{BodySize, BoxBody, MessageBody},
    web::Bytes,
};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

/// The target of the lines.
const TARGET: &str = "access";

/// What a service knows of a request beyond what the envelope sees. It puts this into the request's extensions; the
/// envelope then counts and logs the request by it.
#[derive(Debug, Clone)]
pub struct RequestFacts {
    /// The pattern of the route; `None` where actix's own router knows it.
    pub route: Option<&'static str>,
    /// The class of the route.
    pub class: &'static str,
    /// The kind of client.
    pub client: &'static str,
    /// The service that answered, and its instance.
    pub upstream: Option<(&'static str, Arc<str>)>,
}

impl RequestFacts {
    /// Nothing is known yet: for the outermost middleware, so that a request has its line wherever it is refused.
    #[must_use]
    pub fn unknown() -> Self {
        Self { route: None, class: "none", client: "unknown", upstream: None }
    }

    /// Adds the instance that answers the request.
    pub fn answered_by(request: &HttpRequest, service: &'static str, instance: Arc<str>) {
        if let Some(facts) = request.extensions_mut().get_mut::<Self>() {
            facts.upstream = Some((service, instance));
        }
    }
}

/// A line, before its request has ended.
pub(super) struct AccessLine {
    pub(super) facts: RequestFacts,
    pub(super) method: &'static str,
    pub(super) route: String,
    pub(super) status: u16,
    pub(super) started: Instant,
    /// The span with the request's id.
    pub(super) span: tracing::Span,
}

impl AccessLine {
    /// Whether anybody wants the lines.
    pub(super) fn wanted() -> bool {
        tracing::enabled!(target: TARGET, tracing::Level::INFO)
    }

    /// Writes the line now where the answer's length is known, else at the end of its body.
    pub(super) fn write_with(self, body: BoxBody) -> BoxBody {
        match body.size() {
            BodySize::None => self.write(0),
            BodySize::Sized(bytes) => self.write(bytes),
            BodySize::Stream => return BoxBody::new(LoggedBody { body, bytes: 0, line: self }),
        }
        body
    }

    fn write(&self, bytes: u64) {
        let upstream = self.facts.upstream.as_ref();
        let _in_span = self.span.enter();
        tracing::info!(
            target: TARGET,
            {
                http.method = self.method,
                http.route = self.route,
                http.status = self.status,
                http.micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
                http.bytes = bytes,
                upstream.service = upstream.map(|(service, _)| *service),
                upstream.instance = upstream.map(|(_, instance)| &**instance),
                route.class = self.facts.class,
                client.kind = self.facts.client,
            },
            "Request served"
        );
    }
}

/// A body without a length, which writes the line when it ends or its client goes away.
struct LoggedBody {
    body: BoxBody,
    bytes: u64,
    line: AccessLine,
}

impl MessageBody for LoggedBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let part = self.body.as_pin_mut().poll_next(context);
        if let Poll::Ready(Some(Ok(part))) = &part {
            self.bytes += part.len() as u64;
        }
        part
    }
}

impl Drop for LoggedBody {
    fn drop(&mut self) {
        self.line.write(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::envelope;
    use actix_web::{
        App, Error, HttpResponse,
        middleware::from_fn,
        test::{TestRequest, call_service, init_service, read_body},
        web,
    };
    use futures_util::stream;
    use serde_json::Value;
    use std::{io, sync::Mutex};
    use tracing_subscriber::{EnvFilter, Registry, fmt, layer::SubscriberExt};

    #[derive(Clone, Default)]
    struct WrittenLines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for WrittenLines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl WrittenLines {
        /// Writes what this thread logs, as a service does.
        fn begin(&self, filter: &str) -> tracing::subscriber::DefaultGuard {
            let writer = self.clone();
            let layer = fmt::layer().json().flatten_event(true).with_current_span(true);
            let layer = layer.with_span_list(false).with_writer(move || writer.clone());
            tracing::subscriber::set_default(Registry::default().with(EnvFilter::new(filter)).with(layer))
        }

        fn take(&self) -> Vec<Value> {
            let bytes = std::mem::take(&mut *self.0.lock().unwrap());
            let text = String::from_utf8(bytes).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        }
    }

    fn known(request: &HttpRequest) {
        request.extensions_mut().insert(RequestFacts {
            route: Some("/passengers/{id}"),
            class: "read",
            client: "account",
            upstream: None,
        });
    }

    async fn whole(request: HttpRequest) -> HttpResponse {
        known(&request);
        RequestFacts::answered_by(&request, "flight", "10.0.0.1:8081".into());
        HttpResponse::Ok().body("seven b")
    }

    async fn in_parts(request: HttpRequest) -> HttpResponse {
        known(&request);
        let parts = ["three", "more"].map(|part| Ok::<_, Error>(Bytes::from_static(part.as_bytes())));
        HttpResponse::Ok().streaming(stream::iter(parts))
    }

    async fn ask(paths: &[&str]) {
        let app = init_service(
            App::new()
                .wrap(from_fn(envelope))
                .route("/passengers/ada", web::get().to(whole))
                .route("/parts/ada", web::get().to(in_parts))
                .route("/inner", web::get().to(HttpResponse::Ok)),
        )
        .await;
        for path in paths {
            let request =
                TestRequest::with_uri(path).insert_header(("x-request-id", "request-7")).to_request();
            read_body(call_service(&app, request).await).await;
        }
    }

    #[actix_web::test]
    async fn a_request_is_one_line_without_anything_about_persons() {
        let lines = WrittenLines::default();
        let logging = lines.begin("info");
        ask(&["/passengers/ada?name=lovelace", "/parts/ada", "/inner"]).await;
        drop(logging);
        let written = lines.take();
        assert_eq!(written.len(), 2, "{written:?}");
        let line = &written[0];
        for (field, value) in [
            ("target", "access"),
            ("level", "INFO"),
            ("http.method", "GET"),
            ("http.route", "/passengers/{id}"),
            ("upstream.service", "flight"),
            ("upstream.instance", "10.0.0.1:8081"),
            ("route.class", "read"),
            ("client.kind", "account"),
        ] {
            assert_eq!(line[field], value, "{line}");
        }
        assert_eq!((line["http.status"].as_u64(), line["http.bytes"].as_u64()), (Some(200), Some(7)));
        assert!(line["http.micros"].is_u64(), "{line}");
        assert_eq!(line["span"]["request.id"], "request-7");
        let text = line.to_string();
        assert!(!text.contains("ada") && !text.contains("lovelace"), "{text}");
        // Of an answer whose length is not told beforehand the line comes at its end.
        assert_eq!(written[1]["http.bytes"], 9);
        assert!(written[1].get("upstream.service").is_none(), "{}", written[1]);
    }

    #[actix_web::test]
    async fn a_filter_switches_the_lines_off() {
        let lines = WrittenLines::default();
        let _logging = lines.begin("info,access=off");
        ask(&["/passengers/ada", "/parts/ada"]).await;
        assert_eq!(lines.take(), Vec::<Value>::new());
    }
}
