//! Connections that are reset while a booking is under way.

use crate::fixture::{ServiceFixture, booking, eventually, paid, passenger};
use diesel_async::SimpleAsyncConnection;
use shared::ids::UserId;
use socket2::SockRef;
use std::{fs, net::SocketAddr, time::Duration};
use tokio::{io::AsyncWriteExt, net::TcpStream};

/// A request of a user, as it goes over the wire.
fn request(fixture: &ServiceFixture, body: &serde_json::Value) -> String {
    let (token, body) = (fixture.issuer.token(UserId::new(), &[]), body.to_string());
    format!(
        "POST /api/v1/bookings HTTP/1.1\r\nhost: booking\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The inode of the server's end of a connection, which is in this process too (proc(5), `/proc/net/tcp`).
fn server_end(client: SocketAddr, server: SocketAddr) -> u64 {
    let (local, remote) = (format!(":{:04X}", server.port()), format!(":{:04X}", client.port()));
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let inode = table.lines().find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let ours = fields.get(1)?.ends_with(&local) && fields.get(2)?.ends_with(&remote);
        if ours { fields.get(9)?.parse().ok() } else { None }
    });
    inode.unwrap()
}

/// Whether this process has a socket open.
fn is_open(inode: u64) -> bool {
    let name = format!("socket:[{inode}]");
    let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
    open.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|link| link.to_str() == Some(&name))
}

#[actix_web::test]
async fn a_purchase_is_finished_whose_connection_is_reset_before_its_second_commit() {
    let patient = |config: &mut booking::config::Config| {
        config.patience_ms = 600_000;
        // Nobody else takes the payment up.
        config.payment_idle_ms = 3_600_000;
    };
    let fixture = ServiceFixture::with(1, patient).await;
    let flight = fixture.flight(30).await;
    let mut other = fixture.connection().await;
    other.batch_execute("BEGIN; SELECT FROM flights FOR UPDATE").await.unwrap();

    let mut client = TcpStream::connect(fixture.address(0)).await.unwrap();
    let body = paid(booking(flight.id, &[passenger("ADT", "Ada", Some("12A"))]), "tok_visa");
    client.write_all(request(&fixture, &body).as_bytes()).await.unwrap();
    let waits = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("the first commit", async || fixture.count(waits).await > 0).await;

    let connection = server_end(client.local_addr().unwrap(), fixture.address(0));
    assert!(is_open(connection));
    SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    eventually("the end of the connection", async || !is_open(connection)).await;
    assert_eq!(fixture.count("bookings").await, 0, "nothing is committed yet");

    other.batch_execute("ROLLBACK").await.unwrap();
    eventually("the second commit", async || fixture.count("bookings WHERE status = 1").await == 1).await;
    fixture.stop().await;
}
