//! The folder of an installation: secrets, the administrator, the process id.
//!
//! ```text
//! .aerobus/
//!   secrets.json    random secrets, mode 0600
//!   admin.json      the administrator's e-mail and password, mode 0600
//!   aerobus.pid     the process that runs now
//!   postgres/       the private PostgreSQL
//!   rabbitmq/       the private RabbitMQ, where one was asked for
//!   mail/           letters as .eml files
//! ```

use anyhow::Context;
use rand::distr::{Alphanumeric, SampleString};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The administrator's e-mail address where nothing else is said.
const ADMIN_EMAIL: &str = "admin@aerobus.example";

/// The folder of an installation.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    secrets: BTreeMap<String, String>,
}

/// Who may do everything, as kept in `admin.json`.
#[derive(Debug, Clone)]
pub struct Administrator {
    /// The e-mail address to log in with.
    pub email: String,
    /// The password.
    pub password: SecretString,
}

#[derive(Serialize, Deserialize)]
struct AdministratorFile {
    email: String,
    password: String,
}

impl Home {
    /// Opens the folder; creates it where it is missing.
    ///
    /// # Errors
    /// When it cannot be created, or its secrets cannot be read.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("{} cannot be created", path.display()))?;
        let path = path.canonicalize().with_context(|| format!("{} cannot be opened", path.display()))?;
        let secrets = read(&path.join("secrets.json"))?.unwrap_or_default();
        Ok(Self { path, secrets })
    }

    /// The folder, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The secret of this name: 48 random letters and digits, made at the first call and kept.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn secret(&mut self, name: &str) -> anyhow::Result<SecretString> {
        if let Some(secret) = self.secrets.get(name) {
            return Ok(secret.clone().into());
        }
        let secret = random_text(48);
        self.secrets.insert(name.to_owned(), secret.clone());
        write_private(&self.path.join("secrets.json"), &self.secrets)?;
        Ok(secret.into())
    }

    /// The administrator; at the first call with a random password.
    ///
    /// # Errors
    /// When `admin.json` cannot be read or written.
    pub fn administrator(&self) -> anyhow::Result<Administrator> {
        let path = self.path.join("admin.json");
        let kept = match read::<AdministratorFile>(&path)? {
            Some(kept) => kept,
            None => {
                let fresh = AdministratorFile { email: ADMIN_EMAIL.to_owned(), password: random_text(20) };
                write_private(&path, &fresh)?;
                fresh
            }
        };
        Ok(Administrator { email: kept.email, password: kept.password.into() })
    }

    /// Notes that this process runs from the folder, until the guard is dropped.
    ///
    /// # Errors
    /// When another process that still runs has noted itself, or the note cannot be written.
    pub fn enter(&self) -> anyhow::Result<Entered> {
        let path = self.path.join("aerobus.pid");
        if let Ok(text) = fs::read_to_string(&path)
            && let Ok(pid) = text.trim().parse::<u32>()
            && pid != std::process::id()
            && is_aerobus(pid)
        {
            anyhow::bail!("Aerobus already runs from {} as process {pid}", self.path.display());
        }
        fs::write(&path, format!("{}\n", std::process::id()))
            .with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(Entered { path })
    }
}

/// Removes the note of the process id at the end.
#[derive(Debug)]
pub struct Entered {
    path: PathBuf,
}

impl Drop for Entered {
    fn drop(&mut self) {
        // The next start tells a stale note by its process, so a failure here harms nobody.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether that process is an Aerobus: process ids are given again after a while.
fn is_aerobus(pid: u32) -> bool {
    if servers::is_gone(pid) {
        return false;
    }
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => name.trim() == "aerobus",
        // No /proc on this system: better to refuse a start than to run twice.
        Err(_) => true,
    }
}

fn random_text(length: usize) -> String {
    Alphanumeric.sample_string(&mut rand::rng(), length)
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> anyhow::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map(Some).with_context(|| format!("{} is damaged", path.display()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

/// Writes a file that only its owner can read, replacing it as a whole.
fn write_private(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    let draft = path.with_extension("new");
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(&serde_json::to_vec_pretty(value)?)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn secrets_and_the_administrator_are_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let mut home = Home::open(&folder.path().join("new")).unwrap();
        let secret = home.secret("services").unwrap();
        let password = home.administrator().unwrap().password;
        assert_eq!(secret.expose_secret().len(), 48);

        let mut again = Home::open(home.path()).unwrap();
        assert_eq!(again.secret("services").unwrap().expose_secret(), secret.expose_secret());
        assert_ne!(again.secret("other").unwrap().expose_secret(), secret.expose_secret());
        assert_eq!(again.administrator().unwrap().password.expose_secret(), password.expose_secret());
        for file in ["secrets.json", "admin.json"] {
            let mode = fs::metadata(home.path().join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    }

    #[test]
    fn a_stale_note_does_not_keep_the_next_start_out() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        fs::write(folder.path().join("aerobus.pid"), "1\n").unwrap();
        let entered = home.enter().unwrap();
        drop(entered);
        assert!(!folder.path().join("aerobus.pid").exists());
    }
}
