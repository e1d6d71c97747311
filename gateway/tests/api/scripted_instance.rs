//! An instance of a service whose behaviour a test changes while requests are under way.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};
use url::Url;

/// How an instance meets requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// It answers.
    Answers,
    /// It answers its probes, and requests when the gate lets them.
    Waits,
    /// It answers nobody, and keeps its connections.
    Hangs,
    /// It answers its probes, and closes the connection of the next request without an answer.
    ClosesOnce,
}

struct InstanceScript {
    behaviour: Mutex<Behaviour>,
    gate: Semaphore,
    /// The heads of requests that are no probes.
    heads: Mutex<Vec<String>>,
    answered: AtomicUsize,
}

pub(crate) struct ScriptedInstance {
    pub(crate) url: Url,
    script: Arc<InstanceScript>,
    serving: actix_web::rt::task::JoinHandle<()>,
}

impl ScriptedInstance {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let script = Arc::new(InstanceScript {
            behaviour: Mutex::new(behaviour),
            gate: Semaphore::new(0),
            heads: Mutex::default(),
            answered: AtomicUsize::new(0),
        });
        let served = Arc::clone(&script);
        let serving = actix_web::rt::spawn(async move {
            // Dropped with the task: so are the listener and all connections, as when a process is killed.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(served.clone().serve(stream));
            }
        });
        Self { url, script, serving }
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.script.behaviour.lock().unwrap() = behaviour;
    }

    /// Lets so many requests that wait be answered.
    pub(crate) fn let_pass(&self, requests: usize) {
        self.script.gate.add_permits(requests);
    }

    /// The first lines of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        let heads = self.script.heads.lock().unwrap();
        heads.iter().map(|head| head.lines().next().unwrap_or_default().to_owned()).collect()
    }

    /// Requests, without probes, that were answered.
    pub(crate) fn answered(&self) -> usize {
        self.script.answered.load(Ordering::Relaxed)
    }

    /// Its process is gone, with all connections.
    pub(crate) fn kill(&self) {
        self.serving.abort();
    }
}

impl Drop for ScriptedInstance {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl InstanceScript {
    async fn serve(self: Arc<Self>, mut stream: TcpStream) {
        let mut buffer = Vec::new();
        while let Some(head) = next_request(&mut stream, &mut buffer).await {
            let is_probe = head.starts_with("GET /health/ready");
            let behaviour = *self.behaviour.lock().unwrap();
            if !is_probe {
                self.heads.lock().unwrap().push(head);
            }
            match behaviour {
                Behaviour::Hangs => std::future::pending().await,
                Behaviour::Waits if !is_probe => self.gate.acquire().await.unwrap().forget(),
                Behaviour::ClosesOnce if !is_probe => {
                    *self.behaviour.lock().unwrap() = Behaviour::Answers;
                    return;
                }
                _ => {}
            }
            if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.is_err() {
                return;
            }
            if !is_probe {
                self.answered.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// The head of the next request; its body, if any, is read and dropped.
async fn next_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<String> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer[..end].to_vec()).ok()?;
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let whole = end + length.unwrap_or(0);
    while buffer.len() < whole {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    buffer.drain(..whole);
    Some(head)
}
