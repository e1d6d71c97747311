//! A private PostgreSQL.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use secrecy::{ExposeSecret, SecretString};

use crate::bound::{OnOwnerDeath, spawn_bound};
use crate::error::{ErrorContext, ServerError};
use crate::installed::{all_postgres, find_postgres, postgres_major};
use crate::probe::postgres_answers;
use crate::process::{is_gone, kill_tree, signal, wait_for_exit, wait_until};
use crate::server_folder::{ServerFolder, create_folder};
use crate::starting::{attempts, wait_until_ready};
use crate::unix_account::UnixAccount;

const NAME: &str = "PostgreSQL";

/// Long, because after a crash the server first replays its log, and answers only then.
const START_PATIENCE: Duration = Duration::from_secs(120);
const STOP_PATIENCE: Duration = Duration::from_secs(60);
/// A destructor must not hold up the end of the process for long: the data survives a kill.
const DROP_PATIENCE: Duration = Duration::from_secs(10);
/// An orphan shuts down at once when its owner dies; PostgreSQL gives its own children five seconds for that.
const ORPHAN_PATIENCE: Duration = Duration::from_secs(10);

/// How to start a private PostgreSQL.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// The server's own folder (data, password, lock and log lie in it); created where it is missing. As root the server
    /// runs as the account `postgres`, else `nobody`; where that account cannot pass through the folders above, the
    /// folder becomes a link to one under `/var/lib/aerobus`.
    pub data_dir: PathBuf,
    /// The port on 127.0.0.1; `None` for a free one.
    pub port: Option<u16>,
    /// Server settings (`max_connections`, ...), over PostgreSQL's defaults. `fsync = off` also spares `initdb` its sync.
    pub settings: Vec<(String, String)>,
}

/// A running PostgreSQL, a direct child of this process; superuser `aerobus`, password authentication, 127.0.0.1 only.
///
/// Dropping it stops it: fast shutdown, then SIGKILL when that takes longer than 10 s. When the owner is killed it shuts
/// down at once. What was committed survives all of these, unless `settings` turn durability off.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    account: Option<UnixAccount>,
    settings: Vec<(String, String)>,
    password: SecretString,
    port: u16,
    child: Child,
    // Last: the lock is given back after the server has ended.
    folder: ServerFolder,
}

impl Postgres {
    /// Starts the server of this folder, creating its cluster at the first start, and returns when it takes sessions.
    ///
    /// # Errors
    /// [`ServerError::AlreadyRunning`] while another start holds the folder; [`ServerError::NotInstalled`],
    /// [`ServerError::WrongVersion`], [`ServerError::Died`] with the end of the log, and the others by their names.
    pub fn start(options: PostgresOptions) -> Result<Self, ServerError> {
        let PostgresOptions { data_dir, port, settings } = options;
        let account = UnixAccount::to_drop_to()?;
        let folder = ServerFolder::claim(&data_dir, account.as_ref())?;
        let data = folder.path().join("data");
        let (programs, password) = match fs::read_to_string(data.join("PG_VERSION")) {
            Ok(major) => (programs_for(major.trim(), folder.path())?, known_password(&folder)?),
            Err(_) => {
                let (programs, password) = (find_postgres()?, folder.secret("password")?);
                create_cluster(&folder, &programs, account.as_ref(), &password, &settings)?;
                (programs, password)
            }
        };
        clear_pid_file(&data)?;
        let launch = |port| launch(&folder, &programs, account.as_ref(), &settings, port);
        let (port, child) = attempts(port, "could not bind", launch)?;
        Ok(Self { programs, account, settings, password, port, child, folder })
    }

    /// The port of the server that runs from this folder, whoever started it; `None` where none is ready.
    pub fn running_port(data_dir: &Path) -> Option<u16> {
        let data = data_dir.join("data");
        let lines = pid_file_lines(&data)?;
        let runs = lines
            .first()?
            .parse()
            .is_ok_and(|pid| works_in(pid, &data.canonicalize().unwrap_or(data.clone())));
        // Process, folder, start, port; the status stands in the eighth line.
        let ready = lines.get(7).is_some_and(|status| status == "ready");
        lines.get(3)?.parse().ok().filter(|_| runs && ready)
    }

    /// `postgres://aerobus:<password>@127.0.0.1:<port>/<database>`. It holds the password: not for logs.
    pub fn url(&self, database: &str) -> String {
        let password = self.password.expose_secret();
        format!("postgres://aerobus:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// The port on 127.0.0.1; a restart keeps it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id of the postmaster.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the postmaster still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills the server with SIGKILL, as a crash would; its own children are gone too when this returns.
    ///
    /// A small segment of shared memory stays behind, as after a crash; the next start of the folder takes it over.
    pub fn kill(&mut self) {
        kill_tree(&mut self.child);
    }

    /// Starts the server again with the same port and data; one that still runs is stopped first.
    ///
    /// # Errors
    /// As [`Postgres::start`] and [`Postgres::stop`].
    pub fn restart(&mut self) -> Result<(), ServerError> {
        self.end(STOP_PATIENCE)?;
        clear_pid_file(&self.folder.path().join("data"))?;
        let launch = |port| launch(&self.folder, &self.programs, self.account.as_ref(), &self.settings, port);
        let (_, child) = attempts(Some(self.port), "could not bind", launch)?;
        self.child = child;
        Ok(())
    }

    /// Stops the server as [`Postgres::stop`] does, to be started again by [`Postgres::restart`].
    ///
    /// # Errors
    /// As [`Postgres::stop`].
    pub fn shut_down(&mut self) -> Result<(), ServerError> {
        self.end(STOP_PATIENCE)
    }

    /// Stops the server: sessions are ended, the data is brought to disk.
    ///
    /// # Errors
    /// [`ServerError::NotStopped`] when that took longer than 60 s and the server was killed.
    pub fn stop(mut self) -> Result<(), ServerError> {
        self.end(STOP_PATIENCE)
    }

    fn end(&mut self, patience: Duration) -> Result<(), ServerError> {
        if !self.is_running() {
            return Ok(());
        }
        // SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for the clients to leave.
        signal(&self.child, Signal::SIGINT);
        if wait_for_exit(&mut self.child, patience).is_none() {
            self.kill();
            return Err(ServerError::NotStopped { server: NAME, seconds: patience.as_secs() });
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Stopped or killed, it is over: there is nobody left to tell.
        let _ = self.end(DROP_PATIENCE);
    }
}

/// The programs of the major version that wrote the data: no other can read it.
fn programs_for(major: &str, folder: &Path) -> Result<PathBuf, ServerError> {
    find_postgres()?;
    let installed: Vec<(PathBuf, String)> = all_postgres()
        .into_iter()
        .filter_map(|path| postgres_major(&path).map(|major| (path, major)))
        .collect();
    if let Some((programs, _)) = installed.iter().find(|(_, found)| found == major) {
        return Ok(programs.clone());
    }
    let found = installed.into_iter().map(|(_, major)| major).collect::<Vec<_>>().join(", ");
    Err(ServerError::WrongVersion { folder: folder.to_path_buf(), needed: major.to_owned(), found })
}

fn known_password(folder: &ServerFolder) -> Result<SecretString, ServerError> {
    if !folder.path().join("password").is_file() {
        return Err(ServerError::PasswordLost { folder: folder.path().to_path_buf() });
    }
    folder.secret("password")
}

/// Runs `initdb` beside the final place and renames the result, so that an interrupted start leaves no half cluster.
fn create_cluster(
    folder: &ServerFolder,
    programs: &Path,
    account: Option<&UnixAccount>,
    password: &SecretString,
    settings: &[(String, String)],
) -> Result<(), ServerError> {
    let (draft, data) = (folder.path().join("data.new"), folder.path().join("data"));
    for leftover in [&draft, &data] {
        if leftover.exists() {
            // Without PG_VERSION it was never a cluster.
            fs::remove_dir_all(leftover).doing(|| format!("remove {}", leftover.display()))?;
        }
    }
    create_folder(&draft, 0o700)?;
    let password_file = folder.write_private("password.initdb", password.expose_secret())?;
    if let Some(account) = account {
        account.give(&draft)?;
        account.give(&password_file)?;
    }
    let mut command = command(&programs.join("initdb"), folder, account);
    command.arg("--pgdata").arg(&draft).arg("--pwfile").arg(&password_file);
    command.args(["--username=aerobus", "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale"]);
    if settings.iter().any(|(name, value)| name == "fsync" && value == "off") {
        command.arg("--no-sync");
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = spawn_bound(command, OnOwnerDeath::Kill).and_then(Child::wait_with_output);
    let removed = fs::remove_file(&password_file);
    let output = output.doing(|| "run initdb".to_owned())?;
    removed.doing(|| format!("remove {}", password_file.display()))?;
    if !output.status.success() {
        let text = [&output.stdout[..], &output.stderr].concat();
        return Err(ServerError::Initdb { output: String::from_utf8_lossy(&text).into_owned() });
    }
    fs::rename(&draft, &data).doing(|| format!("rename {}", draft.display()))
}

/// A server that was killed leaves `postmaster.pid` behind. PostgreSQL tells a stale one by its process id, and is
/// deceived when another process of the account has got that id since, which is likely in containers. We hold the
/// folder's lock, so the file is stale as soon as its process does not work in this data folder.
fn clear_pid_file(data: &Path) -> Result<(), ServerError> {
    let path = data.join("postmaster.pid");
    let Some(pid) = pid_file_lines(data).and_then(|lines| lines.first()?.parse::<i32>().ok()) else {
        return Ok(());
    };
    if !wait_until(ORPHAN_PATIENCE, || !path.exists() || !works_in(pid, data)) {
        return Err(ServerError::StillRunning { pid });
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).doing(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn pid_file_lines(data: &Path) -> Option<Vec<String>> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    Some(text.lines().map(|line| line.trim().to_owned()).collect())
}

/// Whether the process lives and has `data` as its working folder, as every postmaster has.
fn works_in(pid: i32, data: &Path) -> bool {
    let alive = u32::try_from(pid).is_ok_and(|pid| !is_gone(pid));
    if !alive || !cfg!(target_os = "linux") {
        return alive;
    }
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == data)
}

fn launch(
    folder: &ServerFolder,
    programs: &Path,
    account: Option<&UnixAccount>,
    settings: &[(String, String)],
    port: u16,
) -> Result<Child, ServerError> {
    let data = folder.path().join("data");
    let mut command = command(&programs.join("postgres"), folder, account);
    command.arg("-D").arg(&data);
    let own = [
        ("listen_addresses", "127.0.0.1"),
        ("port", &port.to_string()),
        // No socket file: its folder may not be writable, and its path has a length limit.
        ("unix_socket_directories", ""),
        ("logging_collector", "off"),
        ("log_destination", "stderr"),
    ];
    let wanted = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in own.into_iter().chain(wanted) {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    let log = folder.open_log()?;
    command.stdout(log.try_clone().doing(|| "open the log twice".to_owned())?).stderr(log);
    let mut child = spawn_bound(command, OnOwnerDeath::Quit).doing(|| "start postgres".to_owned())?;
    let pid = child.id().to_string();
    wait_until_ready(NAME, &mut child, folder, START_PATIENCE, || {
        // Its own word first (process, then status in the eighth line): the port alone could be somebody else's.
        let lines = pid_file_lines(&data).unwrap_or_default();
        lines.first() == Some(&pid)
            && lines.get(7).is_some_and(|status| status == "ready")
            && postgres_answers(port)
    })?;
    Ok(child)
}

/// A command with nothing of our environment that could change how PostgreSQL behaves.
fn command(program: &Path, folder: &ServerFolder, account: Option<&UnixAccount>) -> Command {
    use std::os::unix::process::CommandExt;

    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C").env("TZ", "UTC");
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.current_dir(folder.path()).stdin(Stdio::null());
    // A group of its own: Ctrl-C in a terminal is for the owner, which stops its servers in its own order.
    command.process_group(0);
    if let Some(account) = account {
        account.apply(&mut command);
    }
    command
}
