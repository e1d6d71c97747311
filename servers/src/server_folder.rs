//! A server's folder: where it lies, who holds it, and the secrets kept in it.
//!
//! ```text
//! <folder>/data        what the server writes (PostgreSQL: owned by its account)
//!          password    the server's password, mode 0600
//!          lock        mode 0600, held while a server of this folder runs; holds its owner's process id
//!          server.log  what the server printed, mode 0600
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{Flock, FlockArg};
use rand::distr::{Alphanumeric, SampleString};
use secrecy::{ExposeSecret, SecretString};

use crate::error::{ErrorContext, ServerError};
use crate::private::{make_private, open_private, write_private};
use crate::unix_account::UnixAccount;

/// From this size in bytes on, a log is put aside at the next start; one older log is kept.
const LOG_LIMIT: u64 = 8 * 1024 * 1024;

/// Where folders go that the server's account could not reach where they were asked for.
const FALLBACK: &str = "/var/lib/aerobus";

/// A folder that this process holds exclusively, until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct ServerFolder {
    path: PathBuf,
    _lock: Flock<File>,
}

impl ServerFolder {
    /// Creates the folder where it is missing and takes its lock.
    ///
    /// With an account that cannot pass through the folders above `wanted` (an installation's folder has mode 0700), the
    /// folder is created under `/var/lib/aerobus`, under a random name, and `wanted` becomes a link to it. A folder that
    /// exists at `wanted` is moved there with its data.
    pub(crate) fn claim(wanted: &Path, account: Option<&UnixAccount>) -> Result<Self, ServerError> {
        let path = place(wanted, account)?;
        match account {
            // The server's account passes through; only the data within is its own.
            Some(account) => account.let_through(&path)?,
            None => fs::set_permissions(&path, Permissions::from_mode(0o700))
                .doing(|| format!("set the mode of {}", path.display()))?,
        }
        let lock = lock(&path)?;
        // An earlier release has left some that others can read; an administrator may have.
        for name in ["password", ".erlang.cookie", "data", "server.log", "server.log.old", "README"] {
            let path = path.join(name);
            make_private(&path).doing(|| format!("set the mode of {}", path.display()))?;
        }
        Ok(Self { path, _lock: lock })
    }

    /// The folder's absolute path, without links.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the secret of this name, or makes a new one of 32 random letters and digits.
    pub(crate) fn secret(&self, name: &str) -> Result<SecretString, ServerError> {
        let path = self.path.join(name);
        if let Ok(text) = fs::read_to_string(&path)
            && !text.is_empty()
        {
            return Ok(text.into());
        }
        let secret = SecretString::from(Alphanumeric.sample_string(&mut rand::rng(), 32));
        self.write_private(name, secret.expose_secret())?;
        Ok(secret)
    }

    /// Writes a file that only its owner can read, replacing it as a whole.
    pub(crate) fn write_private(&self, name: &str, text: &str) -> Result<PathBuf, ServerError> {
        let path = self.path.join(name);
        write_private(&path, text.as_bytes()).doing(|| format!("write {}", path.display()))?;
        Ok(path)
    }

    /// Opens the server's log to append to.
    pub(crate) fn open_log(&self) -> Result<File, ServerError> {
        let path = self.path.join("server.log");
        let open = || {
            if fs::metadata(&path).is_ok_and(|metadata| metadata.len() > LOG_LIMIT) {
                fs::rename(&path, self.path.join("server.log.old"))?;
            }
            open_private(OpenOptions::new().append(true), &path)
        };
        open().doing(|| format!("open {}", path.display()))
    }

    /// The last lines of the server's log.
    pub(crate) fn log_tail(&self) -> String {
        const BYTES: u64 = 8 * 1024;
        const LINES: usize = 15;
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(self.path.join("server.log"))?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(BYTES)))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}

/// Creates `path` as a folder of this mode unless it exists.
pub(crate) fn create_folder(path: &Path, mode: u32) -> Result<(), ServerError> {
    DirBuilder::new().recursive(true).mode(mode).create(path).doing(|| format!("create {}", path.display()))
}

/// Settles where the folder lies, and creates it.
fn place(wanted: &Path, account: Option<&UnixAccount>) -> Result<PathBuf, ServerError> {
    let wanted = std::path::absolute(wanted).doing(|| format!("resolve {}", wanted.display()))?;
    if let Some(parent) = wanted.parent() {
        create_folder(parent, 0o755)?;
    }
    // A link of an earlier start whose target has been removed: the target is created again.
    let target = fs::read_link(&wanted).unwrap_or_else(|_| wanted.clone());
    let reachable = |path: &Path| {
        account.is_none_or(|account| path.canonicalize().is_ok_and(|path| account.can_reach(&path)))
    };
    let existed = target.exists();
    if !target.parent().is_some_and(reachable) {
        return match account {
            Some(account) if target != wanted && existed => {
                Err(ServerError::Unreachable { folder: target, account: account.name.clone() })
            }
            _ => elsewhere(&wanted, existed),
        };
    }
    create_folder(&target, 0o700)?;
    target.canonicalize().doing(|| format!("resolve {}", target.display()))
}

/// Creates the folder under [`FALLBACK`], or moves it there, and leaves a link to it at `wanted`. The name is random
/// rather than made from `wanted`: a checkout that moved keeps its link, and a new one in its old place must not find the
/// other's data.
fn elsewhere(wanted: &Path, existing: bool) -> Result<PathBuf, ServerError> {
    let fallback = Path::new(FALLBACK);
    if !fallback.exists() {
        create_folder(fallback, 0o711)?;
        // Accounts pass through it, whatever the umask has taken away.
        fs::set_permissions(fallback, Permissions::from_mode(0o711))
            .doing(|| format!("set the mode of {FALLBACK}"))?;
    }
    let name = wanted.file_name().unwrap_or_default().to_string_lossy();
    let suffix = Alphanumeric.sample_string(&mut rand::rng(), 10);
    let target = fallback.join(format!("{name}-{suffix}"));
    if existing {
        // No server may run from it meanwhile. The lock moves with its file.
        let _held = lock(wanted)?;
        move_folder(wanted, &target)
            .doing(|| format!("move {} to {}", wanted.display(), target.display()))?;
    } else {
        create_folder(&target, 0o700)?;
    }
    let note = format!("This folder belongs to {}, which is a link to it.\n", wanted.display());
    write_private(&target.join("README"), note.as_bytes())
        .doing(|| format!("write into {}", target.display()))?;
    let _ = fs::remove_file(wanted);
    symlink(&target, wanted).doing(|| format!("link {} to {}", wanted.display(), target.display()))?;
    Ok(target)
}

/// Moves a folder with its owners and modes; to another file system it is copied first.
fn move_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            let copied = Command::new("cp").arg("-a").arg("--").args([from, to]).status()?;
            if !copied.success() {
                let _ = fs::remove_dir_all(to);
                return Err(std::io::Error::other(format!("cp: {copied}")));
            }
            fs::remove_dir_all(from)
        }
        moved => moved,
    }
}

fn lock(folder: &Path) -> Result<Flock<File>, ServerError> {
    let path = folder.join("lock");
    let doing = || format!("lock {}", path.display());
    // Not truncated when opened: until the lock is ours the file tells whose it is.
    let file = open_private(OpenOptions::new().read(true).write(true).truncate(false), &path).doing(doing)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            let write = |file: &mut File| {
                file.set_len(0)?;
                write!(file, "{}", std::process::id())
            };
            write(&mut lock).doing(doing)?;
            Ok(lock)
        }
        Err((_, nix::errno::Errno::EAGAIN)) => {
            let owner = fs::read_to_string(&path).unwrap_or_default();
            let owner = if owner.is_empty() { "unknown".to_owned() } else { owner };
            Err(ServerError::AlreadyRunning { folder: folder.to_path_buf(), owner })
        }
        Err((_, errno)) => Err(errno).doing(doing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_holder_and_keeps_its_secret() {
        let parent = tempfile::tempdir().unwrap();
        let wanted = parent.path().join("some/server");
        let first = ServerFolder::claim(&wanted, None).unwrap();
        let secret = first.secret("password").unwrap();
        assert_eq!(secret.expose_secret().len(), 32);
        let mode = fs::metadata(first.path().join("password")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let refused = ServerFolder::claim(&wanted, None).unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");

        drop(first);
        let second = ServerFolder::claim(&wanted, None).unwrap();
        assert_eq!(second.secret("password").unwrap().expose_secret(), secret.expose_secret());
    }

    #[test]
    fn the_log_tail_is_the_end_of_the_log() {
        let parent = tempfile::tempdir().unwrap();
        let folder = ServerFolder::claim(&parent.path().join("server"), None).unwrap();
        assert_eq!(folder.log_tail(), "");
        let mut log = folder.open_log().unwrap();
        for line in 0..40 {
            writeln!(log, "line {line}").unwrap();
        }
        let tail = folder.log_tail();
        assert!(tail.starts_with("line 25\n") && tail.ends_with("line 39"), "{tail}");
    }
}
