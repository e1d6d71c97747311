//! A private RabbitMQ.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use secrecy::{ExposeSecret, SecretString};

use crate::bound::{OnOwnerDeath, spawn_bound};
use crate::error::{ErrorContext, ServerError};
use crate::installed::{find_epmd, find_rabbitmq};
use crate::port::free_port;
use crate::probe::amqp_answers;
use crate::process::{kill_tree, signal, wait_for_exit};
use crate::server_folder::{ServerFolder, create_folder};
use crate::starting::{attempts, wait_until_ready};

const NAME: &str = "RabbitMQ";

/// The node's name. It may be the same for every private broker, as each has a name server of its own; it must not change,
/// as the broker's database is bound to it.
const NODE: &str = "aerobus@localhost";

const START_PATIENCE: Duration = Duration::from_secs(120);
const STOP_PATIENCE: Duration = Duration::from_secs(60);
const DROP_PATIENCE: Duration = Duration::from_secs(20);
const EPMD_PATIENCE: Duration = Duration::from_secs(10);

/// What Erlang prints when a port is taken.
const PORT_TAKEN: &str = "eaddrinuse";

/// How to start a private RabbitMQ.
#[derive(Debug, Clone)]
pub struct RabbitMqOptions {
    /// The broker's own folder (data, password, configuration, lock and log lie in it); created where it is missing.
    pub base_dir: PathBuf,
    /// The AMQP port on 127.0.0.1; `None` for a free one.
    pub port: Option<u16>,
}

/// A running RabbitMQ: the Erlang machine and its name server `epmd`, both direct children of this process.
///
/// User `aerobus` with a random password, virtual host `/`, 127.0.0.1 only, no plugins. A start takes about ten seconds.
/// Dropping it stops it: SIGTERM, then SIGKILL when that takes longer than 20 s.
#[derive(Debug)]
pub struct RabbitMq {
    script: PathBuf,
    password: SecretString,
    ports: RabbitMqPorts,
    child: Child,
    epmd: Child,
    // Last: the lock is given back after the server has ended.
    folder: ServerFolder,
}

#[derive(Debug, Clone, Copy)]
struct RabbitMqPorts {
    amqp: u16,
    epmd: u16,
    distribution: u16,
}

impl RabbitMq {
    /// Starts the broker of this folder and returns when it speaks AMQP.
    ///
    /// # Errors
    /// [`ServerError::AlreadyRunning`] while another start holds the folder; [`ServerError::NotInstalled`],
    /// [`ServerError::Died`] with the end of the log, and the others by their names.
    pub fn start(options: RabbitMqOptions) -> Result<Self, ServerError> {
        let RabbitMqOptions { base_dir, port } = options;
        let folder = ServerFolder::claim(&base_dir, None)?;
        let script = find_rabbitmq()?;
        let password = folder.secret("password")?;
        // Erlang takes its cookie from HOME and insists on mode 0400 or 0600.
        folder.secret(".erlang.cookie")?;
        create_folder(&folder.path().join("data"), 0o700)?;
        folder.write_private("enabled_plugins", "[].\n")?;
        folder.write_private("rabbitmq-env.conf", "")?;
        let (_, (ports, child, epmd)) = attempts(port, PORT_TAKEN, |amqp| {
            let ports = RabbitMqPorts { amqp, epmd: free_port(), distribution: free_port() };
            let mut epmd = launch_epmd(&folder, ports)?;
            match launch(&folder, &script, &password, ports) {
                Ok(child) => Ok((ports, child, epmd)),
                Err(error) => {
                    kill_tree(&mut epmd);
                    Err(error)
                }
            }
        })?;
        Ok(Self { script, password, ports, child, epmd, folder })
    }

    /// `amqp://aerobus:<password>@127.0.0.1:<port>/%2f`. It holds the password: not for logs.
    pub fn url(&self) -> String {
        format!("amqp://aerobus:{}@127.0.0.1:{}/%2f", self.password.expose_secret(), self.ports.amqp)
    }

    /// The AMQP port on 127.0.0.1; a restart keeps it.
    pub fn port(&self) -> u16 {
        self.ports.amqp
    }

    /// The process id of the Erlang machine.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the Erlang machine still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills the broker with SIGKILL, as a crash would; its own children are gone too when this returns.
    ///
    /// Durable queues and confirmed messages survive, with one exception in RabbitMQ 3.10: it writes the list of its quorum
    /// queues to disk only every three minutes and at an orderly end. A quorum queue declared since then is there after
    /// the crash, but empty and without a leader: every call on it hangs. A test that wants a crash first declares its
    /// queues and calls [`RabbitMq::restart`]; one that only wants the broker away calls [`RabbitMq::shut_down`].
    pub fn kill(&mut self) {
        kill_tree(&mut self.child);
    }

    /// Starts the broker again with the same port and data (durable queues and persistent messages are there again); one
    /// that still runs is stopped first.
    ///
    /// # Errors
    /// As [`RabbitMq::start`] and [`RabbitMq::stop`].
    pub fn restart(&mut self) -> Result<(), ServerError> {
        self.end(STOP_PATIENCE)?;
        if !matches!(self.epmd.try_wait(), Ok(None)) {
            self.epmd = launch_epmd(&self.folder, self.ports)?;
        }
        let launch = |_| launch(&self.folder, &self.script, &self.password, self.ports);
        let (_, child) = attempts(Some(self.ports.amqp), PORT_TAKEN, launch)?;
        self.child = child;
        Ok(())
    }

    /// Stops the broker in its orderly way, to be started again by [`RabbitMq::restart`].
    ///
    /// # Errors
    /// As [`RabbitMq::stop`].
    pub fn shut_down(&mut self) -> Result<(), ServerError> {
        self.end(STOP_PATIENCE)
    }

    /// Stops the broker in its orderly way.
    ///
    /// # Errors
    /// [`ServerError::NotStopped`] when that took longer than 60 s and the broker was killed.
    pub fn stop(mut self) -> Result<(), ServerError> {
        // The name server ends when `self` is dropped.
        self.end(STOP_PATIENCE)
    }

    fn end(&mut self, patience: Duration) -> Result<(), ServerError> {
        if !self.is_running() {
            return Ok(());
        }
        signal(&self.child, Signal::SIGTERM);
        if wait_for_exit(&mut self.child, patience).is_none() {
            self.kill();
            return Err(ServerError::NotStopped { server: NAME, seconds: patience.as_secs() });
        }
        Ok(())
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        // Stopped or killed, it is over: there is nobody left to tell.
        let _ = self.end(DROP_PATIENCE);
        kill_tree(&mut self.epmd);
    }
}

/// Starts Erlang's name server in the foreground. Left to itself, Erlang would start one as a daemon that stays for ever.
fn launch_epmd(folder: &ServerFolder, ports: RabbitMqPorts) -> Result<Child, ServerError> {
    let mut command = command(&find_epmd()?, folder)?;
    command.args(["-port", &ports.epmd.to_string(), "-address", "127.0.0.1"]);
    let mut child = spawn_bound(command, OnOwnerDeath::Kill).doing(|| "start epmd".to_owned())?;
    let listens = || std::net::TcpStream::connect(("127.0.0.1", ports.epmd)).is_ok();
    wait_until_ready("Erlang's name server", &mut child, folder, EPMD_PATIENCE, listens)?;
    Ok(child)
}

fn launch(
    folder: &ServerFolder,
    script: &Path,
    password: &SecretString,
    ports: RabbitMqPorts,
) -> Result<Child, ServerError> {
    folder.write_private("rabbitmq.conf", &configuration(password, ports))?;
    let path = |name: &str| folder.path().join(name);
    let mut command = command(script, folder)?;
    command
        .env("RABBITMQ_NODENAME", NODE)
        .env("RABBITMQ_USE_LONGNAME", "false")
        .env("RABBITMQ_DIST_PORT", ports.distribution.to_string())
        .env("ERL_EPMD_PORT", ports.epmd.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        // An empty file in place of the machine's /etc/rabbitmq/rabbitmq-env.conf.
        .env("RABBITMQ_CONF_ENV_FILE", path("rabbitmq-env.conf"))
        .env("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf"))
        .env("RABBITMQ_ADVANCED_CONFIG_FILE", path("advanced.config"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins"))
        .env("RABBITMQ_MNESIA_BASE", path("data"))
        .env("RABBITMQ_LOG_BASE", path("data"))
        .env("RABBITMQ_GENERATED_CONFIG_DIR", path("data/config"))
        .env("RABBITMQ_PID_FILE", path("data/server.pid"))
        // To standard output, which is our log.
        .env("RABBITMQ_LOGS", "-")
        // Scheduler threads pinned to cores would fight with those of another broker on the same machine.
        .env("RABBITMQ_SCHEDULER_BIND_TYPE", "u")
        .env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
        )
        // The script then becomes the Erlang machine by exec instead of waiting for it: our child is the server itself.
        .env("RUNNING_UNDER_SYSTEMD", "true");
    let mut child = spawn_bound(command, OnOwnerDeath::Kill).doing(|| "start rabbitmq-server".to_owned())?;
    wait_until_ready(NAME, &mut child, folder, START_PATIENCE, || amqp_answers(ports.amqp))?;
    Ok(child)
}

fn configuration(password: &SecretString, ports: RabbitMqPorts) -> String {
    let (password, port) = (password.expose_secret(), ports.amqp);
    // The alarms stop publishers when memory or disk run low; on a small machine that is its usual state.
    format!(
        "listeners.tcp.1 = 127.0.0.1:{port}\n\
         default_user = aerobus\n\
         default_pass = {password}\n\
         default_vhost = /\n\
         disk_free_limit.absolute = 1MB\n\
         vm_memory_high_watermark.relative = 0.9\n\
         num_acceptors.tcp = 2\n\
         log.console = true\n\
         log.console.level = warning\n\
         log.file = false\n"
    )
}

/// A command with nothing of our environment that could change how Erlang or RabbitMQ behave.
fn command(program: &Path, folder: &ServerFolder) -> Result<Command, ServerError> {
    let log = folder.open_log()?;
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    // Where Homebrew and others put `erl`, which the script looks for in PATH.
    for place in ["/usr/bin", "/bin", "/usr/local/bin", "/opt/homebrew/bin", "/opt/erlang/bin"] {
        path.push(":");
        path.push(place);
    }
    // Erlang creates its files as the umask lets it; the shell makes way for the program.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "umask 077; exec \"$0\" \"$@\""]).arg(program);
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder.path())
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC");
    command.current_dir(folder.path()).stdin(Stdio::null());
    command.stdout(log.try_clone().doing(|| "open the log twice".to_owned())?).stderr(log);
    // A group of its own: Ctrl-C in a terminal is for the owner, which stops its servers in its own order.
    command.process_group(0);
    Ok(command)
}
