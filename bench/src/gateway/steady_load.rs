//! A steady load: clients that ask at random times, at a given rate on average.
//!
//! Each client is a thread that sleeps until its next request is due, because the timers of an asynchronous runtime have
//! steps of a millisecond: all requests of a millisecond would come at once.

use super::callers::Callers;
use crate::statistics::Latencies;
use anyhow::{Context, bail, ensure};
use rand::RngExt;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

/// Threads. More would cost the processors more than what is measured.
const CLIENTS: usize = 16;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Asks at `rate` requests a second in all; gives how long the answers took from when each request was sent. Blocks.
///
/// # Errors
/// Where a connection fails or an answer is not 200.
pub fn run(address: SocketAddr, callers: &Callers, rate: f64, time: Duration) -> anyhow::Result<Latencies> {
    let requests: Vec<Vec<Vec<u8>>> =
        (0..CLIENTS).map(|_| (0..64).map(|_| request(callers)).collect()).collect();
    let end = Instant::now() + time;
    #[expect(clippy::cast_precision_loss, reason = "few clients")]
    let each = rate / CLIENTS as f64;
    let clients =
        requests.into_iter().map(|requests| thread::spawn(move || client(address, &requests, each, end)));
    let clients: Vec<_> = clients.collect();
    let mut latencies = Latencies::default();
    for client in clients {
        latencies.add(&client.join().map_err(|_| anyhow::anyhow!("a client has panicked"))??);
    }
    Ok(latencies)
}

fn request(callers: &Callers) -> Vec<u8> {
    let mut request = Vec::new();
    callers.request(&mut request);
    request
}

fn client(address: SocketAddr, requests: &[Vec<u8>], rate: f64, end: Instant) -> anyhow::Result<Latencies> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let (mut latencies, mut due) = (Latencies::default(), Instant::now());
    let mut buffer = vec![0; 16 * 1024];
    for request in requests.iter().cycle() {
        let share: f64 = rand::rng().random_range(f64::EPSILON..1.0);
        due += Duration::from_secs_f64(-share.ln() / rate.max(0.001));
        if due >= end {
            break;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let sent = Instant::now();
        stream.write_all(request)?;
        read_answer(&mut stream, &mut buffer)?;
        latencies.record(sent.elapsed());
    }
    Ok(latencies)
}

/// Reads an answer with a length to its end.
fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<()> {
    let (mut filled, mut needed) = (0, None);
    loop {
        let read = stream.read(&mut buffer[filled..])?;
        if read == 0 {
            bail!("the connection was closed");
        }
        filled += read;
        if needed.is_none() {
            needed = whole_length(&buffer[..filled])?;
        }
        if needed.is_some_and(|needed| filled >= needed) {
            return Ok(());
        }
    }
}

/// The length of an answer, head and body, once its head is complete.
fn whole_length(read: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(end) = memchr::memmem::find(read, b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&read[..end]).context("a head that is no text")?;
    ensure!(head.starts_with("HTTP/1.1 200"), "an answer: {head}");
    let mut fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let (_, length) = length.context("an answer without a length")?;
    Ok(Some(end + 4 + length.trim().parse::<usize>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_end_where_their_length_says() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(whole_length(&answer[..30]).unwrap(), None);
        assert_eq!(whole_length(answer).unwrap(), Some(answer.len()));
        assert!(whole_length(b"HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n").is_err());
    }
}
