//! `private-servers run`: the servers, the command, and their orderly end.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use nix::sys::signal::{SigSet, Signal};
use servers::{Postgres, PostgresOptions, RabbitMq, RabbitMqOptions};
use tempfile::TempDir;

/// How long the command may take to end after a signal. Above the ten seconds that cargo-nextest gives its tests.
const GRACE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(20);

/// What to start, and the command to run with it.
#[derive(Debug, clap::Args)]
pub(crate) struct RunOptions {
    /// Start PostgreSQL; the command finds its superuser's address in AEROBUS_TEST_POSTGRES_URL.
    #[arg(long)]
    postgres: bool,
    /// Start RabbitMQ; the command finds its address in AEROBUS_TEST_AMQP_URL.
    #[arg(long)]
    rabbitmq: bool,
    /// Let PostgreSQL not wait for the disk: faster, and good enough for data that is thrown away.
    #[arg(long)]
    fsync_off: bool,
    /// The command and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// The running servers; dropping them stops them.
#[derive(Default)]
struct Servers {
    postgres: Option<Postgres>,
    rabbitmq: Option<RabbitMq>,
}

/// Runs the command with its servers, and with a temporary folder (TMPDIR) that is removed afterwards. The exit code is the command's, or 128 + n after signal n.
pub(crate) fn run(options: &RunOptions) -> anyhow::Result<ExitCode> {
    super::adopt_orphans();
    let signals = signals()?;
    let folder =
        tempfile::Builder::new().prefix("aerobus-servers-").tempdir().context("no temporary folder")?;
    // PostgreSQL's account must pass through it when we are root.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711))?;
    std::fs::create_dir(scratch(&folder))?;

    let servers = match start(options, &folder, &signals)? {
        ServersStart::Ready(servers) => servers,
        ServersStart::Interrupted(signal) => return Ok(interrupted(signal)),
    };
    let mut supervisor = Supervisor::spawn(options, &folder, &servers)?;
    let code = supervisor.wait(&signals)?;
    servers.end();
    super::kill_descendants();
    folder.close().context("could not remove the servers' folder")?;
    Ok(code)
}

fn interrupted(signal: Signal) -> ExitCode {
    ExitCode::from(128 + signal as u8)
}

/// Turns the signals that ask us to end into messages. Must run before any other thread exists: they inherit the mask.
fn signals() -> anyhow::Result<Receiver<Signal>> {
    let set: SigSet =
        [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT].into_iter().collect();
    set.thread_block()?;
    let (sender, receiver) = channel();
    let forward = move || {
        while let Ok(signal) = set.wait() {
            if sender.send(signal).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(forward)?;
    Ok(receiver)
}

/// The temporary folder of the command. Inside ours, so that it goes with it even when the command was killed.
fn scratch(folder: &TempDir) -> PathBuf {
    folder.path().join("scratch")
}

enum ServersStart {
    Ready(Servers),
    Interrupted(Signal),
}

/// Starts both servers at once. A signal in the meantime ends it; what has been started by then is bound to us and dies
/// with the process, and the folder is removed by its owner.
fn start(options: &RunOptions, folder: &TempDir, signals: &Receiver<Signal>) -> anyhow::Result<ServersStart> {
    std::thread::scope(|scope| {
        let postgres = options.postgres.then(|| scope.spawn(|| start_postgres(options, folder)));
        let rabbitmq = options.rabbitmq.then(|| scope.spawn(|| start_rabbitmq(folder)));
        let finished = || is_finished(postgres.as_ref()) && is_finished(rabbitmq.as_ref());
        let mut interrupted = None;
        while !finished() {
            match signals.recv_timeout(POLL) {
                Ok(signal) => {
                    // The starters notice that their servers are gone and return.
                    interrupted = Some(signal);
                    super::kill_descendants();
                }
                Err(_) if interrupted.is_some() => super::kill_descendants(),
                Err(_) => {}
            }
        }
        let servers = (join(postgres), join(rabbitmq));
        if let Some(signal) = interrupted {
            return Ok(ServersStart::Interrupted(signal));
        }
        Ok(ServersStart::Ready(Servers { postgres: servers.0?, rabbitmq: servers.1? }))
    })
}

fn is_finished<T>(handle: Option<&ScopedJoinHandle<'_, T>>) -> bool {
    handle.is_none_or(ScopedJoinHandle::is_finished)
}

fn join<T>(handle: Option<ScopedJoinHandle<'_, anyhow::Result<T>>>) -> anyhow::Result<Option<T>> {
    handle.map(|handle| handle.join().map_err(|_| anyhow!("a starter panicked"))?).transpose()
}

fn start_postgres(options: &RunOptions, folder: &TempDir) -> anyhow::Result<Postgres> {
    let began = Instant::now();
    eprintln!("Starting a private PostgreSQL ...");
    let fsync = if options.fsync_off { "off" } else { "on" };
    // Every test has a database and small pools of its own, many at a time.
    let settings = [("max_connections", "400"), ("shared_buffers", "256MB"), ("fsync", fsync)];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let postgres =
        Postgres::start(PostgresOptions { data_dir: folder.path().join("postgres"), port: None, settings })?;
    eprintln!("PostgreSQL is ready on port {} ({:.1} s)", postgres.port(), began.elapsed().as_secs_f64());
    Ok(postgres)
}

fn start_rabbitmq(folder: &TempDir) -> anyhow::Result<RabbitMq> {
    let began = Instant::now();
    eprintln!("Starting a private RabbitMQ (about ten seconds) ...");
    let rabbitmq = RabbitMq::start(RabbitMqOptions { base_dir: folder.path().join("rabbitmq"), port: None })?;
    eprintln!("RabbitMQ is ready on port {} ({:.1} s)", rabbitmq.port(), began.elapsed().as_secs_f64());
    Ok(rabbitmq)
}

impl Servers {
    /// The data goes in a moment, so the broker, which takes its time for an orderly end, is killed. PostgreSQL is not: it
    /// would leave a segment of shared memory behind, of which a machine has a limited number.
    fn end(mut self) {
        if let Some(rabbitmq) = &mut self.rabbitmq {
            rabbitmq.kill();
        }
    }
}

/// The process between us and the command.
struct Supervisor {
    child: Child,
    /// Closed, it makes the supervisor kill everything below it.
    pipe: Option<ChildStdin>,
}

impl Supervisor {
    fn spawn(options: &RunOptions, folder: &TempDir, servers: &Servers) -> anyhow::Result<Self> {
        use std::os::unix::process::CommandExt;

        let mut command = Command::new(std::env::current_exe().context("could not find this program")?);
        command.arg("supervise").arg("--owner").arg(std::process::id().to_string());
        command.arg("--folder").arg(folder.path()).arg("--").args(&options.command);
        // Not bound to us: it is there to outlive us, for as long as it takes to clean up.
        // It also inherits our blocked signals, so that nobody ends it by mistake; the command does not.
        command.stdin(Stdio::piped()).process_group(0);
        command.env("TMPDIR", scratch(folder));
        if let Some(postgres) = &servers.postgres {
            command.env("AEROBUS_TEST_POSTGRES_URL", postgres.url("postgres"));
        }
        if let Some(rabbitmq) = &servers.rabbitmq {
            command.env("AEROBUS_TEST_AMQP_URL", rabbitmq.url());
        }
        let mut child = command.spawn().context("could not start the supervisor")?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe })
    }

    /// Waits for the command, passing signals on to it; it has [`GRACE`] to end after the first, the second ends it at once.
    fn wait(&mut self, signals: &Receiver<Signal>) -> anyhow::Result<ExitCode> {
        let mut received: Option<(Signal, Instant)> = None;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(code(status, received.map(|(signal, _)| signal)));
            }
            match signals.try_recv() {
                Ok(signal) if received.is_none() => {
                    eprintln!(
                        "{signal}: waiting for the command to end, up to {} s; once more ends it at once",
                        GRACE.as_secs()
                    );
                    received = Some((signal, Instant::now()));
                    self.pass_on(signal);
                }
                Ok(_) | Err(TryRecvError::Disconnected) => self.pipe = None,
                Err(TryRecvError::Empty) => std::thread::sleep(POLL),
            }
            if received.is_some_and(|(_, when)| when.elapsed() > GRACE) {
                self.pipe = None;
            }
        }
    }

    fn pass_on(&mut self, signal: Signal) {
        let written = self.pipe.as_mut().map(|pipe| pipe.write_all(&[signal as u8]));
        if !matches!(written, Some(Ok(()))) {
            self.pipe = None;
        }
    }
}

fn code(status: ExitStatus, received: Option<Signal>) -> ExitCode {
    received.map_or_else(|| ExitCode::from(super::exit_code(status)), interrupted)
}
