//! `aerobus up` as a process of its own, over the benchmark's PostgreSQL.

use crate::cluster::PASSWORD;
use anyhow::{Context, bail, ensure};
use secrecy::{ExposeSecret, SecretString};
use servers::{OnOwnerDeath, spawn_bound, terminate, write_private};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout},
};

/// How long a start may take, the demo data included, and a stop.
const START: Duration = Duration::from_secs(180);
const STOP: Duration = Duration::from_secs(90);

/// How it is started.
#[derive(Debug, Clone)]
pub struct ProgramOptions {
    /// An empty database for the superuser.
    pub database: SecretString,
    /// The installation's folder; kept from one start to the next.
    pub folder: PathBuf,
    /// Whether the services are processes of their own.
    pub processes: bool,
    /// Where mail goes; to files where absent.
    pub smtp: Option<String>,
    /// Whether the mailer runs.
    pub with_mailer: bool,
}

/// The running program. Dropping it kills it.
pub struct AerobusProgram {
    child: Child,
    log: PathBuf,
    /// Where the gateway listens.
    pub gateway: SocketAddr,
}

impl AerobusProgram {
    /// Starts it, and waits until it is ready.
    ///
    /// # Errors
    /// Where it does not become ready; with the end of what it has said.
    pub async fn start(options: &ProgramOptions) -> anyhow::Result<Self> {
        prepare(&options.folder)?;
        let program = beside("aerobus")?;
        if options.processes {
            for service in ["gateway", "flight", "booking", "mailer"] {
                beside(&format!("aerobus-{service}"))?;
            }
        }
        let port = four_free_ports()?;
        let log = options.folder.with_extension("log");
        let mut command = Command::new(program);
        command.arg("up").arg("--port").arg(port.to_string()).arg("--data-dir").arg(&options.folder);
        // In a list of processes everybody could read its password.
        command.env("AEROBUS_UP_DATABASE", options.database.expose_secret());
        command.env_remove("AEROBUS_UP_AMQP").env_remove("AEROBUS_UP_SMTP");
        if options.processes {
            command.arg("--processes");
        }
        if let Some(smtp) = &options.smtp {
            command.arg("--smtp").arg(smtp);
        }
        if !options.with_mailer {
            command.arg("--without-mailer");
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log)?);
        let mut child = spawn_bound(command, OnOwnerDeath::Kill).context("aerobus was not started")?;
        let output = child.stdout.take().context("no standard output")?;
        let gateway = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut program = Self { child, log, gateway };
        let (told, ready) = oneshot::channel();
        std::thread::spawn(move || {
            let mut told = Some(told);
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if line.contains("Aerobus is ready")
                    && let Some(told) = told.take()
                {
                    // Nobody waits any longer: the start has failed.
                    let _ = told.send(());
                }
            }
        });
        // The end of the output, without the word, is an error, too.
        let Ok(Ok(())) = timeout(START, ready).await else {
            let end = program.log_end();
            let ended =
                program.child.try_wait()?.map_or("is not ready".to_owned(), |status| status.to_string());
            bail!("aerobus up {ended}; it has said:\n{end}");
        };
        Ok(program)
    }

    /// Its process id.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// The end of what it has said.
    fn log_end(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// Where it failed, or does not stop.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        terminate(&self.child);
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "aerobus ended with {status}; it has said:\n{}", self.log_end());
                return Ok(());
            }
            ensure!(began.elapsed() < STOP, "aerobus does not stop");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for AerobusProgram {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Roles belong to all databases of the cluster, the plain design's too: the installation takes the benchmark's
/// password for them instead of drawing others.
fn prepare(folder: &Path) -> anyhow::Result<()> {
    servers::create_private_folder(folder)?;
    let secrets = folder.join("secrets.json");
    if !secrets.exists() {
        let services = ["booking", "flight", "mailer", "gateway"];
        let passwords: BTreeMap<_, _> =
            services.map(|service| (format!("database_{service}"), PASSWORD)).into_iter().collect();
        write_private(&secrets, &serde_json::to_vec(&passwords)?)?;
    }
    Ok(())
}

/// A program that was built with this one.
fn beside(name: &str) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name(name);
    ensure!(program.is_file(), "{} is missing: ./dev bench system builds it", program.display());
    Ok(program)
}

/// The first of four ports on loopback that are free at this moment, below those of outgoing connections.
fn four_free_ports() -> anyhow::Result<u16> {
    let is_free = |port: &u16| {
        let all = (*port..port + 4).map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
        all.collect::<Result<Vec<_>, _>>().is_ok()
    };
    let start = 20_000 + u16::try_from(std::process::id() % 1000)? * 10;
    (start..32_000).step_by(4).find(is_free).context("no four free ports in a row")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_keeps_the_passwords_of_the_cluster() {
        let folder = tempfile::tempdir().unwrap();
        let installation = folder.path().join("up");
        prepare(&installation).unwrap();
        let mut opened = aerobus::installation::Installation::open(&installation).unwrap();
        assert_eq!(opened.secret("database_booking").unwrap().expose_secret(), PASSWORD);
        let drawn = opened.secret("signing_keys").unwrap();
        prepare(&installation).unwrap();
        let mut again = aerobus::installation::Installation::open(&installation).unwrap();
        assert_eq!(again.secret("signing_keys").unwrap().expose_secret(), drawn.expose_secret());
    }

    #[test]
    fn ports_are_free_in_a_row() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, four_free_ports().unwrap() + 3)).unwrap();
        let first = four_free_ports().unwrap();
        assert!(!(first..first + 4).contains(&taken.local_addr().unwrap().port()));
    }
}
