//! What can go wrong when a private server is started or stopped.

use std::path::PathBuf;

/// Why a private server could not be started, restarted or stopped. The texts are meant for whoever typed the command.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A server's programs are not on this machine.
    #[error("{server} is not installed: {hint}")]
    NotInstalled {
        /// The server's name, as its users know it.
        server: &'static str,
        /// What to install, in one sentence.
        hint: &'static str,
    },
    /// Another process holds the folder's lock.
    #[error("Aerobus already runs from this folder ({}), process {owner}", folder.display())]
    AlreadyRunning {
        /// The server's folder.
        folder: PathBuf,
        /// Process id of the holder as it wrote it, or "unknown".
        owner: String,
    },
    /// A server of this folder outlived its owner and does not end.
    #[error("a PostgreSQL of this folder still runs as process {pid} and does not end: stop it first")]
    StillRunning {
        /// Process id of that server.
        pid: i32,
    },
    /// We are root, and there is no account that PostgreSQL could run as.
    #[error(
        "PostgreSQL does not run as root, and there is neither a `postgres` nor a `nobody` account to run it as"
    )]
    NoAccount,
    /// The data exists, but is out of reach of the account that PostgreSQL must run as.
    #[error("the account {account} cannot reach the existing data in {}", folder.display())]
    Unreachable {
        /// The server's folder.
        folder: PathBuf,
        /// The unprivileged account's name.
        account: String,
    },
    /// The data was written by another major version of PostgreSQL.
    #[error("the data in {} needs PostgreSQL {needed}, which is not installed; found: {found}", folder.display())]
    WrongVersion {
        /// The server's folder.
        folder: PathBuf,
        /// Major version that wrote the data.
        needed: String,
        /// Major versions on this machine.
        found: String,
    },
    /// The data exists, but the file with its password does not.
    #[error("the password of the database in {} is lost: remove that folder to start afresh", folder.display())]
    PasswordLost {
        /// The server's folder.
        folder: PathBuf,
    },
    /// `initdb` failed.
    #[error("initdb could not create the database cluster:\n{output}")]
    Initdb {
        /// What it printed.
        output: String,
    },
    /// The server ended before it was ready.
    #[error("{server} ended while it started ({status}); the end of its log:\n{log}")]
    Died {
        /// The server's name.
        server: &'static str,
        /// Its exit status, in words.
        status: String,
        /// The last lines of its log.
        log: String,
    },
    /// The server did not become ready in time.
    #[error("{server} was not ready after {seconds} s; the end of its log:\n{log}")]
    NotReady {
        /// The server's name.
        server: &'static str,
        /// How long was waited.
        seconds: u64,
        /// The last lines of its log.
        log: String,
    },
    /// The server did not end when asked to, and was killed.
    #[error("{server} did not stop within {seconds} s and was killed")]
    NotStopped {
        /// The server's name.
        server: &'static str,
        /// How long was waited.
        seconds: u64,
    },
    /// A system call failed.
    #[error("could not {doing}")]
    Io {
        /// What was attempted.
        doing: String,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// Adds to an I/O error what was attempted.
pub(crate) trait ErrorContext<T> {
    /// Maps the error; `doing` completes the sentence "could not ...".
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, ServerError>;
}

impl<T, E: Into<std::io::Error>> ErrorContext<T> for Result<T, E> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, ServerError> {
        self.map_err(|error| ServerError::Io { doing: doing(), source: error.into() })
    }
}
