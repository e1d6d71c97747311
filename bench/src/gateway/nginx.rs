//! nginx with a configuration of its own, on loopback: `proxy_pass` with connections that are kept alive, and nothing
//! else.

use crate::system::cpu::CpuSample;
use anyhow::{Context, bail};
use servers::{OnOwnerDeath, spawn_bound};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running nginx. Dropping it stops it.
pub struct Nginx {
    master: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// `nginx/1.22.1`.
    pub version: String,
}

impl Nginx {
    /// Starts it before one service, with this number of worker processes. Its files are in a folder below `scratch`. Blocks
    /// for some milliseconds.
    ///
    /// # Errors
    /// Where it is not installed, or does not listen within ten seconds.
    pub fn start(scratch: &Path, upstream: SocketAddr, workers: usize) -> anyhow::Result<Self> {
        let folder = scratch.join("nginx");
        fs::create_dir_all(&folder)?;
        let folder = folder.canonicalize()?;
        let program = program();
        let version = version(program)?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let file = folder.join("nginx.conf");
        fs::write(&file, configuration(&folder, upstream, address, workers))?;
        let mut command = Command::new(program);
        command.arg("-p").arg(&folder).arg("-c").arg(&file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // In order: a master that is killed leaves its workers behind.
        let master = spawn_bound(command, OnOwnerDeath::Terminate).context("nginx was not started")?;
        let mut nginx = Self { master, address, version };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            if began.elapsed() > PATIENCE || nginx.master.try_wait()?.is_some() {
                let said = fs::read_to_string(folder.join("error.log")).unwrap_or_default();
                bail!("nginx does not listen: {said}");
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(nginx)
    }

    /// What it and its workers have used so far.
    #[must_use]
    pub fn cpu(&self) -> CpuSample {
        CpuSample::of_tree(self.master.id())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its master ends the workers when it is asked to stop.
        if let Ok(pid) = i32::try_from(self.master.id()) {
            let _ =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM);
        }
        let _ = self.master.wait();
    }
}

/// Debian has it where only root looks.
fn program() -> &'static str {
    if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" }
}

fn version(program: &str) -> anyhow::Result<String> {
    let said = Command::new(program).arg("-v").output().context("nginx is not installed")?;
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    Ok(said.trim().rsplit(' ').next().unwrap_or_default().to_owned())
}

/// No log and no limits; connections to the service are kept, as ours are.
fn configuration(folder: &Path, upstream: SocketAddr, address: SocketAddr, workers: usize) -> String {
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {}/{kind};", folder.display()))
        .join(" ");
    let folder = folder.display();
    format!(
        "daemon off; worker_processes {workers}; worker_rlimit_nofile 65536;
pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 16384; }}
http {{
    access_log off; {temporary}
    keepalive_timeout 75; keepalive_requests 1000000000;
    upstream service {{ server {upstream}; keepalive 1024; keepalive_requests 1000000000; keepalive_timeout 3; }}
    server {{
        listen {address};
        location / {{ proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_pass http://service; }}
    }}
}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_keeps_everything_in_its_folder() {
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let text = configuration(Path::new("/tmp/bench"), address(1), address(2), 3);
        for part in
            ["worker_processes 3;", "listen 127.0.0.1:2;", "server 127.0.0.1:1;", "pid /tmp/bench/pid;"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }
}
