use super::*;
use crate::actors::{
    instance_prober::{ProbeInstances, ProbedInstance, usable},
    instance_source::{InstanceAddress, tests::ScriptedResolver},
    upstream_instance::{InstanceHealth, ReportHealth},
};
use shared::ids::FlightId;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const REQUESTS: InstanceChoice<'static> = InstanceChoice::LEAST_BUSY;

fn settings(most_requests: usize) -> UpstreamSettings {
    UpstreamSettings { resolve_interval: Duration::from_secs(3600), most_requests }
}

fn sockets(ports: &[u16]) -> Vec<SocketAddr> {
    ports.iter().map(|port| SocketAddr::from(([10, 0, 0, 1], *port))).collect()
}

async fn upstream(count: u16, most_requests: usize) -> Upstream {
    let urls: Vec<Url> =
        (1..=count).map(|last| format!("http://10.0.0.{last}:80").parse().unwrap()).collect();
    Upstream::start(ServiceName::Booking, &urls, settings(most_requests)).await
}

/// What has become of the instances, by their ports.
fn states(upstream: &Upstream) -> Vec<(u16, &'static str)> {
    let port = |report: &InstanceReport| report.address.port().unwrap_or(80);
    upstream.instances().iter().map(|report| (port(report), report.state)).collect()
}

#[actix_web::test]
async fn the_best_instances_are_used_and_silent_ones_never() {
    use InstanceHealth::{Late, NotReady, Ready, Refusing, Silent, Unproven};
    let upstream = upstream(1, 1).await;
    let reports = upstream.prober.clone().recipient::<ReportHealth>();
    for (health, count) in [
        (vec![Ready, NotReady, Ready, Unproven, Late], 2),
        (vec![Late, NotReady, Unproven], 1),
        (vec![NotReady, Late, Late], 2),
        (vec![NotReady, Refusing, Silent], 1),
        (vec![Refusing, Silent], 1),
        (vec![Silent, Silent], 0),
    ] {
        let bases = [upstream_address()];
        let probed = |health: &InstanceHealth| {
            ProbedInstance::new(UpstreamInstance::new(bases[0].clone(), 1, reports.clone()), *health)
        };
        let instances: Vec<ProbedInstance> = health.iter().map(probed).collect();
        assert_eq!(usable(&instances).len(), count, "{health:?}");
    }
    upstream.stop().await;
}

fn upstream_address() -> InstanceAddress {
    InstanceSource::new(&["http://10.0.0.1:80".parse().unwrap()], Rc::new(SystemResolver))
        .addresses()
        .remove(0)
}

#[actix_web::test]
async fn requests_go_to_the_least_busy_instance() {
    let upstream = upstream(2, 100).await;
    let pick = || upstream.pick(REQUESTS).unwrap();
    let (one, other) = (pick(), pick());
    assert_ne!(one.socket(), other.socket());
    let freed = one.socket();
    drop(one);
    // Streams are shared out among themselves, and do not count as load of requests.
    let streams = InstanceChoice { kind: LoadKind::Streams, ..REQUESTS };
    let streams = [streams; 4].map(|choice| upstream.pick(choice).unwrap());
    assert_eq!(streams.iter().filter(|stream| stream.socket() == freed).count(), 2);
    assert_eq!(pick().socket(), freed);
    // One that has failed is the last choice, however idle it is.
    let idle = pick();
    let choice = InstanceChoice { besides: Some(idle.instance()), ..REQUESTS };
    for _ in 0..4 {
        assert_ne!(upstream.pick(choice).unwrap().socket(), idle.socket());
    }
    upstream.stop().await;
}

#[actix_web::test]
async fn a_full_instance_is_passed_over_and_full_ones_refuse_at_once() {
    let upstream = upstream(2, 2).await;
    let busy: Vec<_> = (0..4).map(|_| upstream.pick(REQUESTS).unwrap()).collect();
    assert_eq!(busy.iter().filter(|request| request.socket() == busy[0].socket()).count(), 2);
    assert_eq!(upstream.pick(REQUESTS).err(), Some(NoInstance::Busy("booking")));
    // Streams have their own limit.
    let _stream = upstream.pick(InstanceChoice { kind: LoadKind::Streams, ..REQUESTS }).unwrap();
    drop(busy);
    assert!(upstream.pick(REQUESTS).is_ok(), "a refusal takes no place");
    upstream.stop().await;
}

#[actix_web::test]
async fn a_flight_stays_on_its_instance_and_leaves_it_when_it_is_full() {
    let upstream = upstream(3, 2).await;
    let key = RoutingKey::flight(FlightId::new());
    let choice = InstanceChoice { key: Some(key), ..REQUESTS };
    let home = upstream.pick(choice).unwrap().socket();
    for _ in 0..5 {
        assert_eq!(upstream.pick(choice).unwrap().socket(), home);
    }
    let held: Vec<_> = (0..6).map(|_| upstream.pick(choice).unwrap()).collect();
    let order: Vec<SocketAddr> = held.iter().map(InFlightRequest::socket).collect();
    assert_eq!((order[0], order[1]), (home, home));
    assert!(order[2] == order[3] && order[4] == order[5], "one after the other: {order:?}");
    assert!(upstream.pick(choice).is_err());
    drop(held);
    // The next in order takes its requests while it fails.
    let failed = upstream.pick(choice).unwrap();
    let without = InstanceChoice { besides: Some(failed.instance()), ..choice };
    assert_eq!(upstream.pick(without).unwrap().socket(), order[2]);
    upstream.stop().await;
}

#[actix_web::test]
async fn an_address_that_vanishes_gets_no_new_requests_and_finishes_the_old_ones() {
    let resolver = Rc::new(ScriptedResolver::default());
    *resolver.0.borrow_mut() = Some(sockets(&[1, 2]));
    let names = ["http://booking.internal:8082".parse().unwrap()];
    let upstream = Upstream::start_with(ServiceName::Booking, &names, settings(10), resolver.clone()).await;
    assert_eq!(states(&upstream), [(1, "unproven"), (2, "unproven")]);
    let under_way = [upstream.pick(REQUESTS).unwrap(), upstream.pick(REQUESTS).unwrap()];
    assert_eq!(under_way[0].host(), "booking.internal:8082");

    *resolver.0.borrow_mut() = Some(sockets(&[2, 3]));
    upstream.follow_names().await;
    let ports: Vec<u16> = states(&upstream).iter().map(|(port, _)| *port).collect();
    assert_eq!(ports, [2, 3]);
    for _ in 0..4 {
        assert_ne!(upstream.pick(REQUESTS).unwrap().socket().port(), 1);
    }
    // What it has under way still counts at the instance that stayed, and ends in peace at the one that went.
    let stayed = under_way.iter().find(|request| request.socket().port() == 2).unwrap();
    assert_eq!(stayed.instance().load(LoadKind::Requests), 1);
    under_way.iter().for_each(InFlightRequest::unanswered);

    *resolver.0.borrow_mut() = None;
    upstream.follow_names().await;
    assert_eq!(upstream.instances().len(), 2, "a failure keeps the last good set");
    upstream.stop().await;
}

#[actix_web::test]
async fn a_name_that_cannot_be_resolved_at_the_start_is_followed() {
    let resolver = Rc::new(ScriptedResolver::default());
    let names = ["http://booking.internal:8082".parse().unwrap()];
    let upstream = Upstream::start_with(ServiceName::Booking, &names, settings(10), resolver.clone()).await;
    assert_eq!(upstream.pick(REQUESTS).err(), Some(NoInstance::Unavailable("booking")));
    *resolver.0.borrow_mut() = Some(sockets(&[1]));
    upstream.follow_names().await;
    assert_eq!(upstream.pick(REQUESTS).unwrap().socket().port(), 1);
    upstream.stop().await;
}

#[actix_web::test]
async fn an_instance_that_is_not_ready_or_does_not_answer_is_left_while_others_are_ready() {
    let answering = async |status: &'static str| {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = listener.local_addr().unwrap();
        actix_rt::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut buffer = [0; 1024];
                let _ = stream.read(&mut buffer).await;
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(head.as_bytes()).await;
            }
        });
        socket
    };
    let (ready, draining) = (answering("200 OK").await, answering("503 Service Unavailable").await);
    let urls = [ready, draining].map(|socket| format!("http://{socket}").parse().unwrap());
    let upstream = Upstream::start(ServiceName::Booking, &urls, settings(10)).await;
    let settled = async || {
        while states(&upstream).iter().any(|(_, state)| *state == "unproven") {
            upstream.prober.send(ProbeInstances).await.unwrap();
        }
    };
    settled().await;
    let mut seen = states(&upstream);
    seen.sort_unstable();
    let mut expected = [(ready.port(), "ready"), (draining.port(), "not_ready")];
    expected.sort_unstable();
    assert_eq!(seen, expected);
    for _ in 0..4 {
        assert_eq!(upstream.pick(REQUESTS).unwrap().socket(), ready);
    }
    // A request whose instance stops answering is told so. What says that it is not ready is no better.
    let waiting = upstream.pick(REQUESTS).unwrap();
    let lost = waiting.lost();
    let mut lost = std::pin::pin!(lost);
    assert!(futures_util::poll!(&mut lost).is_pending());
    waiting.unanswered();
    lost.await;
    assert!(!upstream.has_other(waiting.instance()));
    upstream.stop().await;
}
