//! Whether a server answers in its own protocol, which says more than an open port.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);

/// Whether PostgreSQL takes sessions on this port: it answers a startup message with a request to authenticate. While
/// it still recovers it answers with an error instead.
///
/// Source: PostgreSQL documentation, "Message Formats", StartupMessage and AuthenticationRequest.
pub(crate) fn postgres_answers(port: u16) -> bool {
    const PROTOCOL_3_0: u32 = 196_608;
    let parameters = b"user\0aerobus\0database\0postgres\0\0";
    let length = 8 + parameters.len() as u32;
    let startup = [&length.to_be_bytes()[..], &PROTOCOL_3_0.to_be_bytes(), parameters].concat();
    ask::<1>(port, &startup).is_some_and(|answer| answer == *b"R")
}

/// Whether a broker speaks AMQP 0-9-1 on this port: it answers the protocol header with the method Connection.Start.
///
/// Source: AMQP 0-9-1 specification, 4.2.2 and 4.2.3: type 1, channel 0, a length, class 10, method 10.
pub(crate) fn amqp_answers(port: u16) -> bool {
    ask::<11>(port, b"AMQP\0\0\x09\x01")
        .is_some_and(|answer| answer.starts_with(&[1, 0, 0]) && answer.ends_with(&[0, 10, 0, 10]))
}

fn ask<const N: usize>(port: u16, question: &[u8]) -> Option<[u8; N]> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(question).ok()?;
    let mut answer = [0; N];
    stream.read_exact(&mut answer).ok()?;
    Some(answer)
}
